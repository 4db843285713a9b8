"""A supervisor with small children, for tests that kill it: `supervise.py DATA GRACE_S NAME=PORT,MANNERS…`."""

import os
import sys
import time
from pathlib import Path

from feira.cli.console import say
from feira.cli.errors import exit_code_of
from feira.cli.running import RunningProcess, RunningShop, forget_running, only_one, write_running
from feira.cli.supervisor import ProcessSpec, Supervisor

CHILD = Path(__file__).with_name("child.py")


def supervise(data_dir: Path, grace_s: float, children: list[str]) -> None:
    """Look after the children until told to stop."""
    specs = []
    for child in children:
        name, _, rest = child.partition("=")
        port, *manners = rest.split(",")
        command = [sys.executable, "-I", "-S", str(CHILD), port, *manners]
        specs.append(ProcessSpec(name=name, command=command, env=os.environ, url=f"http://127.0.0.1:{port}"))

    def note(processes: dict[str, RunningProcess]) -> None:
        write_running(
            data_dir, RunningShop(pid=os.getpid(), address="here", started_at=time.time(), processes=processes)
        )

    with only_one(data_dir) as lock:
        Supervisor(
            specs,
            log=lambda name, line: say(f"{name}: {line}"),
            on_change=note,
            on_ready=lambda: say("all ready"),
            keep_open=[lock],
            grace_s=grace_s,
            back_off_s=0.1,
        ).run()
        forget_running(data_dir)


if __name__ == "__main__":
    sys.exit(exit_code_of(lambda: supervise(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:])))
