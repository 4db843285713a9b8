"""`feira worker`: works on jobs of one or several queues."""

from typing import Annotated

import typer

from feira.settings import load_settings
from feira.shop.jobs.registry import QUEUES
from feira.shop.jobs.worker import run_worker

app = typer.Typer()


@app.command(epilog="Example: [bold]feira worker --queues imagery,inference --concurrency 4[/].")
def worker(
    queues: Annotated[str, typer.Option(help="Which queues, separated by commas.")] = ",".join(QUEUES),
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="Jobs at once.  [default: FEIRA_WORKER_CONCURRENCY]")
    ] = None,
    health_port: Annotated[
        int, typer.Option(help="Where /healthz, /readyz and /metrics answer on this machine; 0 takes any free port.")
    ] = 0,
) -> None:
    """Work on jobs until SIGTERM; a second worker may run beside it, here or elsewhere."""
    names = [name.strip() for name in queues.split(",") if name.strip()]
    at_once = concurrency or load_settings().worker_concurrency
    raise typer.Exit(run_worker(names, concurrency=at_once, health_port=health_port))
