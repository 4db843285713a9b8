"""What every test may use: a throw-away data folder, accounts and listings, and a real engine process."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

# Before Django reads its settings: nothing of the developer's own shop may be touched.
_DATA = Path(tempfile.mkdtemp(prefix="feira-tests-"))
atexit.register(shutil.rmtree, _DATA, ignore_errors=True)
os.environ["FEIRA_DATA_DIR"] = str(_DATA)
for _name in [name for name in os.environ if name.startswith("FEIRA_") and not name.startswith("FEIRA_TEST_")]:
    if _name != "FEIRA_DATA_DIR":
        del os.environ[_name]
if _database := os.environ.get("FEIRA_TEST_DATABASE_URL"):
    os.environ["FEIRA_DATABASE_URL"] = _database
