"""An archive is made while it is sent, has the size it announced, goes on from any byte, and is read by others."""

import io
import json
import struct
import subprocess
import sys
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feira.core.datasets.archive import ArchiveStream, Entry, TarStream, ZipStream
from feira.core.datasets.archive_plan import ArchivePlan
from feira.core.datasets.errors import FileGone, InvalidRecord
from feira.core.datasets.tar_blocks import tar_header, tar_member_size
from feira.core.datasets.zip_blocks import central_header, central_size, end_of_archive, local_header, local_size

KINDS = [ZipStream, TarStream]
CONTENTS = {
    "README.md": b"# Shoes\n",
    "empty/nothing.txt": b"",
    "images/ab/abc.jpg": bytes(range(256)) * 7,
    "images/cd/cde.jpg": b"x" * 600_000,
}
contents = st.dictionaries(
    st.from_regex(r"[a-z0-9]{1,3}(/[a-z0-9]{1,3}){0,2}\.(jpg|json)", fullmatch=True),
    st.binary(max_size=1200),
    max_size=6,
)

AROUND_4_GIB = st.integers(0, 2**34) | st.integers(2**32 - 3, 2**32 + 3)


def entries_of(files: dict[str, bytes]) -> Callable[[str], list[Entry]]:
    def entry(path: str, content: bytes) -> Entry:
        return Entry(path, len(content), zlib.crc32(content), lambda: io.BytesIO(content))

    return lambda first: [entry(path, files[path]) for path in sorted(files) if path >= first]


def read_back(stream: ArchiveStream, content: bytes) -> dict[str, bytes]:
    if isinstance(stream, ZipStream):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            assert archive.testzip() is None
            return {name: archive.read(name) for name in archive.namelist()}
    found = {}
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        for member in tar:
            assert (member.mtime, member.uid, member.gid, member.uname, member.mode) == (0, 0, 0, "", 0o644)
            file = tar.extractfile(member)
            assert file is not None
            found[member.name] = file.read()
    return found


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None)
@given(files=contents, root=st.sampled_from(["", "shoes-3f"]))
def test_what_goes_in_comes_out_and_the_size_was_known(
    kind: type[ArchiveStream], files: dict[str, bytes], root: str
) -> None:
    stream = kind(entries_of(files), root=root)
    announced = stream.size
    content = b"".join(stream.chunks())
    assert len(content) == announced
    assert read_back(stream, content) == {(f"{root}/" if root else "") + path: each for path, each in files.items()}


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None)
@given(files=contents, data=st.data())
def test_any_range_is_that_part_of_the_whole(
    kind: type[ArchiveStream], files: dict[str, bytes], data: st.DataObject
) -> None:
    stream = kind(entries_of(files))
    whole = b"".join(stream.chunks())
    start = data.draw(st.integers(0, len(whole)))
    stop = data.draw(st.integers(start, len(whole) + 10))
    assert b"".join(stream.chunks(start, stop)) == whole[start:stop]
    assert b"".join(stream.chunks(start)) == whole[start:]


@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_download_goes_on_where_it_stopped(kind: type[ArchiveStream]) -> None:
    whole = b"".join(kind(entries_of(CONTENTS)).chunks())
    received = b""
    for _ in range(100):
        for chunk in kind(entries_of(CONTENTS)).chunks(len(received)):
            received += chunk[:40_000]
            break
        if len(received) == len(whole):
            break
    assert received == whole


@pytest.mark.parametrize("kind", KINDS)
def test_only_files_in_the_range_are_opened(kind: type[ArchiveStream]) -> None:
    opened: list[str] = []

    def entry(path: str) -> Entry:
        def open_file() -> BinaryIO:
            opened.append(path)
            return io.BytesIO(b"x" * 5000)

        return Entry(path, 5000, zlib.crc32(b"x" * 5000), open_file)

    stream = kind(lambda _first: [entry(f"f{number}.jpg") for number in range(9)])
    assert stream.size > 45_000
    assert not opened
    b"".join(stream.chunks(7000, 7010))
    assert opened == ["f1.jpg"]


@pytest.mark.parametrize("program", [["unzip", "-q"], [sys.executable, "-m", "zipfile", "-e"]])
def test_others_unpack_the_zip(tmp_path: Path, program: list[str]) -> None:
    archive = tmp_path / "a.zip"
    archive.write_bytes(b"".join(ZipStream(entries_of(CONTENTS), root="shoes").chunks()))
    subprocess.run(
        [*program, archive, tmp_path] if program[-1] == "-e" else [*program, archive, "-d", tmp_path], check=True
    )
    assert {path: (tmp_path / "shoes" / path).read_bytes() for path in CONTENTS} == CONTENTS
    assert (tmp_path / "shoes/README.md").stat().st_mode & 0o777 in (0o644, 0o600)


def test_gnu_tar_unpacks_the_tar_from_a_pipe(tmp_path: Path) -> None:
    content = b"".join(TarStream(entries_of(CONTENTS)).chunks())
    subprocess.run(["tar", "-x", "-C", tmp_path], input=content, check=True)
    assert {path: (tmp_path / path).read_bytes() for path in CONTENTS} == CONTENTS


