"""`feira doctor`: what is configured, what works, and what to do about the rest."""

import importlib.util
import json as json_module
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.text import Text

from feira import __version__
from feira.cli.console import show_json
from feira.cli.findings import Finding, fail, ok, warn
from feira.cli.running import engine_address, read_running
from feira.cli.up import FEIRA
from feira.core.errors import EngineUnavailable, FeiraError, Misconfigured
from feira.engine.client import EngineClient
from feira.engine.config import chosen_encoder
from feira.engine.registry import list_encoders
from feira.settings import ENV_PREFIX, Settings, load_settings

LEAST_PYTHON = (3, 11)
LITTLE_DISK = 2_000_000_000
TOO_LITTLE_DISK = 200_000_000
SHOP_WAIT_S = 60
EXTRAS = {
    "postgres": "psycopg",
    "redis": "redis",
    "s3": "storages",
    "parquet": "pyarrow",
    "heic": "pillow_heif",
    "torch": "torch",
}
PACKAGES = ("django", "celery", "faiss-cpu", "onnxruntime", "pillow", "numpy")
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}

app = typer.Typer()


@app.command(epilog="Example: [bold]feira doctor --json[/] for a bug report; secrets are masked.")
def doctor(json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False) -> None:
    """Explain what is configured and what is wrong; exit 1 when something keeps the shop from working."""
    findings = list(examine())
    if json:
        show_json([finding.as_dict() for finding in findings])
    else:
        print_findings(findings)
    raise typer.Exit(1 if any(finding.level == "fail" for finding in findings) else 0)


def examine() -> Iterator[Finding]:
    """Look at everything, the cheapest and most basic first."""
    yield examine_python()
    yield ok("feira", f"{__version__}; {', '.join(f'{name} {version(name)}' for name in PACKAGES)}")
    try:
        settings = load_settings()
    except Misconfigured as error:
        yield fail("settings", error.message, "Correct the variable; docs/reference/settings.md lists them all.")
        return
    yield ok("settings", ", ".join(settings_given(settings)) or "none given, defaults everywhere")
    folder = examine_data_folder(settings.data_dir.resolve())
    yield folder
    if folder.level == "fail":
        return
    yield examine_disk(settings.data_dir.resolve())
    yield from examine_shop()
    yield examine_engine(settings)
    yield examine_models(settings)
    yield examine_processes(settings.data_dir.resolve())
    yield ok("extras", ", ".join(installed_extras()) or "none installed")
    yield examine_browser()


def examine_python() -> Finding:
    """Look at the interpreter."""
    told = f"{platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    if sys.version_info < LEAST_PYTHON:
        return fail("python", told, "Feira needs Python 3.11 or newer.")
    return ok("python", told)


def settings_given(settings: Settings) -> list[str]:
    """Return the variables that are set, as NAME=value, with secrets masked."""
    given = []
    for name in sorted(settings.model_fields_set):
        value = str(getattr(settings, name))
        if value:
            given.append(f"{ENV_PREFIX}{name.upper()}={masked(name, value)}")
    return given


def masked(name: str, value: str) -> str:
    """Hide a key or token, and the password in an address."""
    if name in {"secret_key", "hub_token"}:
        return "***"
    try:
        parts = urlsplit(value)
        password = parts.password
    except ValueError:  # not an address at all
        return value
    if not password:
        return value
    user, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user.partition(':')[0]}:***@{host}").geturl()


