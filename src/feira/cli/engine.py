"""`feira engine`: encoder and index in a process of their own, without Django."""

import logging
from typing import Annotated

import typer

from feira.engine.config import config_from_settings
from feira.engine.server import serve
from feira.settings import load_settings
from feira.shop.web.logs import configure_logs

app = typer.Typer()


@app.command(epilog="Example: [bold]feira engine --port 8001[/]. The shop looks for it at FEIRA_ENGINE_URL.")
def engine(
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8001,
    host: Annotated[
        str, typer.Option(help="Address to listen on. There is no password: keep it off public networks.")
    ] = "127.0.0.1",
) -> None:
    """Serve encoder and index until SIGTERM, then write a snapshot of the index."""
    settings = load_settings()
    configure_logs(settings)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # the engine says itself when it is ready
    serve(config_from_settings(settings), host=host, port=port)
