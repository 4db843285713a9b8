"""One download of many files: zip or tar, made while it is sent, of a size known before and from any byte on."""

import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import BinaryIO

from feira.core.datasets.archive_plan import MEDIA_TYPES, START, ArchivePlan, Kind, Mark, Planner, check_order
from feira.core.datasets.errors import FileGone
from feira.core.datasets.opening import CHUNK_BYTES
from feira.core.datasets.records import check_path
from feira.core.datasets.tar_blocks import END, tar_header, tar_padding
from feira.core.datasets.zip_blocks import central_header, end_of_archive, local_header, local_size


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
            point (in PostgreSQL: `COLLATE "C"`), each once, from the path on that it is given; from the first one on
            when that is empty.
        root: folder that everything is put in; none when empty.
        plan: of these files and this root, as another stream or a `Planner` found it. Without one, the first question
            that needs it walks over all files; with one, the first byte of any part is there at once.

    Raises:
        InvalidRecord: the paths come in another order, or `root` is more than letters, digits, - and _. The order is
            seen when the files are gone through.
    """

    kind: Kind

    def __init__(
        self, entries: Callable[[str], Iterable[Entry]], *, root: str = "", plan: ArchivePlan | None = None
    ) -> None:
        if root:
            check_path(f"{root}/file.txt")
        self._entries, self._root, self._given = entries, f"{root}/" if root else "", plan

    @property
    def media_type(self) -> str:
        """As HTTP names it."""
        return MEDIA_TYPES[self.kind]

    @property
    def size(self) -> int:
        """Bytes of the whole archive, for `Content-Length`; no file is opened."""
        return self.plan.size

    @property
    def etag(self) -> str:
        """64 hex digits that change when any byte of the archive does: what a resumed download has to name."""
        return self.plan.etag

    @cached_property
    def plan(self) -> ArchivePlan:
        """Where everything lies: what was given, or found in one walk over the files."""
        if self._given is not None:
            return self._given
        planner = Planner(self.kind, root=self._root)
        for entry in self._entries(""):
            planner.add(entry.path, entry.bytes, entry.crc32)
        return planner.plan

    def chunks(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the archive from byte `start` up to byte `stop`; files before and after are not opened.

        At most a thousand files are passed over until the first byte is found.

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
        at, segments = self._parts_from(start)
        for size, content in segments:
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

    def _in_order(self, first: str) -> Iterator[Entry]:
        last = ""
        for entry in self._entries(first):
            check_order(last, entry.path)
            last = entry.path
            yield entry

    @abstractmethod
    def _parts_from(self, start: int) -> tuple[int, Iterator[_Segment]]:
        """Return the parts of the archive from shortly before byte `start` on, and where the first of them begins."""


class TarStream(ArchiveStream):
    """A tar without compression; times are zero and nobody owns the files."""

    kind = "tar"

    def _parts_from(self, start: int) -> tuple[int, Iterator[_Segment]]:
        mark = self.plan.mark_before(start)
        return mark.at, self._parts(mark)

    def _parts(self, mark: Mark) -> Iterator[_Segment]:
        for entry in self._in_order(mark.path):
            yield _fixed(tar_header(self._root + entry.path, entry.bytes))
            yield entry.bytes, _content(entry)
            yield _fixed(tar_padding(entry.bytes))
        yield _fixed(END)


class ZipStream(ArchiveStream):
    """A zip of stored files, with ZIP64 records where sizes or counts need them; times are 1 January 1980."""

    kind = "zip"

    def _parts_from(self, start: int) -> tuple[int, Iterator[_Segment]]:
        plan = self.plan
        if start < plan.directory:
            mark = plan.mark_before(start)
            return mark.at, chain(self._members(mark), self._directory(START))
        mark = plan.mark_listed_before(start - plan.directory)
        return plan.directory + mark.listed_at, self._directory(mark)

    def _members(self, mark: Mark) -> Iterator[_Segment]:
        for entry in self._in_order(mark.path):
            yield _fixed(local_header(self._root + entry.path, size=entry.bytes, crc32=entry.crc32))
            yield entry.bytes, _content(entry)

    def _directory(self, mark: Mark) -> Iterator[_Segment]:
        offset = mark.at
        for entry in self._in_order(mark.path):
            path = self._root + entry.path
            yield _fixed(central_header(path, size=entry.bytes, crc32=entry.crc32, offset=offset))
            offset += local_size(path, size=entry.bytes) + entry.bytes
        plan = self.plan
        yield _fixed(end_of_archive(count=plan.count, start=plan.directory, size=plan.directory_size))


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
