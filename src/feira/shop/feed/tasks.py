"""Jobs that keep neighbours up to date as photos come and go."""

from django.utils.translation import gettext_lazy as _

from feira.core.errors import EngineUnavailable
from feira.shop.feed import services
from feira.shop.feed.selectors import listings_gone_with
from feira.shop.jobs.ledger import summed_results
from feira.shop.jobs.registry import job, subscriber
from feira.shop.jobs.running import RunningJob
from feira.shop.photos.engine import engine
from feira.shop.photos.roster import roster

# The engine may be away for long; its work waits rather than fails.
ENGINE_ATTEMPTS = 1000
MOST_WAIT_S = 60.0


@subscriber("photos.indexed")
@job(
    "feed.update_neighbours",
    queue="inference",
    max_attempts=ENGINE_ATTEMPTS,
    max_backoff_s=MOST_WAIT_S,
    title=_("Find neighbours of new photos"),
    describes=_("Finds what looks like newly indexed listings, and enters these into the lists of others."),
)
def update_neighbours(job: RunningJob, *, photo_ids: list[int], seq: int) -> None:
    """Find the neighbours of the listings whose photos were indexed, and enter those listings into theirs."""
    services.wait_for_index(seq)
    found = services.find_neighbours_of_photos(photo_ids)
    with job.committing() as result:
        result["lists"] = services.enter_neighbours(found)


@subscriber("photos.withdrawn")
@job(
    "feed.leave_neighbours",
    queue="inference",
    max_attempts=ENGINE_ATTEMPTS,
    max_backoff_s=MOST_WAIT_S,
    title=_("Forget withdrawn neighbours"),
    describes=_("Takes withdrawn listings out of the lists of what looks alike, and fills these up."),
)
def leave_neighbours(job: RunningJob, *, photo_ids: list[int], seq: int) -> None:
    """Take the listings that went with their photos out of the lists they are in, and fill up those lists."""
    services.wait_for_index(seq)
    gone = listings_gone_with(photo_ids)
    # The index is past the withdrawal, so what is found anew does not hold what has gone.
    found = services.find_neighbours(services.lists_made_short_without(gone))
    with job.committing() as result:
        result["lists"] = services.leave_neighbours(gone) + services.enter_neighbours(found)


@subscriber("photos.encoder_switched")
@job(
    "feed.rebuild_neighbours",
    queue="inference",
    max_attempts=ENGINE_ATTEMPTS,
    max_backoff_s=MOST_WAIT_S,
    title=_("Rebuild neighbours for a new encoder"),
    describes=_("Finds what looks alike by the encoder that has just begun to serve."),
)
def rebuild_neighbours(job: RunningJob, *, encoder_id: str) -> dict[str, int] | None:
    """Find every listing's neighbours by the encoder that has just become live; the old lists are shown meanwhile."""
    live = roster().live
    if live is not None and live.encoder_id != encoder_id:
        return None  # another one came after it
    if engine().status().encoder_id != encoder_id:
        raise EngineUnavailable(f"The engine has not switched to {encoder_id} so far. It is tried again later.")
    return {"listings": services.follow_encoder(encoder_id, job.progress)}


@job(
    "feed.rebuild_all_neighbours",
    queue="inference",
    max_attempts=20,
    backoff_s=5.0,
    max_backoff_s=120.0,
    title=_("Rebuild neighbours"),
    describes=_("Finds what looks like every live listing anew. The old lists are shown meanwhile."),
)
def rebuild_all_neighbours(job: RunningJob) -> dict[str, int]:
    """Find every live listing's neighbours anew; an item is 128 numbers: a repeated job does what is missing."""
    job.items.plan(services.listing_ranges())
    for name in job.items.todo():
        found = services.find_neighbours(services.live_listings_in(name))
        with job.committing_items([name]) as results:
            results[name] = {"listings": services.replace_neighbours(found)}
    job.items.require_done()
    services.forget_lists_of_others()
    return {"listings": summed_results(job.id).get("listings", 0)}
