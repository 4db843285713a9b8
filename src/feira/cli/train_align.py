"""`feira train align`: let words meet pictures by what this shop holds."""

from typing import Annotated, Any

import typer

from feira.cli.console import say, show_json, show_table
from feira.cli.running import engine_address
from feira.settings import load_settings

EXAMPLE = "[bold]feira train align[/]"


def align(json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """Fit the bridge from words to pictures to this shop's titles, attributes and feedback, and judge it.

    Does now what the job search.refit_bridge does by itself as the shop grows. Listings that are never learned from are
    asked for by their titles, before and after; only a better bridge serves. The engine has to run: the one of the
    shop that runs on this data folder is asked, else the one in the settings.
    """
    # Django starts here and not with the group: training the built-in encoders needs no shop.
    from feira.cli.shop import start_django  # noqa: PLC0415

    start_django()
    from feira.shop.photos.engine import ask_engine_at  # noqa: PLC0415
    from feira.shop.search.bridging import refit_bridge  # noqa: PLC0415

    settings = load_settings()
    ask_engine_at(engine_address(settings.data_dir.resolve(), otherwise=settings.engine_url))
    refit = refit_bridge()
    facts: dict[str, Any] = {
        "serves": refit.serves,
        "reason": refit.reason,
        "version": refit.candidate.version if refit.candidate else None,
        "before": refit.before,
        "after": refit.after,
        "photos": refit.photos,
        "queries": refit.queries,
    }
    if json:
        show_json(facts)
        return
    show_table([{"what": key, "value": value} for key, value in facts.items()])
    say("The new bridge serves." if refit.serves else f"Nothing changed: {refit.reason}")
