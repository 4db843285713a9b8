"""Services about the index, what looks alike, and taste."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from feira.shop.jobs import services as jobs
from feira.shop.jobs.models import Job
from feira.shop.jobs.offered import Group, Link, Service, offer


class RebuildOptions(forms.Form):
    """What is built again besides the index."""

    neighbours = forms.BooleanField(
        label=_("Find what looks alike anew as well, listing by listing"), required=False, initial=True
    )


def rebuild(options: dict[str, Any], *, requested_by: int | None) -> Job:
    """Ask for the index, and for the neighbours once that is there."""
    index = jobs.submit("photos.rebuild_index", {}, key="all", requested_by=requested_by)
    if options["neighbours"]:
        jobs.submit(
            "feed.rebuild_all_neighbours", {}, key="all", requested_by=requested_by, parent=index, after=[index]
        )
    return index


class RetrainTasteOptions(forms.Form):
    """Whether settings are chosen before everybody's taste is found anew."""

    learn = forms.BooleanField(
        label=_("Choose first how soon taste fades and what counts, by what people liked"), required=False, initial=True
    )


def retrain_taste(options: dict[str, Any], *, requested_by: int | None) -> Job:
    """Ask for everybody's taste."""
    return jobs.submit("feed.retrain_taste", {"learn": options["learn"]}, key="all", requested_by=requested_by)


def _learned_parts(job: Job) -> Iterable[Link]:
    if job.payload.get("learn"):
        yield Link(gettext("See the learned parts"), reverse("insight:learned"))


offer(
    Service(
        name="rebuild-index",
        kind="photos.rebuild_index",
        group=Group.SEARCH,
        title=_("Rebuild the index and neighbours"),
        describes=_("Builds the search index from its log again, then what looks alike. The old ones serve meanwhile."),
        options=RebuildOptions,
        submit=rebuild,
    )
)
offer(
    Service(
        name="retrain-taste",
        kind="feed.retrain_taste",
        group=Group.LEARNING,
        title=_("Retrain taste"),
        describes=_("Chooses how taste is made of likes, behind the gate, then finds everybody's anew."),
        permission="learning.decide_learnedpart",
        options=RetrainTasteOptions,
        submit=retrain_taste,
        produced=_learned_parts,
    )
)
