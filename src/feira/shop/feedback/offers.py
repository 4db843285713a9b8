"""Services about feedback."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from feira.shop.jobs import services as jobs
from feira.shop.jobs.models import Job
from feira.shop.jobs.offered import Group, Service, offer


def forget(_options: dict[str, Any], *, requested_by: int | None) -> Job:
    """Ask for old feedback to be deleted."""
    return jobs.submit("feedback.forget_old", {}, key="all", requested_by=requested_by)


offer(
    Service(
        name="prune-search-log",
        kind="feedback.forget_old",
        group=Group.UPKEEP,
        title=_("Prune the search log"),
        describes=_("Deletes searches, clicks and judgements that are older than the settings keep."),
        permission="jobs.delete_job",
        submit=forget,
    )
)