def test_a_zip_can_be_read_from_its_front_without_the_directory() -> None:
    content, found, at = b"".join(ZipStream(entries_of(CONTENTS)).chunks()), {}, 0
    while content[at : at + 4] == b"PK\3\4":
        flags, method = struct.unpack_from("<HH", content, at + 6)
        size, name, extra = struct.unpack_from("<LHH", content, at + 22)
        assert (flags, method) == (0, 0)
        at += 30
        path, at = content[at : at + name].decode(), at + name + extra
        found[path], at = content[at : at + size], at + size
    assert found == CONTENTS


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_do_not_depend_on_when_and_the_name_of_the_content_follows_them(kind: type[ArchiveStream]) -> None:
    first, second = kind(entries_of(CONTENTS)), kind(entries_of(dict(reversed(CONTENTS.items()))))
    assert b"".join(first.chunks()) == b"".join(second.chunks())
    changed = {**CONTENTS, "README.md": b"# Boots\n"}
    etags = [kind(entries_of(CONTENTS)).etag, kind(entries_of(changed)).etag, kind(entries_of(CONTENTS), root="a").etag]
    assert first.etag == etags[0]
    assert len(set(etags)) == 3
    assert ZipStream(entries_of(CONTENTS)).etag != TarStream(entries_of(CONTENTS)).etag


class Zeros(io.RawIOBase):
    """A file of many zeros that takes no room."""

    def __init__(self, size: int) -> None:
        self._left = size

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        took = min(size, self._left)
        self._left -= took
        return bytes(took)


def huge_entries(_first: str) -> Iterator[Entry]:
    yield Entry("a.npy", 5 * 2**30, 0, lambda: Zeros(5 * 2**30))  # type: ignore[arg-type,return-value]
    yield Entry("b.txt", 2, zlib.crc32(b"hi"), lambda: io.BytesIO(b"hi"))


def test_a_file_beyond_4_gib_takes_zip64_and_is_found() -> None:
    stream = ZipStream(huge_entries)
    head = 5 * 2**30 + len(local_header("a.npy", size=5 * 2**30, crc32=0))
    tail = b"".join(stream.chunks(head))
    assert head + len(tail) == stream.size
    # A file with a hole where the zeros would be.
    with zipfile.ZipFile(Holed(head, tail, b"".join(stream.chunks(0, 100)))) as archive:
        assert [(info.filename, info.file_size, info.header_offset) for info in archive.infolist()] == [
            ("a.npy", 5 * 2**30, 0),
            ("b.txt", 2, head),
        ]
        assert archive.read("b.txt") == b"hi"
        with archive.open("a.npy") as file:
            assert file.read(40) == bytes(40)


class Holed(io.RawIOBase):
    """A large file of which only the front and the end are kept; in between are zeros."""

    def __init__(self, hole: int, tail: bytes, front: bytes) -> None:
        self._hole, self._tail, self._front, self._at = hole, tail, front, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0, /) -> int:
        end = self._hole + len(self._tail)
        self._at = offset + (0, self._at, end)[whence]
        return self._at

    def read(self, size: int = -1, /) -> bytes:
        end = self._hole + len(self._tail)
        stop = end if size < 0 else min(end, self._at + size)
        if self._at < self._hole:
            stop = min(stop, self._hole)
            content = self._front[self._at : stop].ljust(stop - self._at, b"\0")
        else:
            content = self._tail[self._at - self._hole : stop - self._hole]
        self._at = stop
        return content


def test_zip64_begins_exactly_where_numbers_end() -> None:
    below, at = 2**32 - 2, 2**32 - 1
    assert len(local_header("a.b", size=at, crc32=0)) - len(local_header("a.b", size=below, crc32=0)) == 20
    sizes = [
        len(central_header("a.b", size=size, crc32=0, offset=offset))
        for size, offset in ((below, below), (below, at), (at, below), (at, at))
    ]
    assert [size - sizes[0] for size in sizes] == [0, 12, 20, 28]
    ends = [len(end_of_archive(count=count, start=0, size=0)) for count in (65534, 65535)]
    assert ends == [22, 98]


def many_entries(count: int, size: int) -> Callable[[str], Iterator[Entry]]:
    content = b"x" * size

    def entries(first: str) -> Iterator[Entry]:
        for number in range(int(first[7:13] or 0), count):
            yield Entry(f"images/{number:06}.jpg", size, zlib.crc32(content), lambda: io.BytesIO(content))

    return entries


def test_more_than_65535_files_are_one_archive() -> None:
    stream = ZipStream(many_entries(66_000, 1))
    content = b"".join(stream.chunks())
    assert len(content) == stream.size
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert len(archive.namelist()) == 66_000
        assert archive.read("images/065999.jpg") == b"x"


