"""`feira train classifier`: let the classifier learn what this shop's photos show from what people said of them."""

from typing import Annotated, Any

import typer

from feira.cli.console import say, show_json, show_table
from feira.cli.errors import Misused
from feira.cli.running import engine_address
from feira.settings import load_settings

EXAMPLE = "[bold]feira train classifier --head category --head brand[/]"


def classifier(
    *,
    head: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="category, an attribute or a group of tags; repeatable.  [default: all of which enough is known]",
        ),
    ] = None,
    snapshot: Annotated[
        str, typer.Option(metavar="NAME", help="Learn from this data set: a tag, number or name.  [default: catalogue]")
    ] = "",
    seed: Annotated[int, typer.Option(min=0, help="Of draws; the same photos and seed teach the same.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Teach the classifier from this shop's categories, attributes and corrected tags, and judge it.

    Does now what the job insight.train_classifier does by itself as the shop grows. A fifth of the listings is never
    learned from and tells how often what serves, and the new version, are right; only a better version serves. The
    engine has to run: the one of the shop that runs on this data folder is asked, else the one in the settings.
    """
    # Django starts here and not with the group: training the built-in encoders needs no shop.
    from feira.cli.shop import start_django  # noqa: PLC0415

    start_django()
    from feira.shop.insight.classifier_jobs import facts_of, note_lineage  # noqa: PLC0415
    from feira.shop.insight.classifier_training import UnknownHead, train_classifier  # noqa: PLC0415
    from feira.shop.insight.labels import snapshot_called  # noqa: PLC0415
    from feira.shop.photos.engine import ask_engine_at  # noqa: PLC0415

    kept = snapshot_called(snapshot) if snapshot else None
    if snapshot and kept is None:
        raise Misused(f"There is no data set {snapshot!r} that is put together. `feira jobs list` shows what waits.")
    settings = load_settings()
    ask_engine_at(engine_address(settings.data_dir.resolve(), otherwise=settings.engine_url))
    try:
        trained = train_classifier(heads=head or (), snapshot=kept, seed=seed)
    except UnknownHead as error:
        raise Misused(error.message) from error
    note_lineage(trained, kept)
    facts = facts_of(trained)
    if json:
        show_json(facts)
        return
    show_table([_row(name, told) for name, told in facts["heads"].items()])
    say(f"{facts['listings']} listings, {facts['seconds']} s.")
    say(f"Version {facts['version']} serves." if facts["serves"] else f"Nothing changed: {facts['reason']}")


def _row(name: str, told: dict[str, Any]) -> dict[str, Any]:
    if "problem" in told:
        return {"head": name, "classes": "", "held out": "", "before": "", "after": told["problem"]}
    return {
        "head": name,
        "classes": told["classes"],
        "held out": told.get("held_out", 0),
        "before": told.get("before", ""),
        "after": told.get("after", ""),
    }
