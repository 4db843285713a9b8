"""What was fetched, so that the same name always means the same bytes: trust on first use, then checksums.

The file `models.lock.json` lies in the models folder and outlives the models: a model that is removed and pulled again
must be the one it was, unless its entry is given up on purpose.
"""

import json
import os
from pathlib import Path
from typing import Any, Final

from feira.engine.hub.errors import PullFailed

LOCK_NAME: Final = "models.lock.json"


def read_lock(models_dir: Path) -> dict[str, dict[str, Any]]:
    """Return the entries by name; none when nothing was ever pulled.

    Raises:
        PullFailed: the file is damaged; it must not be taken for an empty one.
    """
    path = models_dir / LOCK_NAME
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["models"]
        if all(isinstance(entry["files"], dict) for entry in entries.values()):
            return dict(entries)
        raise TypeError("an entry has no files")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise PullFailed(
            f"{path} cannot be read ({error}). It holds the checksums of pulled models: restore it, or remove it to "
            "trust what comes next."
        ) from error


def write_entry(models_dir: Path, name: str, entry: dict[str, Any]) -> None:
    """Remember what was pulled under a name."""
    _write(models_dir, {**read_lock(models_dir), name: entry})


def forget_entry(models_dir: Path, name: str) -> None:
    """Give up what was remembered of a name, so that something else may come in its place."""
    _write(models_dir, {known: entry for known, entry in read_lock(models_dir).items() if known != name})


def _write(models_dir: Path, entries: dict[str, dict[str, Any]]) -> None:
    path = models_dir / LOCK_NAME
    beside = path.with_name(f".{LOCK_NAME}.{os.getpid()}")
    beside.write_text(json.dumps({"models": dict(sorted(entries.items()))}, indent=1) + "\n", encoding="utf-8")
    beside.replace(path)
