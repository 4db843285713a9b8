"""Jobs about photos."""

from feira.shop.jobs.periodic import periodic
from feira.shop.jobs.registry import job
from feira.shop.jobs.running import RunningJob
from feira.shop.photos import services

# The engine may be away for long; its work waits rather than fails.
ENGINE_ATTEMPTS = 1000


@job("photos.embed", queue="inference", max_attempts=ENGINE_ATTEMPTS, backoff_s=1.0, max_backoff_s=30.0)
def embed(job: RunningJob, *, photo_ids: list[int]) -> dict[str, int]:
    """Let the live encoder see these photos."""
    embedded = services.embed_photos(photo_ids)
    job.progress(len(photo_ids), len(photo_ids))
    return {"embedded": embedded}


@periodic(every_s=15)
def embed_what_is_missing() -> None:
    """Let a newly chosen encoder see the whole catalogue, batch by batch."""
    services.embed_what_is_missing()
