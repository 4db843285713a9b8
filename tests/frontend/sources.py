"""Where the front end's files are, for its tests."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src/feira"
STATIC = PACKAGE / "frontend/static"
TEMPLATES = sorted(path for path in PACKAGE.rglob("*.html") if "templates" in path.parts)


def short(path: Path) -> str:
    """Name a file from the repository root."""
    return path.relative_to(ROOT).as_posix()
