"""A throw-away shop: a data folder of its own, the real processes on it, and Python inside it."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

from feira.cli.running import RunningShop, read_running
from feira.cli.supervisor import answers
from feira.cli.up import FEIRA, free_ports
from feira.engine.client import EngineClient
from feira.settings import ENV_PREFIX, Settings
from rig.processes import PROC, command_of, cpu_s, family_of, pss_mb

START_S = 90.0
STOP_S = 40.0
BENCHMARKS = Path(__file__).resolve().parents[1]
SHARED = BENCHMARKS.parents[1] / "shared"


class Broken(RuntimeError):
    """A process that the benchmark measures has ended or was restarted: whatever was measured means nothing."""


class Shop:
    """One shop in a folder that goes with it; several may be open at once. Linux only, because costs are read in /proc.

    Args:
        settings: values of FEIRA_* variables, named as in `feira.settings`.
    """

    def __init__(self, **settings: str | int | Path) -> None:
        if not PROC.is_dir():
            raise SystemExit("These benchmarks read /proc, which only Linux has.")
        signal.signal(signal.SIGTERM, _leave)
        self.folder = Path(tempfile.mkdtemp(prefix="feira-bench-"))
        others = {name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)}
        self.environment = {
            **others,
            "FEIRA_DATA_DIR": str(self.folder),
            "FEIRA_LOG_LEVEL": "WARNING",
            "FEIRA_ENGINE_URL": f"http://127.0.0.1:{free_ports(1)[0]}",
            "PYTHONPATH": str(BENCHMARKS),
            **{f"{ENV_PREFIX}{name.upper()}": str(value) for name, value in settings.items()},
        }
        self._processes: dict[str, _Process] = {}
        self._insides: list[Inside] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def migrate(self) -> None:
        """Make the database."""
        subprocess.run([*FEIRA, "migrate"], env=self.environment, stdin=subprocess.DEVNULL, check=True)

    def begin_like(self, other: "Shop") -> None:
        """Take over what another shop holds in which nothing runs."""
        shutil.copytree(other.folder, self.folder, dirs_exist_ok=True)

    def open(self) -> str:
        """Start every process with `feira up`; return the address once all are ready."""
        (port,) = free_ports(1)
        self._processes["up"] = process = _Process([*FEIRA, "up", "--port", str(port)], self.environment)
        process.wait_until(lambda: process.saw("Feira is open at"), START_S)
        shop = self.running()
        self.environment["FEIRA_ENGINE_URL"] = shop.processes["engine"].url
        return shop.address

    def start_engine(self) -> None:
        """Start the engine alone, and wait until it has caught up with the index log."""
        url = self.environment["FEIRA_ENGINE_URL"]
        command = [*FEIRA, "engine", "--port", url.rpartition(":")[2]]
        self._processes["engine"] = process = _Process(command, self.environment)
        process.wait_until(lambda: answers(f"{url}/readyz"), START_S)

    def engine_alone(self, encoder: str, **terms: Any) -> EngineClient:
        """Start one more engine on this shop's database; return a client of it once it has caught up.

        Args:
            terms: fields of `feira.engine.config.EngineConfig`.
        """
        (port,) = free_ports(1)
        settings = self.settings()
        facts = {
            "encoder": encoder,
            "models_dir": str(settings.resolved_models_dir()),
            "database_url": settings.resolved_database_url(),
            "snapshots_dir": str(self.folder / f"index-{port}"),
            "threads": os.cpu_count() or 1,
            "port": port,
            **terms,
        }
        command = [sys.executable, "-m", "rig.engine_alone", json.dumps(facts)]
        self._processes[f"engine at {port}"] = process = _Process(command, self.environment)
        client = EngineClient(f"http://127.0.0.1:{port}", timeout_s=120.0)
        process.wait_until(lambda: answers(f"{client.url}/readyz"), START_S)
        return client

    def engine_cpu_s(self, client: EngineClient) -> float:
        """Return the processor time that an engine of `engine_alone` has used so far, in seconds."""
        return cpu_s(self._processes[f"engine at {client.url.rpartition(':')[2]}"].pid)

    def settings(self) -> Settings:
        """Return the settings that this shop's processes see."""
        fields = Settings.model_fields
        named = {name: self.environment.get(f"{ENV_PREFIX}{name.upper()}") for name in fields}
        return Settings.model_validate({name: value for name, value in named.items() if value is not None})

    def running(self) -> RunningShop:
        """Return what `feira up` looks after."""
        shop = read_running(self.folder)
        if shop is None:
            raise Broken("`feira up` is gone.")
        return shop

    def check(self) -> None:
        """See that every process is there and none was started again.

        Raises:
            Broken: one was.
        """
        for process in self._processes.values():
            process.check()
        if "up" in self._processes:
            for name, state in self.running().processes.items():
                if state.pid is None or state.restarts:
                    raise Broken(f"{name} ended while it was measured. {self._processes['up'].last_lines()}")

    def cpu_s(self) -> dict[str, float]:
        """Return the processor time used so far by each of the shop's parts, in seconds.

        The parts are those of `feira up`, with the processes that decode photos counted apart as `sandbox`.
        """
        used: dict[str, float] = {"sandbox": 0.0}
        for name, state in self.running().processes.items():
            for pid in family_of(state.pid) if state.pid else []:
                part = "sandbox" if "sandbox_child" in command_of(pid) else name
                used[part] = used.get(part, 0.0) + cpu_s(pid)
        return used

    def pss_mb(self) -> dict[str, tuple[int, float]]:
        """Return for each process of `feira up` how many there are, children included, and their memory in MB."""
        families = {name: family_of(state.pid) for name, state in self.running().processes.items() if state.pid}
        families["up"] = sorted({*family_of(self.running().pid)} - {pid for pids in families.values() for pid in pids})
        return {name: (len(pids), pss_mb(pids)) for name, pids in families.items()}

    def inside(self) -> "Inside":
        """Start a Python process in this shop."""
        made = Inside(self.environment)
        self._insides.append(made)
        return made

    def stop(self) -> None:
        """End every process; what the shop holds stays."""
        for inside in self._insides:
            inside.close()
        self._insides.clear()
        for process in self._processes.values():
            process.stop()
        self._processes.clear()

    def close(self) -> None:
        """End every process and delete the folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Inside:
    """A Python process with Django set up for one shop, which runs functions by name."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "rig.inside"],
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def call(self, function: str, **facts: Any) -> Any:
        """Run `module:function` there and return its answer; facts and answer travel as JSON.

        Raises:
            Broken: it failed; its story is on stderr.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps({"call": function, "facts": facts}), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise Broken(f"{function} failed; the lines above say why.")
        return json.loads(line)

    def close(self) -> None:
        """Let the process end."""
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait(STOP_S)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


class _Process:
    """A program whose last lines are kept, for the case that it ends."""

    def __init__(self, command: list[str], environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._lines: deque[str] = deque(maxlen=40)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def saw(self, words: str) -> bool:
        return any(words in line for line in list(self._lines))

    def last_lines(self) -> str:
        return "Its last lines:\n" + "".join(self._lines)

    def check(self) -> None:
        if self._process.poll() is not None:
            self._reader.join(1)
            raise Broken(f"A process ended with exit code {self._process.returncode}. {self.last_lines()}")

    def wait_until(self, is_so: Any, patience_s: float) -> None:
        deadline = time.monotonic() + patience_s
        while not is_so():
            self.check()
            if time.monotonic() > deadline:
                raise Broken(f"Waited {patience_s:.0f} s in vain. {self.last_lines()}")
            time.sleep(0.05)

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(1)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._lines.append(line)


def _leave(_number: int, _frame: FrameType | None) -> None:
    """Let SIGTERM unwind, so that processes and folders go."""
    raise SystemExit(143)
