"""One download of many files: zip or tar, made while it is sent, of a size known before and from any byte on."""

import hashlib
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO

from feira.core.datasets.errors import FileGone, InvalidRecord
from feira.core.datasets.opening import CHUNK_BYTES
from feira.core.datasets.records import check_path
from feira.core.datasets.tar_blocks import END, tar_header, tar_member_size, tar_padding
from feira.core.datasets.zip_blocks import central_header, end_of_archive, local_header


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of an archive.

    Args:
        path: letters, digits, - and _ only, with `/` between folders: no archive can hold a path that climbs.
        bytes: its size.
        crc32: `written.FileFacts` knows it. A zip needs it in front of the content, because no reader that works
            from a stream finds the end of a stored file without.
        open: opens the content for reading from its start; called while the archive is sent.

    Raises:
        InvalidRecord: another kind of path.
    """

    path: str
    bytes: int
    crc32: int
    open: Callable[[], BinaryIO]

    def __post_init__(self) -> None:
        check_path(self.path)


# A part of an archive: its size, and what yields it from an offset on.
_Segment = tuple[int, Callable[[int], Iterator[bytes]]]


class ArchiveStream(ABC):
    """An archive that exists only while it is sent; memory does not grow with the number of files.

    Args:
        entries: starts a new pass over the files each time it is called, in ascending order of their paths by code
            point (in PostgreSQL: `COLLATE "C"`), each once.
        root: folder that everything is put in; none when empty.

    Raises:
        InvalidRecord: the paths come in another order, or `root` is more than letters, digits, - and _. The order is
            seen when `size`, `etag` or `chunks` go through the files.
    """

    media_type: str

    def __init__(self, entries: Callable[[], Iterable[Entry]], *, root: str = "") -> None:
        if root:
            check_path(f"{root}/file.txt")
        self._entries, self._root = entries, f"{root}/" if root else ""

    @property
    def size(self) -> int:
        """Bytes of the whole archive, for `Content-Length`; no file is opened."""
        return self._measured[0]

    @property
    def etag(self) -> str:
        """64 hex digits that change when any byte of the archive does: what a resumed download has to name."""
        return self._measured[1]

    def chunks(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the archive from byte `start` up to byte `stop`; files before and after are not opened.

        Raises:
            FileGone: a file cannot be read, is shorter or longer, or (where all of it was asked for) has another
                checksum. Break the connection: what was sent is no whole archive.
            ValueError: `start` lies below 0 or behind the end.
        """
        stop = self.size if stop is None else min(stop, self.size)
        if not 0 <= start <= stop:
            raise ValueError(f"The archive has no bytes from {start} to {stop}.")
        return self._cut(start, stop)

    def _cut(self, start: int, stop: int) -> Iterator[bytes]:
        at = 0
        for size, content in self._segments():
            if at >= stop:
                return
            if at + size > start:
                left = stop - max(at, start)
                for chunk in content(max(start - at, 0)):
                    yield chunk[:left]
                    left -= len(chunk)
                    if left <= 0:
                        break
            at += size

    @cached_property
    def _measured(self) -> tuple[int, str]:
        """Size and tag, in one pass."""
        digest = hashlib.sha256(f"{self.media_type} {self._root}".encode())
        at = directory = count = 0
        for entry in self._in_order():
            digest.update(f"{entry.path} {entry.bytes} {entry.crc32}\n".encode())
            member, listed = self._measure(entry, at)
            at, directory, count = at + member, directory + listed, count + 1
        return at + directory + self._end_size(count, at, directory), digest.hexdigest()

    def _in_order(self) -> Iterator[Entry]:
        last = ""
        for entry in self._entries():
            if entry.path <= last:
                raise InvalidRecord(
                    f"{entry.path} came after {last}. Give files in ascending order of their paths, each once.",
                    path=entry.path,
                )
            last = entry.path
            yield entry

    @abstractmethod
    def _segments(self) -> Iterator[_Segment]:
        """Yield the parts of the archive in their order."""

    @abstractmethod
    def _measure(self, entry: Entry, offset: int) -> tuple[int, int]:
        """Return how many bytes a file at `offset` takes where it stands, and in the directory at the end."""

    @abstractmethod
    def _end_size(self, count: int, start: int, size: int) -> int:
        """Return how many bytes follow a directory of `size` bytes at `start` that lists `count` files."""


