"""Files on their way: against a server that breaks connections on purpose and is asked for the rest."""

import io
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from feira.client import Expired, Unreachable
from feira.client.downloads import fetch
from feira.client.progress import LINES, Progress, telling
from feira.client.transport import Transport

CONTENT = bytes(range(256)) * 4000


class Breaking:
    """Serves `CONTENT` and breaks off after so many bytes of each answer in turn; None sends all of it."""

    def __init__(self, breaks: list[int | None], *, knows_ranges: bool = True) -> None:
        self.breaks, self.knows_ranges = breaks, knows_ranges
        self.asked: list[tuple[str, str | None, str | None]] = []
        told = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                told.answer(self)

            def log_message(self, *_arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range")
        self.asked.append((request.path, wanted, request.headers.get("Authorization")))
        if request.path == "/old":
            request.send_response(410)
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        first = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.knows_ranges else 0
        if first >= len(CONTENT):
            request.send_response(416)
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        request.send_response(206 if first else 200)
        if first:
            request.send_header("Content-Range", f"bytes {first}-{len(CONTENT) - 1}/{len(CONTENT)}")
        request.send_header("Content-Length", str(len(CONTENT) - first))
        request.end_headers()
        most = self.breaks.pop(0) if self.breaks else None
        request.wfile.write(CONTENT[first:][:most])
        request.close_connection = True


@pytest.fixture
def breaking() -> Iterator[Callable[..., tuple[Breaking, Transport]]]:
    opened: list[tuple[Breaking, Transport]] = []

    def start(breaks: list[int | None], **how: bool) -> tuple[Breaking, Transport]:
        server = Breaking(breaks, **how)
        opened.append((server, Transport(server.url, token="secret", timeout_s=5)))
        return opened[-1]

    yield start
    for server, transport in opened:
        transport.close()
        server.server.shutdown()
        server.server.server_close()


Start = Callable[..., tuple[Breaking, Transport]]


def test_a_broken_download_goes_on_where_it_broke(breaking: Start, tmp_path: Path) -> None:
    server, transport = breaking([400_000, 300_000, None])
    seen: list[tuple[int, int | None]] = []
    fetch(
        transport,
        lambda: f"{server.url}/all",
        tmp_path / "deep" / "all.zip",
        identity="abc",
        on_bytes=lambda done, total: seen.append((done, total)),
    )
    assert (tmp_path / "deep" / "all.zip").read_bytes() == CONTENT
    assert [wanted for _path, wanted, _token in server.asked] == [None, "bytes=400000-", "bytes=700000-"]
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["all.zip"]
    assert seen == sorted(seen)
    assert seen[-1] == (len(CONTENT), len(CONTENT))


def test_a_later_call_goes_on_and_another_identity_does_not(breaking: Start, tmp_path: Path) -> None:
    server, transport = breaking([100_000])
    server.breaks += [0] * 50
    for identity in ("abc", "abc"):
        with pytest.raises(Unreachable):
            fetch(transport, lambda: f"{server.url}/all", tmp_path / "all", identity=identity, patience_s=0.3)
    assert {wanted for _path, wanted, _token in server.asked} == {None, "bytes=100000-"}
    assert not (tmp_path / "all").exists()
    server.breaks.clear()
    fetch(transport, lambda: f"{server.url}/all", tmp_path / "all", identity="other")
    assert server.asked[-1][1] is None
    assert (tmp_path / "all").read_bytes() == CONTENT


def test_a_server_without_ranges_sends_everything_again(breaking: Start, tmp_path: Path) -> None:
    server, transport = breaking([400_000, None], knows_ranges=False)
    fetch(transport, lambda: f"{server.url}/all", tmp_path / "all", identity="abc")
    assert (tmp_path / "all").read_bytes() == CONTENT
    assert len(server.asked) == 2


def test_what_is_whole_already_is_not_sent_again(breaking: Start, tmp_path: Path) -> None:
    server, transport = breaking([])
    (tmp_path / "all.abc.part").write_bytes(CONTENT)
    fetch(transport, lambda: f"{server.url}/all", tmp_path / "all", identity="abc")
    assert (tmp_path / "all").read_bytes() == CONTENT


def test_an_expired_link_is_renewed_once(breaking: Start, tmp_path: Path) -> None:
    server, transport = breaking([])
    links = iter([f"{server.url}/old", f"{server.url}/new"])
    fetch(transport, lambda: next(links), tmp_path / "all", identity="abc")
    assert [path for path, _range, _token in server.asked] == ["/old", "/new"]
    with pytest.raises(Expired):
        fetch(transport, lambda: f"{server.url}/old", tmp_path / "more", identity="abc")
    assert not (tmp_path / "more").exists()


def test_the_token_is_told_to_the_shop_alone(breaking: Start, tmp_path: Path) -> None:
    shop, transport = breaking([])
    stranger, _other = breaking([])
    fetch(transport, lambda: f"{shop.url}/all", tmp_path / "one", identity="abc")
    fetch(transport, lambda: f"{stranger.url}/all", tmp_path / "two", identity="abc")
    assert shop.asked[0][2] == "Bearer secret"
    assert stranger.asked[0][2] is None


def test_without_a_terminal_a_few_lines_tell_how_far_it_is() -> None:
    stream = io.StringIO()
    with telling(True, stream=stream) as tell:
        tell(Progress("Waiting", 0, 0))
        for done in range(1001):
            tell(Progress("Photos", done, 1000))
    lines = stream.getvalue().splitlines()
    assert lines[0] == "Waiting"
    assert lines[-1] == "Photos: 100%"
    assert len(lines) == LINES + 2


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_a_bar_and_nobody_is_told_unasked() -> None:
    stream = Terminal()
    with telling(True, stream=stream, unit_bytes=True) as tell:
        tell(Progress("shoes.zip", 500_000, 1_000_000))
    assert "shoes.zip" in stream.getvalue()
    assert "0.5/1.0 MB" in stream.getvalue()
    quiet = Terminal()
    with telling(False, stream=quiet) as tell:
        tell(Progress("shoes.zip", 1, 2))
    assert quiet.getvalue() == ""
    told: list[Progress] = []
    with telling(told.append, stream=quiet) as tell:
        tell(Progress("shoes.zip", 1, 2))
    assert told == [Progress("shoes.zip", 1, 2)]
