"""`/healthz`, `/readyz` and `/metrics` for processes that serve nothing else."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest


class HealthServer:
    """Answers on one port from a thread, until closed."""

    def __init__(
        self,
        port: int,
        *,
        why_not_ready: Callable[[], str],
        registry: CollectorRegistry = REGISTRY,
        host: str = "127.0.0.1",
    ) -> None:
        """Listen at once.

        Args:
            port: 0 takes any free one; see `port`.
            why_not_ready: what is missing for the process to do its work, in a few words; empty when it is ready.
            registry: what `/metrics` shows.
            host: the loopback address unless the process is watched from outside.

        Raises:
            OSError: the port is taken.
        """
        self._server = ThreadingHTTPServer((host, port), _handler(why_not_ready, registry))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop answering and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(why_not_ready: Callable[[], str], registry: CollectorRegistry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            match self.path.partition("?")[0]:
                case "/healthz":
                    self._answer(200, "ok\n")
                case "/readyz":
                    reason = why_not_ready()
                    self._answer(503 if reason else 200, f"{reason or 'ready'}\n")
                case "/metrics":
                    self._answer(200, generate_latest(registry).decode(), CONTENT_TYPE_LATEST)
                case _:
                    self._answer(404, "Here are /healthz, /readyz and /metrics.\n")

        def _answer(self, status: int, text: str, content_type: str = "text/plain; charset=utf-8") -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Say nothing: probes come every second."""

    return Handler
