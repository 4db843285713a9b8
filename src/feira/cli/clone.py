"""Where the clone lies that this Feira runs from, for the commands that test it."""

from pathlib import Path

import feira
from feira.core.errors import Refused


def clone_root() -> Path:
    """Return the folder with `pyproject.toml` and `tests`.

    Raises:
        Refused: Feira was installed from a wheel and has no tests with it.
    """
    root = Path(feira.__file__).resolve().parents[2]
    if not (root / "pyproject.toml").is_file() or not (root / "tests").is_dir():
        raise Refused("This works in a clone of the repository only: run ./feira there.")
    return root
