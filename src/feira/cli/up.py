"""`feira up`: every process of the shop on one machine, under one supervisor."""

import errno
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from feira.cli.console import say
from feira.cli.errors import Misused
from feira.cli.running import RunningProcess, RunningShop, forget_running, only_one, write_running
from feira.cli.supervisor import ProcessSpec, Supervisor
from feira.core.errors import Refused
from feira.settings import load_settings

COLOURS = {"web": "cyan", "engine": "magenta", "worker": "green", "beat": "yellow", "up": "bold"}
FEIRA = (sys.executable, "-m", "feira.cli.main")

Port = Annotated[int, typer.Option(min=1, max=65535, help="Port of the shop.")]
Host = Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for every network.")]
Data = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Folder that keeps everything.  [default: FEIRA_DATA_DIR]")
]

app = typer.Typer()


@app.command(epilog="Example: [bold]feira up --port 8123 --data ~/shop[/].")
def up(port: Port = 8000, host: Host = "127.0.0.1", data: Data = None) -> None:
    """Start web, engine, worker and beat, and print the address once every one of them is ready.

    A process that ends is started again. Ctrl-C or SIGTERM stops them all.
    """
    run_shop(
        host=host, port=port, data_dir=data, on_ready=lambda address: print(f"Feira is open at {address}", flush=True)
    )


def run_shop(*, host: str, port: int, data_dir: Path | None, on_ready: Callable[[str], None]) -> None:
    """Run every process until SIGTERM or SIGINT.

    Args:
        data_dir: None takes the one of the settings.
        on_ready: called with the shop's address, once, when every process has answered /readyz.

    Raises:
        Misused: the port cannot be listened on.
        Refused: another supervisor runs on this data folder, or the database cannot be brought up to date.
        NotStarted: a process ends again and again.
    """
    data_dir = (data_dir or load_settings().data_dir).expanduser().resolve()
    with only_one(data_dir) as lock:
        refuse_taken_port(host, port)
        address = os.environ.get("FEIRA_PUBLIC_URL") or f"http://{shown_host(host)}:{port}"
        engine_port, worker_port, beat_port = free_ports(3)
        env = {
            **os.environ,
            "FEIRA_DATA_DIR": str(data_dir),
            "FEIRA_PUBLIC_URL": address,
            "FEIRA_ENGINE_URL": f"http://127.0.0.1:{engine_port}",
            "PYTHONUNBUFFERED": "1",
        }
        bring_up_to_date(env)
        started_at = time.time()

        def note(processes: dict[str, RunningProcess]) -> None:
            shop = RunningShop(pid=os.getpid(), address=address, started_at=started_at, processes=processes)
            write_running(data_dir, shop)

        probed = "127.0.0.1" if host in {"0.0.0.0", "::", ""} else shown_host(host)  # noqa: S104 - compared, not bound
        ports = {"web": port, "engine": engine_port, "worker": worker_port, "beat": beat_port}
        arguments = {
            "web": ["--host", host, "--port", str(port)],
            "engine": ["--port", str(engine_port)],
            "worker": ["--health-port", str(worker_port)],
            "beat": ["--health-port", str(beat_port)],
        }
        specs = [
            ProcessSpec(
                name=name,
                command=[*FEIRA, name, *arguments[name]],
                env=env,
                url=f"http://{probed if name == 'web' else '127.0.0.1'}:{ports[name]}",
            )
            for name in ports
        ]
        say(f"Starting {', '.join(ports)} on {data_dir}")
        supervisor = Supervisor(
            specs,
            log=prefixed_log(max(map(len, ports))),
            on_change=note,
            on_ready=lambda: on_ready(address),
            keep_open=[lock],
        )
        try:
            supervisor.run()
        finally:
            forget_running(data_dir)
        say("Every process has ended.")


def bring_up_to_date(env: Mapping[str, str]) -> None:
    """Apply migrations and collect static files, in a process of its own so that this one stays small."""
    if subprocess.run([*FEIRA, "migrate"], env=env, stdin=subprocess.DEVNULL, check=False).returncode:
        raise Refused("The database or the static files could not be brought up to date; the lines above say why.")


def refuse_taken_port(host: str, port: int) -> None:
    """Raise Misused when this address cannot be listened on."""
    reasons = {
        errno.EADDRINUSE: f"Port {port} is taken by another program. Choose another one: --port {port + 1}",
        errno.EACCES: f"Port {port} is for the administrator only. Choose one above 1024: --port 8000",
        errno.EADDRNOTAVAIL: f"{host} is not an address of this machine. Leave --host out, or use 0.0.0.0",
    }
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(where)
    except (OSError, OverflowError) as error:
        number = getattr(error, "errno", None) or 0
        raise Misused(f"{reasons.get(number, f'Cannot listen on {host}:{port}: {error}')}.") from error


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback address that nobody listens on just now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()


def shown_host(host: str) -> str:
    """Return the host as people type it into an address."""
    if host in {"0.0.0.0", "::", ""}:  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def prefixed_log(width: int) -> Callable[[str, str], None]:
    """Return a function that writes a process's line to stderr behind its name, coloured on a terminal."""
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    lock = threading.Lock()

    def log(name: str, line: str) -> None:
        prefix = Text(f"{name:<{width}} | ", style=COLOURS.get(name, ""))
        with lock:
            console.print(prefix + Text.from_ansi(line))

    return log
