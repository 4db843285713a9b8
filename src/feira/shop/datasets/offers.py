"""Services about data sets; what is asked for is chosen on a page of its own."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from feira.shop.datasets.access import USE_DATASETS
from feira.shop.jobs import services as jobs
from feira.shop.jobs.models import Job
from feira.shop.jobs.offered import Group, Service, offer


def prune(_options: dict[str, Any], *, requested_by: int | None) -> Job:
    """Ask for the files of old data sets to be deleted."""
    return jobs.submit("datasets.prune", {}, key="all", requested_by=requested_by)


offer(
    Service(
        name="export-data-set",
        kind="datasets.finish",
        group=Group.DATA,
        title=_("Export a data set"),
        describes=_(
            "Photos of the catalogue with their facts, augmented, with predictions, as files that others read."
        ),
        permission=USE_DATASETS,
        page="datasets:new",
    )
)
offer(
    Service(
        name="prune-data-sets",
        kind="datasets.prune",
        group=Group.UPKEEP,
        title=_("Prune data sets"),
        describes=_("Deletes the files of data sets that nobody tagged, kept or fetched for a while."),
        permission=USE_DATASETS,
        submit=prune,
    )
)
