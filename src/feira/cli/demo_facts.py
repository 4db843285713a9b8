"""What a demo is made of, kept in its data folder so that the next start finds the same shop."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoFacts:
    """Photos of a folder, or as many drawn listings; `count` 0 takes every photo.

    The accounts have `role`, `email` and `password`; these protect a demo on somebody's own machine and nothing else.
    """

    folder: str
    count: int
    draw: int
    accounts: list[dict[str, str]] = field(default_factory=list)
    is_complete: bool = False


def read_demo(data_dir: Path) -> DemoFacts | None:
    """Return the demo that this data folder holds, None when it holds none."""
    try:
        return DemoFacts(**json.loads(demo_file(data_dir).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write_demo(data_dir: Path, facts: DemoFacts) -> None:
    """Replace the note; only its owner may read the passwords."""
    data_dir.mkdir(parents=True, exist_ok=True)
    fresh = data_dir / "demo.json.new"
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(asdict(facts), indent=2) + "\n", encoding="utf-8")
    fresh.replace(demo_file(data_dir))


def demo_file(data_dir: Path) -> Path:
    """Return where the note lies."""
    return data_dir / "demo.json"
