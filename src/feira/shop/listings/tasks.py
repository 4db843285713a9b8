"""Jobs about listings."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.utils.translation import gettext_lazy as _

from feira.core.errors import SourceError
from feira.shop.jobs.errors import GiveUp
from feira.shop.jobs.models import Job
from feira.shop.jobs.periodic import periodic
from feira.shop.jobs.registry import job, subscriber
from feira.shop.jobs.running import RunningJob
from feira.shop.listings import drawing, imports, tagging
from feira.shop.listings.records import with_defaults
from feira.shop.listings.selectors import listing_of_photos
from feira.shop.listings.statistics import refresh_statistics
from feira.shop.listings.uploads import records_of_upload


@job(
    "listings.import_rows",
    queue="imagery",
    max_attempts=10,
    title=_("Import rows"),
    describes=_("Turns some rows of a file into live listings, with their photos."),
)
def import_rows(job: RunningJob, *, row_ids: list[int]) -> dict[str, int]:
    """Turn rows of an import into live listings, all of them and the job's end in one transaction."""
    read = imports.read_rows(row_ids)
    with job.committing():
        imports.keep_rows(read)
    return {"rows": len(read)}


@job(
    "listings.import_catalogue",
    queue="imagery",
    title=_("Import a catalogue"),
    describes=_("Turns the rows of a file into listings. Started again with the same file it goes on where it ended."),
)
def import_catalogue(
    job: RunningJob, *, digest: str, name: str, seller: str, price: str, condition: str
) -> dict[str, Any]:
    """Write down the rows of an uploaded catalogue and submit the jobs that import them; goes on where it stopped."""
    asked = Job.objects.get(pk=job.id)
    with TemporaryDirectory(prefix="catalogue-") as folder:
        try:
            records = records_of_upload(digest, name, Path(folder))
            run = imports.start_import(
                source=f"{name} ({digest[:12]})",
                records=with_defaults(records, {"price": price, "condition": condition}),
                seller_name=seller,
                parent=asked,
                requested_by=asked.requested_by,
            )
        except SourceError as refusal:
            # The file will not be another one next time.
            raise GiveUp(refusal.message) from refusal
    return {"rows": run.total, "run": run.pk, "seller": run.seller.slug}


@job(
    "listings.draw",
    queue="imagery",
    max_attempts=10,
    title=_("Create dummy listings"),
    describes=_("Draws listings with photos, to try the shop out. They go on sale like any other."),
)
def draw(job: RunningJob, *, count: int, seed: int, plan: dict[str, Any], seller: str) -> dict[str, Any]:
    """Draw dummy listings and put them up for sale; each is an item, so that a repeated job draws what is missing."""
    job.items.plan(drawing.numbers(count))
    offered_by = drawing.dummy_seller(seller)
    for names in job.items.batches(drawing.AT_ONCE):
        made = drawing.draw(names, seed=seed, plan=plan)
        with job.committing_items(names) as results:
            for name, listing_id in drawing.keep(made, seller=offered_by).items():
                results[name] = {"listing": listing_id}
    job.items.require_done()
    return {"listings": count, "seller": offered_by.slug, "seed": seed}


@periodic(every_s=30)
def keep_statistics_true() -> None:
    """Let the database's planner know how large the catalogue has become."""
    refresh_statistics()


@job(
    "listings.tag",
    queue="imagery",
    max_attempts=10,
    title=_("Tag listings"),
    describes=_("Looks at the photos of listings and writes down what it sees, as tags."),
)
def tag(job: RunningJob, *, listing_ids: list[int]) -> dict[str, int]:
    """Let the machine look at the photos of these listings and write down what it sees, as tags."""
    tagged = tagging.tag_listings(listing_ids)
    job.progress(len(listing_ids), len(listing_ids))
    return {"tagged": tagged}


@subscriber("photos.indexed")
@job(
    "listings.tag_indexed",
    queue="imagery",
    max_attempts=10,
    title=_("Tag new photos"),
    describes=_("Tags the listings whose photos have just been embedded."),
)
def tag_indexed(job: RunningJob, *, photo_ids: list[int], seq: int) -> dict[str, int]:  # noqa: ARG001 - the event's
    """Tag the listings whose photos have just been embedded."""
    listing_ids = sorted(set(listing_of_photos(photo_ids).values()))
    tagged = tagging.tag_listings(listing_ids)
    job.progress(len(photo_ids), len(photo_ids))
    return {"tagged": tagged}


@periodic(every_s=15)
def tag_what_lacks_tags() -> None:
    """Let the machine look at what nobody looked at, batch by batch."""
    tagging.tag_what_lacks_tags()
