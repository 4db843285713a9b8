"""Notebooks need torch, as training does."""

import importlib.util
import os

# Skipped without the extra feira[torch]; under `CI=true` the missing package fails the test itself.
_HAS_TORCH = importlib.util.find_spec("torch") is not None
collect_ignore = [] if _HAS_TORCH or os.environ.get("CI") == "true" else ["test_quickstart.py"]
