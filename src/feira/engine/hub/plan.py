"""What a pull will fetch, worked out before anything is fetched but descriptions."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import quote, urljoin, urlsplit

from feira.core.encoders.manifest import MANIFEST_NAME
from feira.engine.hub.config import HubConfig
from feira.engine.hub.errors import PullFailed
from feira.engine.hub.foreign import derive
from feira.engine.hub.presets import Precision, Preset, PresetFile, presets
from feira.engine.hub.repository import Repository, look_up
from feira.engine.hub.transfer import Expected, Transfer
from feira.engine.registry import BUILTIN_NAMES

HUB_PREFIX: Final = "hub:"
_LOCAL_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,127}")
# Nothing that carries code: PyTorch's files are programs, and are taken by hand from whom one trusts.
_ENDINGS: Final = (".onnx", ".onnx_data", ".data", ".json", ".txt", ".npz", ".md")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFile:
    """One file: its name in the model's folder, where it is, and what it must be."""

    name: str
    url: str
    expected: Expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One pull.

    Attributes:
        name: of the folder it makes.
        address: as it was asked for; with the revision it says what was pulled.
        title: one line about the model, if known.
        licence, licence_url: to be read before.
        revision: the commit; empty for an address of its own.
        is_pinned: whether revision or checksums were known before the source was asked.
        files: what the folder will hold.
        twins: the same model in float32, fetched to compare a coarser one with and not kept.
        facts: the manifest but for what the files say themselves.
        manifest: the source's own manifest, kept byte by byte; None where ours is written.
    """

    name: str
    address: str
    title: str = ""
    licence: str = ""
    licence_url: str = ""
    revision: str = ""
    is_pinned: bool = False
    files: tuple[PlannedFile, ...]
    twins: tuple[PlannedFile, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    manifest: bytes | None = None

    @property
    def bytes(self) -> int | None:
        """How much will be fetched; None where the source does not say."""
        sizes = [file.expected.size for file in (*self.files, *self.twins)]
        return sum(size for size in sizes if size is not None) if None not in sizes else None


def make_plan(
    address: str,
    *,
    name: str = "",
    precision: Precision = "fp32",
    locked: Mapping[str, Mapping[str, Any]],
    config: HubConfig,
    transfer: Transfer,
) -> Plan:
    """Work out what an address stands for.

    Args:
        address: a preset's name, `hub:owner/repository`, the same with `@revision`, or the address of a `model.json`.
        name: for the folder, where it shall not be the source's own.
        locked: what was pulled before, by name: the same address means the same commit and the same bytes again.

    Raises:
        PullFailed: there is nothing of the kind, it asks for something that is not taken, or what was pulled under this
            name came from elsewhere.
        Offline: its description would have to be fetched.
    """
    known = presets()
    if address in known:
        folder = _folder_name(name or (address if precision == "fp32" else f"{address}-{precision}"))
        entry = _entry(locked, folder, f"{address} {precision}")
        plan = _of_preset(known[address], precision, folder, entry, config=config, transfer=transfer)
    elif precision != "fp32":
        raise PullFailed(f"Only presets come in {precision}; {address} is taken as it is. See `feira model convert`.")
    elif address.startswith(HUB_PREFIX):
        repository, _, revision = address.removeprefix(HUB_PREFIX).partition("@")
        folder = _folder_name(name or repository.rpartition("/")[2])
        entry = _entry(locked, folder, address)
        found = look_up(repository, revision or _revision(entry) or "main", config=config, transfer=transfer)
        plan = _of_repository(found, address, folder, config=config, transfer=transfer)
    elif urlsplit(address).scheme in {"http", "https"}:
        folder = _folder_name(name or urlsplit(address).path.rpartition("/")[0].rpartition("/")[2])
        entry = _entry(locked, folder, address)
        plan = _of_address(address, folder, transfer=transfer)
    else:
        raise PullFailed(
            f"{address} is no preset ({', '.join(known)}), no hub:owner/repository and no address of a {MANIFEST_NAME}."
        )
    return _as_locked(plan, entry) if entry else plan


def _of_preset(
    preset: Preset,
    precision: Precision,
    folder: str,
    entry: Mapping[str, Any] | None,
    *,
    config: HubConfig,
    transfer: Transfer,
) -> Plan:
    if precision != "fp32" and precision not in preset.variants:
        there = ", ".join(["fp32", *preset.variants])
        raise PullFailed(f"{preset.name} comes in {there}, not in {precision}. See `feira model convert`.")
    revision = preset.revision or _revision(entry) or "main"
    found = look_up(preset.repository, revision, config=config, transfer=transfer)
    other = preset.variants.get(precision, {})
    files = {**preset.files, **other}
    title = preset.title if precision == "fp32" else f"{preset.title} ({precision})"
    return Plan(
        name=folder,
        address=f"{preset.name} {precision}",
        title=title,
        licence=preset.licence,
        licence_url=preset.licence_url,
        revision=found.commit,
        is_pinned=bool(preset.revision),
        files=tuple(_of_commit(found, local, file, config) for local, file in files.items()),
        twins=tuple(_of_commit(found, local, preset.files[local], config) for local in other),
        facts={
            "name": folder,
            **preset.manifest,
            "licence": preset.licence,
            "source": {"repository": preset.repository, "commit": found.commit, "url": f"{config.url}/{found.name}"},
        },
    )


def _of_repository(found: Repository, address: str, folder: str, *, config: HubConfig, transfer: Transfer) -> Plan:
    page = f"{config.url}/{found.name}"
    plan = Plan(
        name=folder,
        address=address,
        licence=found.licence,
        licence_url=page,
        revision=found.commit,
        is_pinned=address.endswith(f"@{found.commit}"),
        files=(),
    )
    if MANIFEST_NAME in found.files:
        content = transfer.fetch_small(found.address(config, MANIFEST_NAME))
        listed = _listed(content, MANIFEST_NAME)
        files = [_of_commit(found, local, PresetFile(path=local, sha256=sha), config) for local, sha in listed.items()]
        facts = json.loads(content)
        licence = _licence(facts) or found.licence
        return replace(plan, licence=licence, files=tuple(files), facts=facts, manifest=content)

    def read_json(path: str) -> Mapping[str, Any]:
        try:
            facts = json.loads(transfer.fetch_small(found.address(config, path)))
        except ValueError as error:
            raise PullFailed(f"{path} of {found.name} is not JSON ({error}).") from error
        if not isinstance(facts, dict):
            raise PullFailed(f"{path} of {found.name} is no JSON object.")
        return facts

    paths, facts = derive(found.files, read_json)
    source = {"repository": found.name, "commit": found.commit, "url": page}
    return replace(
        plan,
        files=tuple(_of_commit(found, local, PresetFile(path=path), config) for local, path in paths.items()),
        facts={"name": folder, **facts, **({"licence": found.licence} if found.licence else {}), "source": source},
    )


def _of_address(address: str, folder: str, *, transfer: Transfer) -> Plan:
    content = transfer.fetch_small(address)
    listed = _listed(content, address)
    facts = json.loads(content)
    return Plan(
        name=folder,
        address=address,
        licence=_licence(facts),
        files=tuple(
            PlannedFile(name=local, url=urljoin(address, quote(local)), expected=Expected(sha256=sha256))
            for local, sha256 in listed.items()
        ),
        facts=facts,
        manifest=content,
    )


def _of_commit(found: Repository, local: str, file: PresetFile, config: HubConfig) -> PlannedFile:
    """Return one file of a commit; what we know of it and what the hub says must agree."""
    expected = found.files.get(file.path)
    if expected is None:
        raise PullFailed(f"{found.name} holds no {file.path} at {found.commit[:12]}….")
    if file.sha256 and expected.sha256 and file.sha256 != expected.sha256:
        raise PullFailed(
            f"The hub lists {file.path} of {found.name} with SHA-256 {expected.sha256[:12]}…, known is "
            f"{file.sha256[:12]}…. Nothing was fetched; find out why before you trust it.",
            file=file.path,
        )
    known = Expected(sha256=file.sha256 or expected.sha256, git_blob=expected.git_blob, size=expected.size)
    return PlannedFile(name=_file_name(local), url=found.address(config, file.path), expected=known)


def _listed(content: bytes, where: str) -> dict[str, str]:
    """Return the files and checksums that a manifest names."""
    try:
        facts = json.loads(content)
        listed = {str(name): str(file["sha256"]) for name, file in facts["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PullFailed(f"{where} is no manifest of a model: it lists no files with their SHA-256.") from error
    for name in listed:
        _file_name(name)
    return listed


def _file_name(name: str) -> str:
    if not _LOCAL_NAME.fullmatch(name) or name == MANIFEST_NAME:
        raise PullFailed(
            f"The model names a file {name!r}; names are plain, in the model's own folder. Nothing was fetched."
        )
    if not name.endswith(_ENDINGS) and name not in {"LICENSE", "LICENCE", "NOTICE", "README"}:
        raise PullFailed(
            f"The model names a file {name!r}; {', '.join(_ENDINGS)} are fetched. Files that may carry code, such as "
            "PyTorch's, are copied into the models folder by hand."
        )
    return name


def _folder_name(name: str) -> str:
    if not _LOCAL_NAME.fullmatch(name) or name in BUILTIN_NAMES:
        raise PullFailed(f"{name!r} is no name for a model's folder; give one with --as.")
    return name


def _licence(facts: Mapping[str, Any]) -> str:
    stated = facts.get("licence")
    return stated if isinstance(stated, str) else ""


def _entry(locked: Mapping[str, Mapping[str, Any]], folder: str, address: str) -> Mapping[str, Any] | None:
    entry = locked.get(folder)
    if entry is not None and entry.get("address") != address:
        raise PullFailed(
            f"{folder} was pulled from {entry.get('address')!r} before. Give the new one another name with --as, or "
            "forget the old one with --renew."
        )
    return entry


def _revision(entry: Mapping[str, Any] | None) -> str:
    return str(entry.get("revision") or "") if entry else ""


def _as_locked(plan: Plan, entry: Mapping[str, Any]) -> Plan:
    """Return the plan with the checksums of the first pull, which its source must still agree with."""
    kept: Mapping[str, str] = entry["files"]
    files = []
    for file in plan.files:
        sha256 = kept.get(file.name, "")
        if file.expected.sha256 and sha256 and file.expected.sha256 != sha256:
            raise PullFailed(
                f"{file.name} of {plan.address} has another SHA-256 than when it was first pulled. Nothing was "
                "fetched. If the change is wanted, pull with --renew.",
                file=file.name,
            )
        expected = Expected(
            sha256=sha256 or file.expected.sha256, git_blob=file.expected.git_blob, size=file.expected.size
        )
        files.append(PlannedFile(name=file.name, url=file.url, expected=expected))
    return replace(plan, files=tuple(files), is_pinned=True)
