"""When the client asks again, and when it must not: against a server that fails on purpose."""

import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from feira.client import Busy, Client, FeiraApiError, NotUnderstood, Unreachable
from feira.client.transport import ATTEMPTS

ME = (
    b'{"id": 1, "email": "a@b.c", "display_name": "A", "is_staff": false, '
    b'"date_joined": "2026-01-02T03:04:05Z", "seller": null}'
)


class Failing:
    """A server that answers with the given statuses in turn, the last one for ever; 0 breaks the connection."""

    def __init__(self, statuses: list[int]) -> None:
        self.keys: list[str | None] = []
        asked = self.keys

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status = statuses[min(len(asked), len(statuses) - 1)]
                asked.append(self.headers.get("Idempotency-Key"))
                if status == 0:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Retry-After", "0")
                self.send_header("Content-Length", str(len(ME)))
                self.end_headers()
                self.wfile.write(ME)

            do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - named by the standard library

            def log_message(self, *_arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def failing() -> Iterator[Callable[[list[int]], tuple[Client, list[str | None]]]]:
    opened: list[tuple[Failing, Client]] = []

    def start(statuses: list[int]) -> tuple[Client, list[str | None]]:
        server = Failing(statuses)
        opened.append((server, Client(server.url, timeout_s=5)))
        return opened[-1][1], server.keys

    yield start
    for server, client in opened:
        client.close()
        server.stop()


Start = Callable[[list[int]], tuple[Client, list[str | None]]]


@pytest.mark.parametrize("trouble", [503, 0])
def test_a_read_is_repeated_until_it_succeeds(failing: Start, trouble: int) -> None:
    client, asked = failing([trouble, trouble, 200])
    assert client.me().id == 1
    assert len(asked) == 3


def test_a_read_is_given_up_after_a_few_attempts(failing: Start) -> None:
    client, asked = failing([503])
    with pytest.raises(Busy) as busy:
        client.me()
    assert (len(asked), busy.value.status, busy.value.retry_after_s) == (ATTEMPTS, 503, 0.0)


def test_an_upload_is_repeated_under_the_same_key(failing: Start) -> None:
    client, asked = failing([503])
    with pytest.raises(Busy):
        client.photos.upload(b"photo")
    assert len(asked) == ATTEMPTS
    assert len(set(asked)) == 1
    assert asked[0]


@pytest.mark.parametrize(("trouble", "error"), [(503, Busy), (0, Unreachable)])
def test_what_may_act_twice_is_never_repeated(failing: Start, trouble: int, error: type[FeiraApiError]) -> None:
    client, asked = failing([trouble])
    with pytest.raises(error):
        client.tokens.create("printer")
    assert asked == [None]


@pytest.mark.parametrize("status", [429, 500, 502])
def test_other_troubles_are_not_repeated(failing: Start, status: int) -> None:
    client, asked = failing([status])
    with pytest.raises(FeiraApiError) as refused:
        client.me()
    assert (refused.value.status, len(asked)) == (status, 1)


def test_a_shop_that_is_not_there_is_unreachable() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    with Client(url, timeout_s=1) as client, pytest.raises(Unreachable) as nobody:
        client.tokens.create("printer")
    assert nobody.value.facts["url"] == f"{url}/"


def test_a_slow_shop_is_unreachable_after_the_time_allowed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Client(url, timeout_s=0.2) as client, pytest.raises(Unreachable, match="too long"):
            client.me()


def test_an_address_that_is_no_feira_shop_is_told(failing: Start) -> None:
    client, _asked = failing([200])
    with pytest.raises(NotUnderstood):
        next(client.listings.list())
    with pytest.raises(NotUnderstood):
        client.categories()
    with pytest.raises(NotUnderstood):
        client.search("shoes")
