"""Archives of data sets: unpacked without leaving their folder, every file checked against the manifest."""

import hashlib
import io
import json
import shutil
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from feira.client.errors import Damaged

MANIFEST = "manifest.json"
CHUNK = 1 << 20


def check_archive(archive: Path, *, manifest_sha256: str) -> None:
    """Read an archive from end to end and compare each file with the manifests in it.

    Args:
        manifest_sha256: of the manifest; of the SHA-256s of all of them, in the order of their paths, when there are
            several, as there are when a data set comes in several formats.

    Raises:
        Damaged: a file is missing, is other than it should be, or the archive cannot be read.
    """
    with _readable(archive):
        _compare(*_taken(archive, None), manifest_sha256, archive.name)


def unpack(archive: Path, folder: Path, *, manifest_sha256: str) -> None:
    """Unpack an archive, without the folder that everything in it lies in, and check every file.

    The files are put beside the folder first: either all of it is there afterwards, or nothing has changed.

    Raises:
        Damaged: as for `check_archive`.
        FileExistsError: the folder is there already and is not empty.
    """
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty. Name a new folder, or empty it first.")
    beside = folder.with_name(f"{folder.name}.unpacking")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        with _readable(archive):
            _compare(*_taken(archive, beside), manifest_sha256, archive.name)
    except Damaged:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    if folder.exists():
        folder.rmdir()
    beside.replace(folder)


def is_whole(folder: Path, *, manifest_sha256: str) -> bool:
    """Tell whether a folder holds every file of the data set with this manifest, unchanged."""
    found = [*folder.glob(MANIFEST), *folder.glob(f"*/{MANIFEST}")]
    manifests = {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
    try:
        listed = _listed(manifests, manifest_sha256, folder.name)
    except Damaged:
        return False
    return all((folder / path).is_file() and _file_digest(folder / path) == sha256 for path, sha256 in listed.items())


def content_hash_of(folder: Path) -> str:
    """Return the hash that names the data set in a folder, as its manifests say it.

    Raises:
        Damaged: there is no manifest, or it names none.
    """
    found = sorted([*folder.glob(MANIFEST), *folder.glob(f"*/{MANIFEST}")])
    try:
        return str(json.loads(found[0].read_bytes())["content_hash"])
    except (IndexError, ValueError, KeyError, TypeError) as error:
        raise Damaged([MANIFEST], str(folder)) from error


@contextmanager
def _readable(archive: Path) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise Damaged([str(error)], archive.name) from error


def _members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield path and content of each file, without the folder at the top.

    Raises:
        Damaged: a name would lead out of the folder.
    """
    if archive.suffix == ".tar":
        with tarfile.open(archive, "r:") as packed:
            for member in packed:
                if member.isfile() and (content := packed.extractfile(member)):
                    yield _inside(member.name, archive), content
    else:
        with zipfile.ZipFile(archive) as zipped:
            for info in zipped.infolist():
                if not info.is_dir():
                    with zipped.open(info) as content:
                        yield _inside(info.filename, archive), content


def _inside(name: str, archive: Path) -> str:
    parts = PurePosixPath(name).parts[1:]
    if not parts or ".." in parts or name.startswith("/") or "\\" in name:
        raise Damaged([name], archive.name)
    return "/".join(parts)


def _taken(archive: Path, folder: Path | None) -> tuple[dict[str, str], dict[str, bytes]]:
    """Return path → SHA-256 of every file and path → content of every manifest; write them below a folder, if given."""
    digests: dict[str, str] = {}
    manifests: dict[str, bytes] = {}
    for path, content in _members(archive):
        is_manifest = path.count("/") <= 1 and PurePosixPath(path).name == MANIFEST
        source: IO[bytes] = io.BytesIO(content.read()) if is_manifest else content
        if isinstance(source, io.BytesIO):
            manifests[path] = source.getvalue()
        digests[path] = _digest(source, folder / path if folder else None)
    return digests, manifests


def _listed(manifests: Mapping[str, bytes], manifest_sha256: str, where: str) -> dict[str, str]:
    """Return path → SHA-256 of every file that the manifests list.

    Raises:
        Damaged: they are not the manifests of this data set.
    """
    digests = [hashlib.sha256(manifests[path]).hexdigest() for path in sorted(manifests)]
    named = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    if named != manifest_sha256:
        raise Damaged([MANIFEST], where)
    listed: dict[str, str] = {}
    for path, content in manifests.items():
        files: list[Mapping[str, Any]] = json.loads(content)["files"]
        listed |= {f"{path.removesuffix(MANIFEST)}{file['path']}": str(file["sha256"]) for file in files}
    return listed


def _compare(found: Mapping[str, str], manifests: Mapping[str, bytes], manifest_sha256: str, where: str) -> None:
    listed = _listed(manifests, manifest_sha256, where)
    if wrong := [path for path, sha256 in listed.items() if found.get(path) != sha256]:
        raise Damaged(wrong, where)


def _digest(content: IO[bytes], target: Path | None = None) -> str:
    """Return the SHA-256 of what is read, written to a file on the way when one is given."""
    digest = hashlib.sha256()
    if target is None:
        while piece := content.read(CHUNK):
            digest.update(piece)
        return digest.hexdigest()
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        while piece := content.read(CHUNK):
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
