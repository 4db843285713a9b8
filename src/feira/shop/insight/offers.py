"""Services about how results are ranked."""

from collections.abc import Iterable
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from feira.shop.insight import classifier_offers, segment_offers  # noqa: F401 - offer their own, by being there
from feira.shop.insight.access import DECIDE
from feira.shop.insight.tasks import KIND
from feira.shop.jobs import services as jobs
from feira.shop.jobs.models import Job
from feira.shop.jobs.offered import Group, Link, Service, offer


def train(_options: dict[str, Any], *, requested_by: int | None) -> Job:
    """Ask for the query ranker to be trained."""
    return jobs.submit(KIND, {}, key="all", requested_by=requested_by)


def _learned_parts(_job: Job) -> Iterable[Link]:
    yield Link(gettext("See the learned parts"), reverse("insight:learned"))


offer(
    Service(
        name="retrain-ranker",
        kind=KIND,
        group=Group.LEARNING,
        title=_("Retrain the ranker"),
        describes=_("Learns from judgements how results are ordered. Serves only if the gate finds it better."),
        permission=DECIDE,
        submit=train,
        produced=_learned_parts,
    )
)
