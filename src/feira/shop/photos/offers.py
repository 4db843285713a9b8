"""Services about photos and the index that people may start."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from feira.shop.jobs import services as jobs
from feira.shop.jobs.models import Job
from feira.shop.jobs.offered import Group, Service, offer

ALL, MISSING = "all", "missing"


class RecomputeOptions(forms.Form):
    """Which photos are shown to the encoder."""

    photos = forms.ChoiceField(
        label=_("Photos"),
        choices=[(ALL, _("Every photo that is for sale")), (MISSING, _("Only those without an embedding"))],
        initial=ALL,
    )


class PrunePhotosOptions(forms.Form):
    """Which photos stay."""

    keep_days = forms.IntegerField(
        label=_("Keep photos younger than (days)"),
        min_value=1,
        max_value=3650,
        initial=30,
        help_text=_("Photos on a listing, in a saved search or in a search that somebody may repeat stay in any case."),
    )


class PruneIndexLogOptions(forms.Form):
    """Which entries of the index log stay."""

    keep_days = forms.IntegerField(label=_("Keep entries younger than (days)"), min_value=1, max_value=3650, initial=7)


def recompute(options: dict[str, Any], *, requested_by: int | None) -> Job:
    """Ask for embeddings."""
    only_missing = options["photos"] == MISSING
    return jobs.submit("photos.recompute", {"only_missing": only_missing}, key="all", requested_by=requested_by)


def verify(_options: dict[str, Any], *, requested_by: int | None) -> Job:
    """Ask for a comparison of the index with its log."""
    return jobs.submit("photos.verify_index", {}, key="all", requested_by=requested_by)


def prune_photos(options: dict[str, Any], *, requested_by: int | None) -> Job:
    """Ask for photos to be let go."""
    return jobs.submit("photos.prune", {"keep_days": options["keep_days"]}, key="all", requested_by=requested_by)


def prune_index_log(options: dict[str, Any], *, requested_by: int | None) -> Job:
    """Ask for a shorter index log."""
    given = {"keep_days": options["keep_days"]}
    return jobs.submit("photos.prune_index_log", given, key="all", requested_by=requested_by)


offer(
    Service(
        name="recompute-embeddings",
        kind="photos.recompute",
        group=Group.SEARCH,
        title=_("Recompute embeddings"),
        describes=_("Shows photos to the encoder that serves. What it sees differently by now joins the index anew."),
        options=RecomputeOptions,
        submit=recompute,
    )
)
offer(
    Service(
        name="verify-index",
        kind="photos.verify_index",
        group=Group.SEARCH,
        title=_("Verify the index"),
        describes=_("Builds the search index from its log once more and compares. Searches go on meanwhile."),
        submit=verify,
    )
)
offer(
    Service(
        name="prune-photos",
        kind="photos.prune",
        group=Group.UPKEEP,
        title=_("Prune photos"),
        describes=_("Deletes uploads that came to stand on no listing, such as photos that were searched with."),
        permission="photos.delete_photo",
        options=PrunePhotosOptions,
        submit=prune_photos,
    )
)
offer(
    Service(
        name="prune-index-log",
        kind="photos.prune_index_log",
        group=Group.UPKEEP,
        title=_("Prune the index log"),
        describes=_("Lets engines write down what they hold, and deletes what of the log all of them have."),
        options=PruneIndexLogOptions,
        submit=prune_index_log,
    )
)