def examine_data_folder(folder: Path) -> Finding:
    """Look whether the data folder can be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return fail("data folder", f"{folder}: {error.strerror}", "Make it writable, or name another: FEIRA_DATA_DIR.")
    return ok("data folder", str(folder))


def examine_disk(folder: Path) -> Finding:
    """Look how much room is left."""
    free = shutil.disk_usage(folder).free
    told = f"{free / 1e9:.1f} GB free"
    if free < TOO_LITTLE_DISK:
        return fail("disk", told, "Free some space: uploads fail when the disk is full.")
    return warn("disk", told, "Free some space soon.") if free < LITTLE_DISK else ok("disk", told)


def examine_shop() -> Iterator[Finding]:
    """Let a process with Django look at database, broker, blobs and workers."""
    command = [*FEIRA, "examine-shop"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=SHOP_WAIT_S, check=False, stdin=subprocess.DEVNULL
        )
        found = json_module.loads(done.stdout)
    except subprocess.TimeoutExpired:
        yield fail("shop", f"does not answer within {SHOP_WAIT_S} s", "Is a server in FEIRA_*_URL unreachable?")
    except ValueError:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1].removeprefix("feira: ")
        yield fail("shop", f"cannot start: {last}", "Correct what this line names, then ask the doctor again.")
    else:
        for finding in found:
            yield Finding(**finding)


def examine_engine(settings: Settings) -> Finding:
    """Look whether the engine answers and what it serves."""
    address = engine_address(settings.data_dir.resolve(), otherwise=settings.engine_url)
    try:
        status = EngineClient(address, timeout_s=2.0).status()
    except EngineUnavailable:
        return warn("engine", f"nothing answers at {address}", "Start it with `feira up` or `feira engine`.")
    told = f"{address}: {status.encoder_id}, {status.photos} photos searchable, log entry {status.seq}"
    if status.fault:
        return warn("engine", f"{told}; {status.fault}", "The engine keeps trying; look at the database.")
    return ok("engine", told) if status.ready else warn("engine", f"{told}; still starting", "Wait a moment.")


def examine_models(settings: Settings) -> Finding:
    """Look at the models folder and the encoder that is chosen."""
    folder, chosen = settings.resolved_models_dir(), chosen_encoder(settings)
    try:
        cards = list_encoders(folder)
    except (FeiraError, OSError) as error:
        return warn("encoders", str(error), f"Look into {folder}.")
    names = {card.name: card for card in cards}
    told = f"{', '.join(names)} ({chosen} is chosen; models lie in {folder})"
    if chosen not in names:
        return fail("encoders", told, "Choose one that is there: `feira model use NAME`, or unset FEIRA_ENCODER.")
    if not names[chosen].is_valid:
        return fail("encoders", names[chosen].fault, "Bring the model's folder in order, or choose another encoder.")
    broken = [card.name for card in cards if not card.is_valid]
    if broken:
        return warn("encoders", f"{told}; unusable: {', '.join(broken)}", f"`feira model show {broken[0]}` says why.")
    return ok("encoders", told)


def examine_processes(data_dir: Path) -> Finding:
    """Look at what `feira up` runs on this data folder."""
    shop = read_running(data_dir)
    if shop is None:
        return ok("processes", "`feira up` is not running on this data folder")
    states = {
        name: "ready" if process.ready else "not ready" if process.pid else "waiting to start again"
        for name, process in shop.processes.items()
    }
    restarts = sum(process.restarts for process in shop.processes.values())
    told = f"{shop.address}: {', '.join(f'{name} {state}' for name, state in states.items())}; {restarts} restarts"
    if all(process.ready for process in shop.processes.values()):
        return ok("processes", told)
    return warn("processes", told, "Look at the lines that `feira up` prints.")


def installed_extras() -> list[str]:
    """Return the names of optional parts whose package is installed."""
    return [extra for extra, module in EXTRAS.items() if importlib.util.find_spec(module) is not None]


def examine_browser() -> Finding:
    """Look for the browser that tests and screenshots need; a shop runs without."""
    found = next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)
    return ok("chromium", found or "not on PATH; only browser tests and screenshots need it")


def print_findings(findings: list[Finding]) -> None:
    """Print one line per finding, and its advice below."""
    console = Console(soft_wrap=True, highlight=False)
    for finding in findings:
        line = Text(f"{finding.level:<5}", style=STYLES[finding.level])
        console.print(line + Text(f"{finding.name:<13} {finding.text}", style="default"))
        if finding.advice:
            console.print(Text(f"{'':<19}→ {finding.advice}", style="dim"))
