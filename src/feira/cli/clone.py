"""Where the clone lies that this Feira runs from, for the commands that test it."""

from pathlib import Path

import feira
from feira.core.errors import Refused


def find_clone() -> Path | None:
    """Return the folder with `pyproject.toml` and `tests`, None when Feira was installed from a wheel."""
    root = Path(feira.__file__).resolve().parents[2]
    return root if (root / "pyproject.toml").is_file() and (root / "tests").is_dir() else None


def clone_root() -> Path:
    """Return the folder with `pyproject.toml` and `tests`.

    Raises:
        Refused: Feira was installed from a wheel and has no tests with it.
    """
    root = find_clone()
    if root is None:
        raise Refused("This works in a clone of the repository only: run ./feira there.")
    return root
