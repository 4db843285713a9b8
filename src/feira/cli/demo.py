"""`feira demo`: a shop full of sample photos in one command, and the same shop again in seconds."""

import contextlib
import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import Annotated

import typer

from feira.cli.clone import find_clone
from feira.cli.console import say
from feira.cli.demo_facts import DemoFacts, read_demo, write_demo
from feira.cli.errors import INTERRUPTED
from feira.cli.samples import find_samples
from feira.cli.up import FEIRA, Data, Host, Port, run_shop
from feira.settings import load_settings

DRAWN_BY_DEFAULT = 400

app = typer.Typer()


@app.command(
    epilog="Examples: [bold]feira demo --port 8123 --count 500[/], [bold]feira demo --generate 300[/] without network."
)
def demo(
    port: Port = 8000,
    host: Host = "127.0.0.1",
    *,
    data: Data = None,
    source: Annotated[
        str, typer.Option(envvar="FEIRA_DEMO_SOURCE", metavar="PHOTOS", help="Folder, archive or address of photos.")
    ] = "",
    count: Annotated[int, typer.Option(min=0, help="Use only this many of the photos.  [default: all]")] = 0,
    generate: Annotated[int, typer.Option(min=0, metavar="N", help="Draw N listings instead of using photos.")] = 0,
) -> None:
    """Start a shop, fill it with sample photos once, and print its address and the demo accounts.

    Photos come from --source, else from ../shared/data/clothing beside the clone, else from a download of public-domain
    clothing photos (about 100 MB), else Feira draws them. The shop keeps what happens in it: call this again to go on.
    """
    data_dir = (data or load_settings().data_dir).expanduser().resolve()
    facts = read_demo(data_dir) or prepare(data_dir, source=source, count=count, generate=generate)
    filling = Filling(data_dir)
    try:
        run_shop(host=host, port=port, data_dir=data_dir, on_ready=lambda address: filling.start(address, facts))
    finally:
        filling.stop()


def prepare(data_dir: Path, *, source: str, count: int, generate: int) -> DemoFacts:
    """Find the photos and note what this demo is made of."""
    folder = None
    if not generate:
        folder = find_samples(source, samples_dir=data_dir / "samples", clone=find_clone())
    facts = DemoFacts(
        folder=str(folder or ""), count=count, draw=0 if folder else generate or count or DRAWN_BY_DEFAULT
    )
    write_demo(data_dir, facts)
    return facts


class Filling:
    """The import of the sample photos, in a process of its own, once the shop's processes are there to do it."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, address: str, facts: DemoFacts) -> None:
        """Fill the shop and print its address at the end; returns at once."""
        if facts.is_complete:
            announce(address, facts)
            return
        env = {**os.environ, "FEIRA_DATA_DIR": str(self._data_dir)}
        self._process = subprocess.Popen([*FEIRA, "fill-demo"], env=env, stdin=subprocess.DEVNULL)
        threading.Thread(target=self._announce_at_end, args=(address, self._process), daemon=True).start()

    def stop(self) -> None:
        """End the import when it is under way; it goes on at the next start."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)
            self._process.wait()

    def _announce_at_end(self, address: str, process: subprocess.Popen[bytes]) -> None:
        code = process.wait()
        facts = read_demo(self._data_dir)
        if code == 0 and facts is not None:
            announce(address, facts)
        elif code not in {INTERRUPTED, -signal.SIGTERM, -signal.SIGINT}:
            say(f"The sample photos could not all be imported; the lines above say why. The shop is open at {address}")


def announce(address: str, facts: DemoFacts) -> None:
    """Print the address and who can sign in."""
    print(f"Feira is open at {address}")
    for account in facts.accounts:
        print(f"  {account['role']}: {account['email']}  password: {account['password']}")
    print("Press Ctrl-C to stop.", flush=True)
