"""Jobs about listings."""

from feira.shop.jobs.periodic import periodic
from feira.shop.jobs.registry import job, subscriber
from feira.shop.jobs.running import RunningJob
from feira.shop.listings import imports, tagging
from feira.shop.listings.selectors import listing_of_photos
from feira.shop.listings.statistics import refresh_statistics


@job("listings.import_rows", queue="imagery", max_attempts=10)
def import_rows(job: RunningJob, *, row_ids: list[int]) -> dict[str, int]:
    """Turn rows of an import into live listings, all of them and the job's end in one transaction."""
    read = imports.read_rows(row_ids)
    with job.committing():
        imports.keep_rows(read)
    return {"rows": len(read)}


@periodic(every_s=30)
def keep_statistics_true() -> None:
    """Let the database's planner know how large the catalogue has become."""
    refresh_statistics()


@job("listings.tag", queue="imagery", max_attempts=10)
def tag(job: RunningJob, *, listing_ids: list[int]) -> dict[str, int]:
    """Let the machine look at the photos of these listings and write down what it sees, as tags."""
    tagged = tagging.tag_listings(listing_ids)
    job.progress(len(listing_ids), len(listing_ids))
    return {"tagged": tagged}


@subscriber("photos.indexed")
@job("listings.tag_indexed", queue="imagery", max_attempts=10)
def tag_indexed(job: RunningJob, *, photo_ids: list[int], seq: int) -> dict[str, int]:  # noqa: ARG001 - the event's
    """Tag the listings whose photos have just been embedded."""
    listing_ids = sorted(set(listing_of_photos(photo_ids).values()))
    tagged = tagging.tag_listings(listing_ids)
    job.progress(len(photo_ids), len(photo_ids))
    return {"tagged": tagged}


@subscriber("learning.live_part_changed")
@job("listings.forget_tagging", queue="default", max_attempts=10)
def forget_tagging(job: RunningJob, *, part: str, about: str) -> dict[str, int]:  # noqa: ARG001 - every job has one
    """Have listings looked at again when the classifiers of their encoder were changed."""
    return {"listings": tagging.forget_who_tagged(about) if part == "heads" else 0}


@periodic(every_s=15)
def tag_what_lacks_tags() -> None:
    """Let the machine look at what nobody looked at, batch by batch."""
    tagging.tag_what_lacks_tags()
