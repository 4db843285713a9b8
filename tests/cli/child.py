"""A small program for the supervisor to look after: answers /readyz, and behaves as its arguments say.

child.py PORT [stubborn] [parent] [failing] [slow]
"""

import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

# Only a signal to the whole group, and no polite one, ends it.
GRANDCHILD = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


class Ready(BaseHTTPRequestHandler):
    """Answers 200 to everything."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *_arguments: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""


def main(port: int, manners: list[str]) -> None:
    """Serve until ended."""
    if "failing" in manners:
        sys.exit("there is nothing to serve")
    if "parent" in manners:
        subprocess.Popen([sys.executable, "-I", "-S", "-c", GRANDCHILD])
    signal.signal(signal.SIGTERM, signal.SIG_IGN if "stubborn" in manners else lambda *_: sys.exit(0))
    if "slow" in manners:
        time.sleep(1.5)
    sys.stdout.write(f"serving {port}\n")
    sys.stdout.flush()
    HTTPServer(("127.0.0.1", port), Ready).serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
