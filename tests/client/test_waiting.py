"""Waiting for a data set outlives a shop that is away for a while: against a server that fails on purpose."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from feira.client import Client, Progress, Unreachable

STEP = {"name": "render", "job_id": 7, "message": "", "error": "", "started_at": None, "finished_at": None}
# Six broken answers are more than one request is repeated.
ANSWERS = ["running", *[""] * 6, "ready"]


def told(state: str) -> dict[str, Any]:
    step = {**STEP, "state": "succeeded" if state == "ready" else "running", "done": 3, "total": 4}
    return {
        "id": 1,
        "name": "Shoes",
        "request": {},
        "target": "",
        "progress": {"state": state, "share": 0.5, "error": "", "steps": [step]},
        "snapshot": None,
        "created_at": "2026-01-02T03:04:05Z",
        "delivered_at": None,
    }


@pytest.fixture
def address() -> Iterator[tuple[str, list[str]]]:
    """Where a shop answers `ANSWERS` in turn, the last one for ever; an empty one breaks the connection."""
    left = list(ANSWERS)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state = left.pop(0) if len(left) > 1 else left[0]
            if not state:
                self.close_connection = True
                return
            body = json.dumps(told(state)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", left
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_shop_that_is_away_for_a_while_is_waited_for(address: tuple[str, list[str]]) -> None:
    news: list[Progress] = []
    with Client(address[0], timeout_s=5) as shop:
        made = shop.datasets.get(1)
        assert made.state == "running"
        assert made.wait(progress=news.append, timeout_s=60).state == "ready"
    assert news[-1] == Progress("render", 3, 4)
    assert address[1] == ["ready"]


def test_one_that_stays_away_is_given_up(address: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feira.client.datasets.PATIENCE_S", 0.0)
    with Client(address[0], timeout_s=5) as shop, pytest.raises(Unreachable):
        shop.datasets.get(1).wait()
