"""The state file of `feira up`: which processes run on a data folder, for the doctor and for a second start."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TextIO

from feira.core.errors import Misconfigured, Refused

STATE_NAME = "up.json"
LOCK_NAME = "up.lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningProcess:
    """One supervised process; `pid` is None while it waits to be started again, and names its process group, too."""

    pid: int | None
    url: str
    ready: bool
    restarts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningShop:
    """What one supervisor looks after."""

    pid: int
    address: str
    started_at: float
    processes: dict[str, RunningProcess] = field(default_factory=dict)


def write_running(data_dir: Path, shop: RunningShop) -> None:
    """Replace the state file."""
    fresh = data_dir / f"{STATE_NAME}.{os.getpid()}"
    fresh.write_text(json.dumps(asdict(shop), indent=2) + "\n", encoding="utf-8")
    fresh.replace(data_dir / STATE_NAME)


def read_running(data_dir: Path) -> RunningShop | None:
    """Return what runs on this data folder, None when no supervisor does."""
    try:
        facts = json.loads((data_dir / STATE_NAME).read_text(encoding="utf-8"))
        os.kill(facts["pid"], 0)
    except (OSError, ValueError):
        return None
    processes = {name: RunningProcess(**process) for name, process in facts.pop("processes").items()}
    return RunningShop(**facts, processes=processes)


def engine_address(data_dir: Path, *, otherwise: str) -> str:
    """Return where the engine answers: the one of this data folder's supervisor, else the one named."""
    shop = read_running(data_dir)
    return shop.processes["engine"].url if shop and "engine" in shop.processes else otherwise


def forget_running(data_dir: Path) -> None:
    """Remove the state file."""
    (data_dir / STATE_NAME).unlink(missing_ok=True)


@contextmanager
def only_one(data_dir: Path) -> Iterator[int]:
    """Hold the data folder's lock; yields its file descriptor, which may be handed to a process that keeps it longer.

    Raises:
        Misconfigured: nothing can be written into this folder.
        Refused: another supervisor runs on this data folder, or its processes are still being stopped.
    """
    with _lock_file(data_dir) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            shop = read_running(data_dir)
            where = f"at {shop.address} (process {shop.pid})" if shop else "but is just starting or stopping"
            raise Refused(
                f"Feira runs on {data_dir} already, {where}. Stop that one first, or choose another folder with --data."
            ) from error
        yield file.fileno()


def _lock_file(data_dir: Path) -> TextIO:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        return (data_dir / LOCK_NAME).open("a", encoding="utf-8")
    except OSError as error:
        reason = f"{data_dir} cannot be written to ({error.strerror}). Choose another folder with --data."
        raise Misconfigured(f"The data folder {reason}") from error
