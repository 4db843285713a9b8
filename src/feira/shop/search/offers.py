"""Services about what search learns."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from feira.shop.jobs import services as jobs
from feira.shop.jobs.models import Job
from feira.shop.jobs.offered import Group, Service, offer


def refit(_options: dict[str, Any], *, requested_by: int | None) -> Job:
    """Ask for a new bridge."""
    return jobs.submit("search.refit_bridge", {}, key="all", requested_by=requested_by)


offer(
    Service(
        name="retrain-bridge",
        kind="search.refit_bridge",
        group=Group.LEARNING,
        title=_("Retrain the bridge from words to pictures"),
        describes=_(
            "Learns from titles and feedback which pictures words mean. Serves only if the gate finds it better."
        ),
        permission="learning.decide_learnedpart",
        submit=refit,
    )
)
