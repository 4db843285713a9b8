"""Catalogues that somebody uploads: a table, or an archive of photos with or without one."""

import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from feira.core.errors import SourceError
from feira.settings import load_settings
from feira.shop.listings.photo_sources import NOWHERE, stored_photo
from feira.shop.listings.records import Record, read_records
from feira.shop.photos.blobs import blob_store

TABLES = (".csv", ".jsonl", ".ndjson", ".parquet")
ARCHIVE = ".zip"
MOST_FILES = 50_000
MOST_BYTES = 4_000_000_000


def records_of_upload(digest: str, name: str, folder: Path) -> Iterator[Record]:
    """Yield the records of an upload that lies in the blob store; photos of an archive are put there as well.

    So any worker, on whatever machine, can read them when its row comes up.

    Args:
        digest, name: of the uploaded file; the name's ending says what it is.
        folder: an empty one to work in.

    Raises:
        SourceError: it is no such file, or it is damaged.
    """
    upload = folder / PurePosixPath(name).name
    with blob_store().open(digest) as content, upload.open("wb") as file:
        shutil.copyfileobj(content, file)
    inside: Path | None = None
    source = upload
    if upload.suffix.lower() == ARCHIVE:
        inside = source = _only_folder(_unpack(upload, folder / "unpacked"))
    for record in read_records(source):
        yield Record(record.key, {**record.fields, "photos": [_kept(ref, inside) for ref in record.fields["photos"]]})


def _kept(reference: str, inside: Path | None) -> str:
    """Return a reference that holds on every machine: an address, or a photo of the archive in the blob store.

    A photo that is not in the archive, or too large, gets a reference that leads nowhere: its row alone is refused.
    """
    if reference.startswith(("http://", "https://")):
        return reference
    path = Path(reference).resolve()
    try:
        is_ours = inside is not None and path.is_relative_to(inside.resolve())
        if is_ours and path.stat().st_size <= load_settings().photo_max_bytes:
            return stored_photo(blob_store().put(path.read_bytes()), path.name)
    except OSError:
        pass
    return stored_photo(NOWHERE, path.name)


def _unpack(archive: Path, into: Path) -> Path:
    into.mkdir()
    try:
        with zipfile.ZipFile(archive) as packed:
            members = [member for member in packed.infolist() if not member.is_dir()]
            if len(members) > MOST_FILES or sum(member.file_size for member in members) > MOST_BYTES:
                raise SourceError(f"The archive holds over {MOST_FILES:,} files or {MOST_BYTES:,} bytes. Split it.")
            for member in members:
                path = PurePosixPath(member.filename.replace("\\", "/"))
                if path.is_absolute() or ".." in path.parts:
                    raise SourceError(f"The archive names a file outside of its folder: {member.filename}.")
                packed.extract(member, into)
    except (zipfile.BadZipFile, EOFError, RuntimeError, NotImplementedError) as error:
        raise SourceError(f"{archive.name} cannot be unpacked: {error}.") from error
    return into


def _only_folder(folder: Path) -> Path:
    """Step into folders that hold nothing but one folder, as archives often do."""
    hidden = (".", "__MACOSX")
    inside = [path for path in folder.iterdir() if not path.name.startswith(hidden)]
    while len(inside) == 1 and inside[0].is_dir():
        folder = inside[0]
        inside = [path for path in folder.iterdir() if not path.name.startswith(hidden)]
    return folder
