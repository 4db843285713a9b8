"""Jobs about photos."""

from feira.shop.jobs.periodic import periodic
from feira.shop.jobs.registry import job
from feira.shop.jobs.running import RunningJob
from feira.shop.photos import backfill, services, swap
from feira.shop.photos.models import ServedEncoder
from feira.shop.photos.roster import State, roster

# The engine may be away for long; its work waits rather than fails.
ENGINE_ATTEMPTS = 1000


@job("photos.embed", queue="inference", max_attempts=ENGINE_ATTEMPTS, backoff_s=1.0, max_backoff_s=30.0)
def embed(job: RunningJob, *, photo_ids: list[int]) -> dict[str, int]:
    """Let the live encoder see these photos."""
    embedded = services.embed_photos(photo_ids)
    job.progress(len(photo_ids), len(photo_ids))
    return {"embedded": embedded}


@job("photos.backfill", queue="inference", max_attempts=ENGINE_ATTEMPTS, backoff_s=1.0, max_backoff_s=30.0)
def show_catalogue(job: RunningJob, *, served_encoder_id: int) -> dict[str, str]:
    """Let an encoder that is to take over see every photo, then compare it and, unless it is to ask, switch."""
    row = ServedEncoder.objects.filter(pk=served_encoder_id, state=State.BACKFILLING).first()
    if row is None:
        return {"state": "called off"}
    return {"state": backfill.run_backfill(row, job.progress)}


@job("photos.forget_embeddings")
def forget_embeddings(job: RunningJob, *, encoder_id: str) -> dict[str, int]:
    """Delete what an encoder has seen that nobody wants any longer."""
    return {"forgotten": backfill.forget_embeddings(encoder_id, job.progress)}


@periodic(every_s=15)
def keep_backfill_going() -> None:
    """Submit the backfill again should its job have come to an end without one."""
    candidate = roster().candidate
    if candidate is not None and candidate.state == State.BACKFILLING:
        swap.ask_for_backfill(candidate)


@periodic(every_s=15)
def embed_what_is_missing() -> None:
    """Let the encoders see searchable photos that they have missed."""
    services.embed_what_is_missing()
