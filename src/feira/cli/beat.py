"""`feira beat`: starts what recurs."""

from typing import Annotated

import typer

from feira.shop.jobs.beat import run_beat

app = typer.Typer()


@app.command(epilog="Example: [bold]feira beat --health-port 8003[/].")
def beat(
    health_port: Annotated[
        int, typer.Option(help="Where /healthz, /readyz and /metrics answer on this machine; 0 takes any free port.")
    ] = 0,
) -> None:
    """Start recurring jobs until SIGTERM. One beat is on duty; a second waits to take over."""
    run_beat(health_port)
