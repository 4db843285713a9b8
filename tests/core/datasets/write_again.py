"""A program for the tests: writes every format from a folder of photos, and prints what came out as JSON."""

import json
import os
import random
import sys
import tempfile
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, cast
from zlib import crc32

from feira.core.datasets.archive import ArchiveStream, Entry, TarStream, ZipStream
from feira.core.datasets.closing import Format
from feira.core.datasets.records import ImageFile, Record
from tests.core.datasets.made import write_dataset

FORMATS: tuple[Format, ...] = ("files", "webdataset", "parquet", "imagefolder")


def main(source: Path, *, shuffle: int, backwards: bool) -> None:
    """Read records and photos in a shuffled order and write them all."""
    names = [entry.name for entry in os.scandir(source)]
    random.Random(shuffle).shuffle(names)
    records = sorted(
        (Record.from_facts(json.loads((source / name).read_bytes())) for name in names if name.endswith(".json")),
        key=lambda record: record.key,
    )

    def open_image(image: ImageFile) -> BinaryIO:
        return cast("BinaryIO", (source / image.sha256).open("rb"))

    found: dict[str, str] = {}
    for kind in FORMATS:
        with tempfile.TemporaryDirectory() as kept:
            folder = Path(kept)
            write_dataset(folder, kind, records, open_image, backwards=backwards)
            paths = [path for path in folder.rglob("*") if path.is_file()]
            found |= {f"{kind}/{path.relative_to(folder)}": _digest(path.read_bytes()) for path in paths}
            entries = sorted((_entry(folder, path) for path in paths), key=lambda entry: entry.path)
            archives: list[ArchiveStream] = [ZipStream(lambda _first: entries), TarStream(lambda _first: entries)]  # noqa: B023
            for archive in archives:
                found[f"{kind} {archive.media_type}"] = _digest(b"".join(archive.chunks())) + archive.etag
    json.dump(found, sys.stdout)


def _entry(folder: Path, path: Path) -> Entry:
    content = path.read_bytes()
    opener = cast("partial[BinaryIO]", partial(path.open, "rb"))
    return Entry(path.relative_to(folder).as_posix(), len(content), crc32(content), opener)


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()


if __name__ == "__main__":
    main(Path(sys.argv[1]), shuffle=int(sys.argv[2]), backwards=sys.argv[3] == "backwards")
