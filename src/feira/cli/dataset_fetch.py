"""Archives of data sets written to disk: gone on with where they broke off, and checked from end to end."""

from pathlib import Path
from typing import Literal

from feira.cli.console import progress, say
from feira.cli.errors import Misused
from feira.client import archives as packed
from feira.client.errors import Damaged
from feira.core.errors import Refused
from feira.shop.datasets.archives import archive_name, archive_of
from feira.shop.datasets.models import Snapshot

Archive = Literal["zip", "tar"]
KINDS: tuple[Archive, ...] = ("zip", "tar")


def fetch(snapshot: Snapshot, path: Path | None, archive: Archive | None) -> Path:
    """Write the archive and return where it lies.

    On its way it lies beside as `NAME.ETAG.part`: what is there of the same bytes is not written again.

    Raises:
        Misused: the place cannot be written.
        Refused: the archive on the disk is not what it should be; it is deleted.
    """
    kind = archive or _kind_of(path)
    target = path or Path()
    if target.is_dir():
        target /= f"{archive_name(snapshot)}.{kind}"
    if target.exists():
        raise Misused(f"{target} is there already. Name another file, or delete it first.")
    part = _written(snapshot, target, kind)
    try:
        # The check reads the kind of archive from the name.
        checked = part.with_name(f"{part.name}.{kind}")
        part.replace(checked)
        packed.check_archive(checked, manifest_sha256=snapshot.manifest_sha256)
    except Damaged as error:
        checked.unlink()
        raise Refused(f"{error} It is deleted; fetch it again.") from error
    checked.replace(target)
    return target


def unpacked(snapshot: Snapshot, path: Path | None, archive: Archive | None) -> Path:
    """Write the data set as a folder and return it: all of it, or nothing.

    Raises:
        Misused: the folder is there already and is not empty, or cannot be written.
        Refused: as `fetch`.
    """
    folder = path or Path(archive_name(snapshot))
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Misused(f"{folder} is there already and not empty. Name a new folder.")
    kind = archive or "zip"
    part = _written(snapshot, folder.with_name(f"{folder.name}.{kind}"), kind)
    whole = part.with_name(f"{part.name}.{kind}")
    part.replace(whole)
    try:
        packed.unpack(whole, folder, manifest_sha256=snapshot.manifest_sha256)
    except Damaged as error:
        raise Refused(f"{error} It is deleted; fetch it again.") from error
    finally:
        whole.unlink(missing_ok=True)
    return folder


def _kind_of(path: Path | None) -> Archive:
    ending = path.suffix.removeprefix(".") if path and not path.is_dir() else ""
    found = next((kind for kind in KINDS if kind == ending), None)
    if ending and found is None:
        raise Misused(f"A name that ends with .{ending} does not tell the kind of archive. Say --archive zip or tar.")
    return found or "zip"


def _written(snapshot: Snapshot, target: Path, kind: Archive) -> Path:
    """Write what is missing of an archive beside the target and return that file."""
    stream = archive_of(snapshot, archive=kind)
    part = target.with_name(f"{target.name}.{stream.etag[:16]}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        there = min(part.stat().st_size, stream.size) if part.exists() else 0
        if there:
            say(f"Going on at byte {there} of {stream.size}.")
        with progress(f"{target.name}, bytes", stream.size, start=there) as advance, part.open("ab") as file:
            for chunk in stream.chunks(there):
                advance(file.write(chunk))
    except OSError as error:
        raise Misused(f"{target} cannot be written: {error.strerror or error}.") from error
    return part
