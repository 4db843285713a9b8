"""The job that finds drifted neighbours anew, and how often."""

from typing import Final

from django.utils.translation import gettext_lazy as _

from feira.shop.feed import drift, services
from feira.shop.feed.models import NeighbourList
from feira.shop.jobs import services as jobs
from feira.shop.jobs.ledger import last_of_each
from feira.shop.jobs.models import Priority
from feira.shop.jobs.periodic import periodic
from feira.shop.jobs.registry import job
from feira.shop.jobs.running import RunningJob
from feira.shop.photos.engine import engine

REFRESH: Final = "feed.refresh_drifted_neighbours"


@job(
    "feed.refresh_drifted_neighbours",
    queue="inference",
    priority=Priority.WHENEVER,
    max_attempts=20,
    backoff_s=5.0,
    max_backoff_s=120.0,
    title=_("Refresh drifted neighbours"),
    describes=_("Finds what looks alike anew where a list is short or has missed most changes, some at a time."),
)
def refresh_drifted_neighbours(job: RunningJob, *, after: int) -> None:
    """Find anew the lists that have drifted most among some thousand above `after`, as many as one search takes."""
    drifted = drift.drifted_lists(engine().status().encoder_id, after=after)
    found = services.find_neighbours(drifted.listing_ids)
    with job.committing() as result:
        result["lists"] = len(drifted.listing_ids)
        result["changed"] = drift.keep_refreshed(drifted.listing_ids, found)
        result["looked_at"], result["after"] = drifted.looked_at, drifted.after


@periodic(every_s=600)
def refresh_drifted() -> None:
    """Find anew the neighbours that have drifted most, a hundred or so at a time."""
    if NeighbourList.objects.exists():
        last = last_of_each([REFRESH]).get(REFRESH)
        after = (last.result or {}).get("after", 0) if last is not None else 0
        jobs.submit(REFRESH, {"after": after}, key="all")
