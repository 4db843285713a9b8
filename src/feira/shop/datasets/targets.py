"""Where data sets may be delivered: addresses of requests, held against those that the operator allows."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from django.utils.translation import gettext as _

from feira.settings import load_settings


@dataclass(frozen=True, slots=True)
class FolderTarget:
    """A folder on this machine."""

    folder: Path


@dataclass(frozen=True, slots=True)
class BucketTarget:
    """A place in an S3-compatible bucket; the endpoint is the operator's, None for the usual one."""

    bucket: str
    prefix: str
    endpoint: str | None


Target = FolderTarget | BucketTarget


def problem_with(address: str) -> str:
    """Return why nothing may be delivered there, nothing when it may."""
    return "" if target_at(address) is not None else _refusal()


def target_at(address: str) -> Target | None:
    """Return the place that an address names, None unless it lies below one that the settings allow.

    The endpoint of a bucket comes from the settings alone: a request that could choose one could send the shop's keys
    anywhere. A name without a scheme is a folder below the first place.
    """
    allowed = load_settings().resolved_dataset_targets()
    if "://" not in address:
        if not address.strip("/"):
            return None
        first, _mark, _query = allowed[0].partition("?")
        address = f"{first.rstrip('/')}/{address.strip('/')}"
    for root in allowed:
        if (found := _below(root, address)) is not None:
            return found
    return None


def _below(root: str, address: str) -> Target | None:
    allowed, asked = urlsplit(root), urlsplit(address)
    if asked.scheme != allowed.scheme or asked.query or asked.fragment or "\0" in address:
        return None
    path = unquote(asked.path)
    if any(part in ("", ".", "..") for part in path.strip("/").split("/")) and path.strip("/"):
        return None
    if allowed.scheme == "file":
        # Resolved, so that no link in a folder leads out of it.
        home, folder = Path(unquote(allowed.path)).resolve(), Path(path).resolve()
        return FolderTarget(folder) if folder.is_relative_to(home) and not asked.netloc else None
    if allowed.scheme == "s3":
        home_prefix, prefix = unquote(allowed.path).strip("/"), path.strip("/")
        is_below = not home_prefix or prefix == home_prefix or prefix.startswith(f"{home_prefix}/")
        endpoint = parse_qs(allowed.query).get("endpoint", [None])[0]
        return BucketTarget(asked.netloc, prefix, endpoint) if is_below and asked.netloc == allowed.netloc else None
    return None


def _refusal() -> str:
    shown = ", ".join(each.partition("?")[0] for each in load_settings().resolved_dataset_targets())
    text = _(
        "Nothing may be delivered there. Give an address below %(shown)s, or leave it out and download the data set."
    )
    return text % {"shown": shown}
