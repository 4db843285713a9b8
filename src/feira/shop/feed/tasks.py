"""Jobs that keep neighbours up to date as photos come and go, and taste as people like things."""

from collections.abc import Callable
from typing import Any, Final

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from feira.core.errors import EngineUnavailable
from feira.shop.accounts.models import Account
from feira.shop.feed import drift_jobs, services, taste  # noqa: F401 - the jobs of drift, by being there
from feira.shop.feed.finding_taste import PART, find_tastes
from feira.shop.feed.selectors import listings_gone_with
from feira.shop.feed.signs import people_with_taste
from feira.shop.feed.taste_training import keep_trained, train_taste
from feira.shop.jobs import services as jobs
from feira.shop.jobs.ledger import summed_results
from feira.shop.jobs.models import JobItem
from feira.shop.jobs.periodic import periodic
from feira.shop.jobs.registry import job, subscriber
from feira.shop.jobs.running import RunningJob
from feira.shop.jobs.selectors import unfinished_of_kind
from feira.shop.photos.engine import engine
from feira.shop.photos.roster import roster

# The engine may be away for long; its work waits rather than fails.
ENGINE_ATTEMPTS = 1000
MOST_WAIT_S = 60.0
SETTINGS: Final = "settings"


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
    if not _is_its_turn(encoder_id):
        return None
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


@subscriber("feedback.result_opened")
@job(
    "feed.update_taste",
    queue="inference",
    max_attempts=ENGINE_ATTEMPTS,
    max_backoff_s=MOST_WAIT_S,
    title=_("Follow somebody's taste"),
    describes=_("Finds what somebody is interested in after they liked something, and what that recommends."),
)
def update_taste(job: RunningJob, *, account_id: int) -> None:
    """Find an account's taste anew and keep it, unless the account does not want that."""
    found = find_tastes([account_id])
    with job.committing() as result:
        result["people"] = taste.keep_tastes(found)


@job(
    "feed.retrain_taste",
    queue="inference",
    max_attempts=20,
    backoff_s=30.0,
    lease_s=300.0,
    title=_("Retrain taste"),
    describes=_("Chooses how taste is made of likes, behind the gate, then finds everybody's anew."),
)
def retrain_taste(job: RunningJob, *, learn: bool) -> dict[str, Any]:
    """Choose the settings of taste if asked to, and find everybody's anew; a repeated job does what is missing."""
    job.items.plan([*([SETTINGS] if learn else []), *taste.ranges_of(people_with_taste())])
    for name in job.items.todo():
        if name == SETTINGS:
            _choose_settings(job)
        else:
            _find_in(job, name, people_with_taste)
    job.items.require_done()
    chosen = JobItem.objects.filter(job=job.id, name=SETTINGS).values_list("result", flat=True).first()
    return {**(chosen or {}), "people": summed_results(job.id).get("people", 0)}


@job(
    "feed.refresh_tastes",
    queue="inference",
    max_attempts=20,
    backoff_s=30.0,
    title=_("Refresh taste"),
    describes=_("Finds taste anew where it is a day old, or by another encoder or settings than serve."),
)
def refresh_tastes(job: RunningJob) -> dict[str, int]:
    """Find the taste anew of those for whom it is not true any more."""
    return _refresh(job)


@subscriber("photos.encoder_switched")
@job(
    "feed.rebuild_tastes",
    queue="inference",
    max_attempts=ENGINE_ATTEMPTS,
    max_backoff_s=MOST_WAIT_S,
    title=_("Rebuild taste for a new encoder"),
    describes=_("Finds everybody's taste by the encoder that has just begun to serve."),
)
def rebuild_tastes(job: RunningJob, *, encoder_id: str) -> dict[str, int] | None:
    """Find everybody's taste by the encoder that has just become live; the old recommendations are shown meanwhile."""
    return _refresh(job) if _is_its_turn(encoder_id) else None


@subscriber("learning.live_part_changed")
@job(
    "feed.follow_taste_settings",
    queue="default",
    max_attempts=10,
    title=_("Follow the settings of taste"),
    describes=_("Has everybody's taste found anew when other settings of it serve."),
)
def follow_taste_settings(job: RunningJob, *, part: str, about: str) -> dict[str, int]:  # noqa: ARG001 - the event's
    """Ask for taste by the settings that serve now, unless a job that finds everybody's is under way."""
    is_ours = part == PART and not unfinished_of_kind("feed.retrain_taste")
    if is_ours:
        jobs.submit("feed.refresh_tastes", {}, key="all")
    return {"asked": int(is_ours)}


@periodic(every_s=3600)
def refresh_taste() -> None:
    """Find taste anew where it is a day old, misses a like, or is by another encoder or settings than serve."""
    if people_with_taste().exists():
        jobs.submit("feed.refresh_tastes", {}, key="all")


def _is_its_turn(encoder_id: str) -> bool:
    """Tell whether the encoder that is to be followed serves, or never will because another one came after it.

    Raises:
        EngineUnavailable: the engine has not switched to it so far.
    """
    live = roster().live
    if live is not None and live.encoder_id != encoder_id:
        return False
    if engine().status().encoder_id != encoder_id:
        raise EngineUnavailable(f"The engine has not switched to {encoder_id} so far. It is tried again later.")
    return True


def _choose_settings(job: RunningJob) -> None:
    trained = train_taste(progress=lambda _done, _total: job.check())
    with job.committing_items([SETTINGS]) as results:
        results[SETTINGS] = kept = keep_trained(trained)
    job.log(kept["reason"])


def _refresh(job: RunningJob) -> dict[str, int]:
    job.items.plan(taste.ranges_of(taste.drifted_people()))
    for name in job.items.todo():
        _find_in(job, name, taste.drifted_people)
    job.items.require_done()
    return {"people": summed_results(job.id).get("people", 0)}


def _find_in(job: RunningJob, name: str, people: Callable[[], QuerySet[Account]]) -> None:
    found = find_tastes(taste.accounts_in(name, people()))
    with job.committing_items([name]) as results:
        results[name] = {"people": taste.keep_tastes(found)}
