"""Where everything lies in an archive that is made while it is sent: found in one walk and kept."""

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

from feira.core.datasets.errors import InvalidRecord
from feira.core.datasets.tar_blocks import END, tar_member_size
from feira.core.datasets.zip_blocks import central_size, end_of_archive, local_size

Kind = Literal["zip", "tar"]
MEDIA_TYPES: Final[Mapping[Kind, str]] = {"zip": "application/zip", "tar": "application/x-tar"}
FILES_PER_MARK: Final = 1_000


@dataclass(frozen=True, slots=True)
class Mark:
    """A file from which an archive may be gone on with.

    Attributes:
        path: of the file, without the root.
        at: byte of the archive at which its header begins.
        listed_at: byte of the directory at the end at which its entry begins; 0 in a tar, which has none.
    """

    path: str
    at: int
    listed_at: int


START: Final = Mark("", 0, 0)


@dataclass(frozen=True, slots=True)
class ArchivePlan:
    """What has to be known of an archive before its first byte, or any other, is sent.

    Attributes:
        size: bytes of all of it.
        etag: 64 hex digits that change when any byte does.
        count: how many files it holds.
        directory: byte at which the directory, or in a tar the end, begins.
        directory_size: bytes of the directory; 0 in a tar.
        marks: every thousandth file, the first one first; none when there are no files.
    """

    size: int
    etag: str
    count: int
    directory: int
    directory_size: int
    marks: tuple[Mark, ...]

    def mark_before(self, byte: int) -> Mark:
        """Return the last mark whose file begins at or before a byte of the archive."""
        return self._mark(bisect_right(self.marks, byte, key=lambda mark: mark.at))

    def mark_listed_before(self, byte: int) -> Mark:
        """Return the last mark whose entry begins at or before a byte of the directory."""
        return self._mark(bisect_right(self.marks, byte, key=lambda mark: mark.listed_at))

    def as_json(self) -> dict[str, Any]:
        """Return plain values; `from_json` reads them back."""
        plain = {name: getattr(self, name) for name in ("size", "etag", "count", "directory", "directory_size")}
        return plain | {"marks": [[mark.path, mark.at, mark.listed_at] for mark in self.marks]}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """Read what `as_json` returned."""
        return cls(**{**kept, "marks": tuple(Mark(*each) for each in kept["marks"])})

    def _mark(self, behind: int) -> Mark:
        return self.marks[behind - 1] if behind else START


class Planner:
    """Takes the files of an archive one after another, in ascending order of their paths by code point.

    Args:
        root: folder that everything is put in, with its slash; none when empty.
    """

    def __init__(self, kind: Kind, *, root: str) -> None:
        self._kind, self._root = kind, root
        self._digest = hashlib.sha256(f"{MEDIA_TYPES[kind]} {root}".encode())
        self._marks: list[Mark] = []
        self._at = self._listed = self._count = 0
        self._last = ""

    def add(self, path: str, size: int, crc32: int) -> None:
        """Take the next file.

        Raises:
            InvalidRecord: it does not come after the one before.
        """
        check_order(self._last, path)
        self._last = path
        if self._count % FILES_PER_MARK == 0:
            self._marks.append(Mark(path, self._at, self._listed))
        self._digest.update(f"{path} {size} {crc32}\n".encode())
        if self._kind == "zip":
            self._listed += central_size(self._root + path, size=size, offset=self._at)
        self._at += _MEMBER_SIZES[self._kind](self._root + path, size)
        self._count += 1

    @property
    def plan(self) -> ArchivePlan:
        """What follows from the files so far."""
        end = len(END)
        if self._kind == "zip":
            end = len(end_of_archive(count=self._count, start=self._at, size=self._listed))
        return ArchivePlan(
            size=self._at + self._listed + end,
            etag=self._digest.hexdigest(),
            count=self._count,
            directory=self._at,
            directory_size=self._listed,
            marks=tuple(self._marks),
        )


def check_order(last: str, path: str) -> None:
    """Raise InvalidRecord unless a path comes after the one before."""
    if path <= last:
        raise InvalidRecord(
            f"{path} came after {last}. Give files in ascending order of their paths, each once.", path=path
        )


def _zip_member_size(path: str, size: int) -> int:
    return local_size(path, size=size) + size


_MEMBER_SIZES: Final[Mapping[Kind, Callable[[str, int], int]]] = {"zip": _zip_member_size, "tar": tar_member_size}
