"""A whole shop as its operator starts it: `feira up` on a folder of its own, and every process gone at the end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from feira.cli.running import read_running
from tests.environment import free_port

START_S = 90
STOP_S = 40
IMPORT_S = 240
ENGINE_TIMEOUT_S = 3


class RunningShop:
    """One `feira up`, ready to be visited at `address`; what its processes write is in `log_path`."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.log_path = data_dir.parent / f"{data_dir.name}.log"
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._log = self.log_path.open("w")
        self._process = subprocess.Popen(
            [*_FEIRA, "up", "--port", str(self.port)],
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
        try:
            self._wait_until_open()
        except BaseException:
            self.stop()
            raise

    def feira(self, *arguments: str, stdin: str = "") -> str:
        """Run another `feira` command on the same data folder; return what it printed."""
        done = subprocess.run(
            [*_FEIRA, *arguments],
            env=self._environment(),
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=IMPORT_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def log(self) -> str:
        """Return everything that the processes have written so far."""
        return self.log_path.read_text(errors="replace")

    def pid_of(self, name: str) -> int:
        """Return the process id of `web`, `engine`, `worker` or `beat`, which also names its process group."""
        running = read_running(self.data_dir)
        assert running is not None
        pid = running.processes[name].pid
        assert pid is not None
        return pid

    def send_signal(self, name: str, number: signal.Signals) -> int:
        """Send a signal to a process and to whatever it started; return its process id."""
        pid = self.pid_of(name)
        os.killpg(pid, number)
        return pid

    def stop(self) -> None:
        """End the shop as Ctrl-C does, and see that none of its processes is left."""
        family = _descendants(self._process.pid)
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(timeout=STOP_S)
        finally:
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
            self._log.close()
        left = family & _alive()
        assert not left, f"still running: {left}\n{self.log()[-3000:]}"

    def _environment(self) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("FEIRA_", "DJANGO_"))}
        return {
            **ours,
            "FEIRA_DATA_DIR": str(self.data_dir),
            "FEIRA_PUBLIC_URL": self.address,
            "FEIRA_ENGINE_TIMEOUT_S": str(ENGINE_TIMEOUT_S),
        }

    def _wait_until_open(self) -> None:
        deadline = time.monotonic() + START_S
        while f"Feira is open at {self.address}" not in self.log():
            assert self._process.poll() is None, f"`feira up` ended:\n{self.log()}"
            assert time.monotonic() < deadline, f"`feira up` did not come up:\n{self.log()}"
            time.sleep(0.1)


_FEIRA = (sys.executable, "-m", "feira.cli.main")


def _descendants(root: int) -> set[int]:
    children: dict[int, list[int]] = {}
    for pid, parent, _state in _processes():
        children.setdefault(parent, []).append(pid)
    found, waiting = set(), [root]
    while waiting:
        pid = waiting.pop()
        found.add(pid)
        waiting.extend(children.get(pid, []))
    return found


def _alive() -> set[int]:
    return {pid for pid, _parent, state in _processes() if not state.startswith("Z")}


def _processes() -> list[tuple[int, int, str]]:
    lines = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True).stdout
    rows = (line.split() for line in lines.splitlines())
    return [(int(pid), int(parent), state) for pid, parent, state in rows]
