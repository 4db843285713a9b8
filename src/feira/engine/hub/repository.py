"""A model repository on a hub: which commit a revision is, which files it holds, and what they must be."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from feira.engine.hub.config import HubConfig
from feira.engine.hub.errors import PullFailed
from feira.engine.hub.transfer import Expected, Transfer

_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_REVISION: Final = re.compile(r"[A-Za-z0-9][\w./-]*")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """One commit of a repository.

    Attributes:
        name: `owner/repository`.
        commit: 40 hexadecimal digits.
        licence: as the repository's card states it, or an empty string.
        files: path to what is known of the file.
    """

    name: str
    commit: str
    licence: str
    files: Mapping[str, Expected]

    def address(self, config: HubConfig, path: str) -> str:
        """Return where a file of this commit is."""
        return f"{config.url}/{self.name}/resolve/{self.commit}/{quote(path)}"


def look_up(name: str, revision: str, *, config: HubConfig, transfer: Transfer) -> Repository:
    """Ask the hub for a revision: a branch, a tag or a commit.

    Raises:
        PullFailed: the names are none, the hub has no such thing, or its answer is not understood; asked for a commit,
            it must answer with that one.
    """
    if not _NAME.fullmatch(name) or ".." in name:
        raise PullFailed(f"{name!r} is no name of a repository; expected owner/repository.")
    if not _REVISION.fullmatch(revision) or ".." in revision:
        raise PullFailed(f"{revision!r} is no revision; expected a commit, a tag or a branch.")
    url = f"{config.url}/api/models/{name}/revision/{quote(revision, safe='')}?blobs=true"
    try:
        facts = json.loads(transfer.fetch_small(url))
        commit = facts["sha"]
        files = {entry["rfilename"]: _expected(entry) for entry in facts["siblings"]}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PullFailed(f"{config.url} did not answer as a hub does about {name}; check FEIRA_HUB_URL.") from error
    if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
        raise PullFailed(f"The hub names no commit of {name} at {revision}.")
    if _COMMIT.fullmatch(revision) and commit != revision:
        raise PullFailed(f"The hub answers with commit {commit[:12]}… of {name}; {revision[:12]}… was asked for.")
    return Repository(name=name, commit=commit, licence=_licence(facts), files=files)


def _expected(entry: Mapping[str, Any]) -> Expected:
    large = entry.get("lfs") or {}
    size = large.get("size", entry.get("size"))
    return Expected(
        sha256=str(large.get("sha256", "")).lower(),
        # For a large file the hub's blob is its pointer, not its content.
        git_blob="" if large else str(entry.get("blobId", "")),
        size=size if type(size) is int else None,
    )


def _licence(facts: Mapping[str, Any]) -> str:
    card = facts.get("cardData")
    if not isinstance(card, dict):
        return ""
    named = card.get("license_name") if card.get("license") == "other" else card.get("license")
    return str(named or card.get("license") or "")