class TarStream(ArchiveStream):
    """A tar without compression; times are zero and nobody owns the files."""

    media_type = "application/x-tar"

    def _segments(self) -> Iterator[_Segment]:
        for entry in self._in_order():
            yield _fixed(tar_header(self._root + entry.path, entry.bytes))
            yield entry.bytes, _content(entry)
            yield _fixed(tar_padding(entry.bytes))
        yield _fixed(END)

    def _measure(self, entry: Entry, offset: int) -> tuple[int, int]:  # noqa: ARG002 - a tar's headers hold no offsets
        return tar_member_size(self._root + entry.path, entry.bytes), 0

    def _end_size(self, count: int, start: int, size: int) -> int:  # noqa: ARG002 - nor does its end
        return len(END)


class ZipStream(ArchiveStream):
    """A zip of stored files, with ZIP64 records where sizes or counts need them; times are 1 January 1980."""

    media_type = "application/zip"

    def _segments(self) -> Iterator[_Segment]:
        at = 0
        for entry in self._in_order():
            head = local_header(self._root + entry.path, size=entry.bytes, crc32=entry.crc32)
            yield _fixed(head)
            yield entry.bytes, _content(entry)
            at += len(head) + entry.bytes
        directory, offset, count = at, 0, 0
        for entry in self._in_order():
            head = self._listed(entry, offset)
            yield _fixed(head)
            at, offset, count = at + len(head), offset + self._measure(entry, offset)[0], count + 1
        yield _fixed(end_of_archive(count=count, start=directory, size=at - directory))

    def _listed(self, entry: Entry, offset: int) -> bytes:
        return central_header(self._root + entry.path, size=entry.bytes, crc32=entry.crc32, offset=offset)

    def _measure(self, entry: Entry, offset: int) -> tuple[int, int]:
        head = local_header(self._root + entry.path, size=entry.bytes, crc32=entry.crc32)
        return len(head) + entry.bytes, len(self._listed(entry, offset))

    def _end_size(self, count: int, start: int, size: int) -> int:
        return len(end_of_archive(count=count, start=start, size=size))


def _fixed(content: bytes) -> _Segment:
    return len(content), lambda start: iter((content[start:],))


def _content(entry: Entry) -> Callable[[int], Iterator[bytes]]:
    def read(start: int) -> Iterator[bytes]:
        crc32, passed = 0, start
        try:
            with entry.open() as file:
                _skip(file, start)
                while chunk := file.read(CHUNK_BYTES):
                    crc32, passed = zlib.crc32(chunk, crc32), passed + len(chunk)
                    # The last chunk waits for the verdict: whoever gets all bytes has got the right ones.
                    if passed >= entry.bytes:
                        _check(entry, passed + len(file.read(1)), crc32 if start == 0 else entry.crc32)
                    yield chunk
        except OSError as error:
            raise FileGone(f"The file {entry.path} cannot be read: {error}.", path=entry.path) from error
        _check(entry, passed, entry.crc32)

    return read


def _skip(file: BinaryIO, start: int) -> None:
    """Go forward to byte `start`, by reading where the file cannot seek."""
    if start and file.seekable():
        file.seek(start)
        return
    while start and (chunk := file.read(min(start, CHUNK_BYTES))):
        start -= len(chunk)


def _check(entry: Entry, passed: int, crc32: int) -> None:
    if passed != entry.bytes or crc32 != entry.crc32:
        raise FileGone(f"The file {entry.path} is not the one this archive was measured with.", path=entry.path)
