"""`feira web`: pages and API behind gunicorn."""

import gc
from importlib import import_module
from typing import Annotated, Any

import typer
from django.conf import settings as django_settings
from gunicorn.app.base import BaseApplication

from feira.settings import load_settings
from feira.shop.config.wsgi import application

GRACE_S = 10
PHOTO_UPLOAD_S = 60

app = typer.Typer()


class ShopServer(BaseApplication):  # type: ignore[misc]
    """gunicorn, told what to do by us and by no file or command line."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        """Hand our options over."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Return the WSGI application."""
        return application


def load_before_forking() -> None:
    """Load every view now, and let the garbage collector leave what is loaded alone: the workers share it then.

    Without this each worker loads the views for itself at its first request, and the collector, which writes into
    every object it looks at, takes the shared pages apart: 299 MB for two workers in place of 220.
    """
    import_module(django_settings.ROOT_URLCONF)
    gc.collect()
    gc.freeze()


@app.command(epilog="Example: [bold]feira web --port 8000[/], behind a proxy that speaks TLS.")
def web(
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for every network.")] = "127.0.0.1",
    access_log: Annotated[bool, typer.Option("--access-log", help="Write a line per request to stdout.")] = False,
) -> None:
    """Serve pages and API until SIGTERM; requests under way are answered first.

    Processes and threads come from FEIRA_WEB_WORKERS and FEIRA_WEB_THREADS.
    """
    settings = load_settings()
    load_before_forking()
    ShopServer(
        {
            "bind": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
            "worker_class": "gthread",
            "workers": settings.web_workers,
            "threads": settings.web_threads,
            "timeout": PHOTO_UPLOAD_S,
            "graceful_timeout": GRACE_S,
            "accesslog": "-" if access_log else None,
            "loglevel": settings.log_level.lower() if settings.log_level != "INFO" else "warning",
            "control_socket_disable": True,
        }
    ).run()