@pytest.mark.parametrize("kind", KINDS)
def test_with_a_kept_plan_no_file_is_passed_that_lies_a_thousand_before_the_first_byte(
    kind: type[ArchiveStream],
) -> None:
    every = many_entries(3_500, 700)
    measured = kind(every, root="shoes")
    kept = ArchivePlan.from_json(json.loads(json.dumps(measured.plan.as_json())))
    assert kept == measured.plan
    whole = b"".join(measured.chunks())
    passed: list[str] = []

    def watched(first: str) -> Iterator[Entry]:
        for entry in every(first):
            passed.append(entry.path)
            yield entry

    def sent(start: int, stop: int | None) -> bytes:
        passed.clear()
        return b"".join(kind(watched, root="shoes", plan=kept).chunks(start, stop))

    stream = kind(watched, root="shoes", plan=kept)
    assert (stream.size, stream.etag, passed) == (len(whole), measured.etag, [])
    assert sent(0, 10) == whole[:10]
    assert len(passed) <= 2
    for start in (kept.marks[2].at - 1, kept.marks[2].at, kept.marks[3].at + 100_000, len(whole) - 40_000):
        assert sent(start, start + 5_000) == whole[start : start + 5_000]
        assert len(passed) <= 1_050
        assert sent(start, None) == whole[start:]


@settings(deadline=None)
@given(length=st.integers(1, 80), size=AROUND_4_GIB, offset=AROUND_4_GIB)
def test_a_header_of_a_zip_is_as_long_as_announced(length: int, size: int, offset: int) -> None:
    path = "a" * length
    assert local_size(path, size=size) == len(local_header(path, size=size, crc32=0))
    assert central_size(path, size=size, offset=offset) == len(central_header(path, size=size, crc32=0, offset=offset))


@pytest.mark.parametrize("kind", KINDS)
def test_memory_does_not_grow_with_the_files(kind: type[ArchiveStream]) -> None:
    def peak(count: int) -> int:
        stream = kind(many_entries(count, 50_000))
        tracemalloc.start()
        assert sum(len(chunk) for chunk in stream.chunks()) == stream.size > count * 50_000
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(10)  # what is imported and cached once
    assert peak(2000) < peak(20) + 50_000


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "path", ["../a.jpg", "/a.jpg", "a/../../b.jpg", "a\\b.jpg", "é.jpg", "a.jpg\0", "-a.jpg", "a/.b.jpg", "", "C:a.jpg"]
)
def test_a_hostile_name_is_no_entry(kind: type[ArchiveStream], path: str) -> None:
    with pytest.raises(InvalidRecord):
        Entry(path, 0, 0, io.BytesIO)
    with pytest.raises(InvalidRecord):
        kind(lambda _first: [], root=path or "..")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("paths", [["b.jpg", "a.jpg"], ["a.jpg", "a.jpg"]])
def test_files_come_in_order_and_once(kind: type[ArchiveStream], paths: list[str]) -> None:
    stream = kind(lambda _first: [Entry(path, 0, 0, io.BytesIO) for path in paths])
    with pytest.raises(InvalidRecord, match="ascending order"):
        stream.size  # noqa: B018 - measuring goes through the files


def missing() -> BinaryIO:
    raise FileNotFoundError("gone")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "open_file",
    [
        missing,
        lambda: io.BytesIO(b"abc"),
        lambda: io.BytesIO(b"abcde"),
        lambda: io.BytesIO(b"abcx"),
        lambda: io.BytesIO(b""),
    ],
)
def test_a_file_that_went_or_changed_breaks_the_archive(
    kind: type[ArchiveStream], open_file: Callable[[], BinaryIO]
) -> None:
    stream = kind(lambda _first: [Entry("a.jpg", 4, zlib.crc32(b"abcd"), open_file)])
    received: list[bytes] = []
    with pytest.raises(FileGone, match=r"a\.jpg") as caught:
        received.extend(stream.chunks())
    assert caught.value.code == "file_gone"
    assert sum(len(chunk) for chunk in received) < stream.size


def test_a_range_behind_the_end_is_refused() -> None:
    stream = ZipStream(entries_of(CONTENTS))
    for start, stop in ((-1, 5), (stream.size + 1, None), (9, 8)):
        with pytest.raises(ValueError, match="no bytes from"):
            stream.chunks(start, stop)


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_of_nothing_is_an_archive(kind: type[ArchiveStream]) -> None:
    stream = kind(lambda _first: [])
    assert read_back(stream, b"".join(stream.chunks())) == {}


@settings(deadline=None)
@given(length=st.integers(1, 300), size=st.integers(0, 10**6) | st.sampled_from([8**11 - 1, 8**11, 10**12]))
def test_a_member_of_a_tar_is_as_long_as_announced(length: int, size: int) -> None:
    path = "a" * length
    assert tar_member_size(path, size) == len(tar_header(path, size)) + -(-size // 512) * 512


def test_offsets_ascend() -> None:
    with zipfile.ZipFile(io.BytesIO(b"".join(ZipStream(entries_of(CONTENTS)).chunks()))) as archive:
        assert all(one.header_offset < other.header_offset for one, other in pairwise(archive.infolist()))
