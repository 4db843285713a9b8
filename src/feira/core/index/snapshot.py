"""Stored indexes: written beside the present one, then switched to in one step, and checked when opened.

    <root>/CURRENT                      the name of the folder that counts
    <root>/000000000042-9f1c2a7b/       one snapshot: manifest.json, ids.npy, codes.npy, and what its kind needs

A crash at any moment leaves either the old snapshot or the new one in force. One process writes under a root.
"""

import hashlib
import json
import os
import secrets
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from feira.core.errors import SnapshotCorrupt
from feira.core.index.base import CodedIndex
from feira.core.index.exact import ExactIndex
from feira.core.index.inverted import InvertedIndex
from feira.core.index.scalar import ScalarIndex
from feira.core.learning.pca import Projection

FORMAT_VERSION = 1
_KINDS = (ExactIndex.kind, ScalarIndex.kind, InvertedIndex.kind)
_POINTER, _MANIFEST, _UNFINISHED = "CURRENT", "manifest.json", ".unfinished-"
_PROJECTION = "projection.bin"


@dataclass(frozen=True, slots=True)
class SnapshotManifest:
    """What a snapshot holds and up to which log entry; `projection` is the version of its projection, if it has one."""

    kind: str
    encoder_id: str
    dim: int
    seq: int
    count: int
    checksum: str
    files: dict[str, str]
    projection: str = ""
    format_version: int = FORMAT_VERSION


def write_snapshot(root: Path, index: CodedIndex, *, encoder_id: str, seq: int, keep: int = 2) -> SnapshotManifest:
    """Store the index as it stands after log entry `seq` and make it the current snapshot.

    The caller makes no changes to the index meanwhile; searches may go on. Of the older snapshots all but `keep - 1`
    are deleted, and so is whatever a crashed writer left behind.
    """
    root.mkdir(parents=True, exist_ok=True)
    previous = _current_name(root)
    name = f"{seq:012d}-{secrets.token_hex(4)}"
    unfinished = root / f"{_UNFINISHED}{name}"
    unfinished.mkdir()
    index.save(unfinished)
    projection = index.coding.projection
    if projection is not None:
        (unfinished / _PROJECTION).write_bytes(projection.pack())
    manifest = SnapshotManifest(
        kind=index.kind,
        encoder_id=encoder_id,
        dim=index.dim,
        seq=seq,
        count=len(index),
        checksum=index.checksum(),
        files={path.name: _sha256(path) for path in sorted(unfinished.iterdir())},
        projection=projection.version if projection else "",
    )
    (unfinished / _MANIFEST).write_text(json.dumps(asdict(manifest), indent=1), encoding="utf-8")
    for path in unfinished.iterdir():
        _sync(path)
    _sync(unfinished)
    unfinished.rename(root / name)
    pointer = root / f"{_UNFINISHED}{_POINTER}"
    pointer.write_text(name, encoding="utf-8")
    _sync(pointer)
    pointer.replace(root / _POINTER)
    _sync(root)
    _prune(root, current=name, previous=previous, keep=keep)
    return manifest


def read_manifest(root: Path) -> SnapshotManifest | None:
    """Return what the current snapshot says of itself, or None when there is none; its arrays are not checked.

    Raises:
        SnapshotCorrupt: there is one, but its manifest is missing, unreadable or of a format we do not know.
    """
    name = _current_name(root)
    if name is None:
        return None
    try:
        facts = json.loads((root / name / _MANIFEST).read_text(encoding="utf-8"))
        version = facts["format_version"]
        manifest = SnapshotManifest(**facts) if version == FORMAT_VERSION else None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _corrupt(root / name, f"its manifest cannot be read ({error!r})") from error
    if manifest is None:
        raise _corrupt(root / name, f"it has format {version!r}, this Feira reads format {FORMAT_VERSION}")
    return manifest


def open_snapshot(root: Path) -> tuple[CodedIndex, SnapshotManifest] | None:
    """Return the current snapshot's index and manifest, or None when nothing was stored yet.

    Raises:
        SnapshotCorrupt: a file is missing or altered; delete the folder and rebuild from the log.
    """
    manifest = read_manifest(root)
    if manifest is None:
        return None
    folder = root / str(_current_name(root))
    if manifest.kind not in _KINDS:
        raise _corrupt(folder, f"its kind {manifest.kind!r} is unknown")
    for name, expected in manifest.files.items():
        path = folder / Path(name).name
        if not path.is_file() or _sha256(path) != expected:
            raise _corrupt(folder, f"{name} is missing or altered")
    index = _empty(manifest, folder).fill_from(folder)
    if len(index) != manifest.count or index.checksum() != manifest.checksum:
        raise _corrupt(folder, "its arrays are not those its manifest speaks of")
    return index, manifest


def snapshot_bytes(root: Path) -> int:
    """Return what all snapshots under a root take on disk."""
    return sum(path.stat().st_size for path in root.rglob("*") if path.is_file())


def _empty(manifest: SnapshotManifest, folder: Path) -> CodedIndex:
    """Return an empty index of the kind that the manifest names."""
    if manifest.kind == ExactIndex.kind:
        return ExactIndex(manifest.dim)
    try:
        projection = Projection.unpack((folder / _PROJECTION).read_bytes()) if manifest.projection else None
        kind = ScalarIndex if manifest.kind == ScalarIndex.kind else InvertedIndex
        return kind(manifest.dim, projection)
    except (OSError, ValueError) as error:
        raise _corrupt(folder, f"its projection cannot be used ({error})") from error


def _current_name(root: Path) -> str | None:
    try:
        name = (root / _POINTER).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise _corrupt(root, f"the pointer to the current snapshot cannot be read ({error})") from error
    if not name or Path(name).name != name or name.startswith("."):
        raise _corrupt(root, f"the pointer names no snapshot ({name!r})")
    return name


def _prune(root: Path, *, current: str, previous: str | None, keep: int) -> None:
    """Delete old snapshots; the one that was current until now outlives the others."""
    folders = [path for path in root.iterdir() if path.is_dir() and path.name != current]
    finished = sorted((path for path in folders if not path.name.startswith(_UNFINISHED)), key=lambda path: path.name)
    finished.sort(key=lambda path: path.name == previous)
    kept = finished[len(finished) - max(keep - 1, 0) :]
    for path in folders:
        if path not in kept:
            shutil.rmtree(path, ignore_errors=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sync(path: Path) -> None:
    """Ask the disk to really have it, so that a power cut cannot leave a pointer to an empty file."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _corrupt(where: Path, what: str) -> SnapshotCorrupt:
    facts: dict[str, Any] = {"path": str(where)}
    return SnapshotCorrupt(f"The index snapshot in {where} cannot be used: {what}. Delete it to rebuild.", **facts)
