"""Downloads against a server that breaks off, forgets and changes its mind; archives that want out of their folder."""

import hashlib
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from feira.cli import download as downloads
from feira.cli.download import download, unpack
from feira.core.errors import SourceError

CONTENT = bytes(range(256)) * 4_000


@dataclass
class Served:
    """One file on a server, and how it misbehaves.

    `break_after` holds, per request, after how many bytes the connection is cut; a request beyond the list gets all.
    """

    url: str = ""
    content: bytes = CONTENT
    etag: str = '"one"'
    with_ranges: bool = True
    statuses: list[int] = field(default_factory=list)
    break_after: list[int] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """Serve a file on this machine."""
    monkeypatch.setattr(downloads, "FIRST_WAIT_S", 0.01)
    facts = Served()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = self.headers.get("Range", "")
            facts.ranges.append(asked)
            if facts.statuses and (status := facts.statuses.pop(0)) != 200:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            start = 0
            if asked and facts.with_ranges and self.headers.get("If-Range") == facts.etag:
                start = int(asked.removeprefix("bytes=").rstrip("-"))
                if start >= len(facts.content):
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{len(facts.content)}")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(facts.content) - 1}/{len(facts.content)}")
            else:
                self.send_response(200)
            body = facts.content[start:]
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", facts.etag)
            self.end_headers()
            self.wfile.write(body[: facts.break_after.pop(0)] if facts.break_after else body)
            if len(facts.ranges) and self.close_connection is False:
                self.close_connection = True

        def log_message(self, format: str, *_arguments: object) -> None:  # noqa: A002 - the base class names it so
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    facts.url = f"http://127.0.0.1:{server.server_address[1]}/photos.tar"
    yield facts
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_file_comes_whole_with_its_checksum(served: Served, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    file = download(served.url, tmp_path / "new" / "file", sha256=sha256, follow=lambda *step: seen.append(step))
    assert file.read_bytes() == CONTENT
    assert seen[0] == (0, len(CONTENT))
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [path.name for path in file.parent.iterdir()] == ["file"]


def test_a_broken_transfer_goes_on_where_it_was_cut_off(served: Served, tmp_path: Path) -> None:
    served.break_after = [300_000, 200_000]
    file = download(served.url, tmp_path / "file")
    assert file.read_bytes() == CONTENT
    assert served.ranges == ["", "bytes=300000-", "bytes=500000-"]


def test_a_part_of_an_earlier_call_is_kept_and_used(served: Served, tmp_path: Path) -> None:
    served.break_after = [100_000] + [0] * (downloads.ATTEMPTS - 1)
    with pytest.raises(SourceError, match="What has come is kept"):
        download(served.url, tmp_path / "file")
    assert not (tmp_path / "file").exists()
    served.ranges.clear()
    assert download(served.url, tmp_path / "file").read_bytes() == CONTENT
    assert served.ranges == ["bytes=100000-"]


def test_a_whole_part_is_not_fetched_again(served: Served, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(CONTENT)
    (tmp_path / "file.part.json").write_text('{"mark": "\\"one\\""}')
    assert download(served.url, tmp_path / "file").read_bytes() == CONTENT
    assert served.ranges == [f"bytes={len(CONTENT)}-"]


def test_a_part_of_another_version_is_never_spliced_in(served: Served, tmp_path: Path) -> None:
    served.break_after = [100_000] + [0] * (downloads.ATTEMPTS - 1)
    with pytest.raises(SourceError):
        download(served.url, tmp_path / "file")
    served.content, served.etag = CONTENT[::-1], '"two"'
    assert download(served.url, tmp_path / "file").read_bytes() == CONTENT[::-1]


def test_a_server_without_ranges_starts_over(served: Served, tmp_path: Path) -> None:
    served.with_ranges = False
    served.break_after = [100_000]
    assert download(served.url, tmp_path / "file").read_bytes() == CONTENT


def test_a_weak_mark_is_not_trusted_for_resuming(served: Served, tmp_path: Path) -> None:
    served.etag = 'W/"one"'
    served.break_after = [100_000]
    assert download(served.url, tmp_path / "file").read_bytes() == CONTENT
    assert served.ranges == ["", ""]


def test_a_busy_server_is_asked_again_and_a_missing_file_is_not(served: Served, tmp_path: Path) -> None:
    served.statuses = [503, 429, 200]
    assert download(served.url, tmp_path / "file").read_bytes() == CONTENT
    served.statuses, served.ranges = [404, 200], []
    with pytest.raises(SourceError, match="HTTP 404"):
        download(served.url, tmp_path / "other")
    assert len(served.ranges) == 1


def test_a_file_with_another_checksum_is_deleted(served: Served, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="not 0000"):
        download(served.url, tmp_path / "file", sha256="0" * 64)
    assert not (tmp_path / "file").exists()
    assert not (tmp_path / "file.part").exists()


def a_tar(path: Path, **members: bytes) -> Path:
    """Write a compressed tar file."""
    with tarfile.open(path, "w:gz") as packed:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))
    return path


def a_zip(path: Path, **members: bytes) -> Path:
    """Write a zip file."""
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return path


@pytest.mark.parametrize("make", [a_tar, a_zip])
def test_an_archive_unpacks_into_its_folder(make: type, tmp_path: Path) -> None:
    archive = make(tmp_path / "archive", **{"set/hat/1.jpg": b"one", "set/shoe/2.jpg": b"two"})
    folder = unpack(archive, tmp_path / "out")
    assert (folder / "set" / "hat" / "1.jpg").read_bytes() == b"one"
    assert (folder / "set" / "shoe" / "2.jpg").read_bytes() == b"two"


@pytest.mark.parametrize("make", [a_tar, a_zip])
@pytest.mark.parametrize("name", ["../outside", "set/../../outside", "/tmp/feira-outside", "..\\outside"])  # noqa: S108
def test_an_archive_that_points_outside_is_refused_and_leaves_nothing(make: type, name: str, tmp_path: Path) -> None:
    archive = make(tmp_path / "archive", **{"good.jpg": b"good", name: b"bad"})
    with pytest.raises(SourceError, match="outside of its folder"):
        unpack(archive, tmp_path / "unpacked" / "out")
    assert list((tmp_path / "unpacked").iterdir()) == []
    assert not (tmp_path / "outside").exists()


def test_links_and_devices_in_an_archive_are_left_out(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "archive", "w") as packed:
        for name, kind in {"link": tarfile.SYMTYPE, "hard": tarfile.LNKTYPE, "pipe": tarfile.FIFOTYPE}.items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            packed.addfile(member)
        packed.addfile(tarfile.TarInfo("file"))
    folder = unpack(tmp_path / "archive", tmp_path / "out")
    assert [path.name for path in folder.iterdir()] == ["file"]


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    whole = a_tar(tmp_path / "archive", **{"1.jpg": bytes(100_000)}).read_bytes()
    (tmp_path / "cut").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text").write_text("no archive at all")
    for name in ("cut", "text"):
        with pytest.raises(SourceError, match=name):
            unpack(tmp_path / name, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "MOST_BYTES", 1_000)
    for archive in (a_tar(tmp_path / "a", **{"1": bytes(2_000)}), a_zip(tmp_path / "b", **{"1": bytes(2_000)})):
        with pytest.raises(SourceError, match="more than"):
            unpack(archive, tmp_path / "out")
