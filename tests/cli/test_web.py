"""What the web server does before it forks."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import gc, sys
from feira.cli.shop import start_django
start_django()
from feira.cli.web import load_before_forking
assert "feira.shop.storefront.views" not in sys.modules
load_before_forking()
from django.db import connections
connected = [each for each in connections.all(initialized_only=True) if each.connection is not None]
print("feira.shop.storefront.views" in sys.modules, gc.get_freeze_count() > 100_000, len(connected))
"""


def test_views_are_loaded_once_for_all_workers_and_no_connection_is_inherited(tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "FEIRA_DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", "True", "0"]
