"""Loaded before Django reads its settings (`-p tests.environment`): nothing of the developer's own shop is touched."""

import atexit
import os
import shutil
import socket
import tempfile
from pathlib import Path


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


DATA = Path(tempfile.mkdtemp(prefix="feira-tests-"))
ENGINE_PORT = free_port()

atexit.register(shutil.rmtree, DATA, ignore_errors=True)
(DATA / "static").mkdir()
for _name in [name for name in os.environ if name.startswith("FEIRA_") and not name.startswith("FEIRA_TEST_")]:
    del os.environ[_name]
os.environ["FEIRA_DATA_DIR"] = str(DATA)
os.environ["FEIRA_ENGINE_URL"] = f"http://127.0.0.1:{ENGINE_PORT}"
# A thread that writes on its own has no place in a test's transaction.
os.environ["FEIRA_SEARCH_LOG_DELAY_S"] = "0"
if _database := os.environ.get("FEIRA_TEST_DATABASE_URL"):
    os.environ["FEIRA_DATABASE_URL"] = _database
