"""Jobs about photos."""

from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from feira.settings import load_settings
from feira.shop.jobs import services as jobs
from feira.shop.jobs.errors import GiveUp
from feira.shop.jobs.ledger import summed_results
from feira.shop.jobs.periodic import periodic
from feira.shop.jobs.registry import job
from feira.shop.jobs.running import RunningJob
from feira.shop.photos import backfill, pruning, recomputing, services, swap
from feira.shop.photos.engine import engine
from feira.shop.photos.models import ServedEncoder
from feira.shop.photos.roster import State, roster

# The engine may be away for long; its work waits rather than fails.
ENGINE_ATTEMPTS = 1000
# A person who started something wants to hear within the hour that the engine is away.
ATTEMPTS_WATCHED = 20


@job(
    "photos.embed",
    queue="inference",
    max_attempts=ENGINE_ATTEMPTS,
    backoff_s=1.0,
    max_backoff_s=30.0,
    title=_("Embed photos"),
    describes=_("Lets the encoder that serves see new photos, so that they can be found."),
)
def embed(job: RunningJob, *, photo_ids: list[int]) -> dict[str, int]:
    """Let the live encoder see these photos."""
    embedded = services.embed_photos(photo_ids)
    job.progress(len(photo_ids), len(photo_ids))
    return {"embedded": embedded}


@job(
    "photos.backfill",
    queue="inference",
    max_attempts=ENGINE_ATTEMPTS,
    backoff_s=1.0,
    max_backoff_s=30.0,
    title=_("Show photos to a new encoder"),
    describes=_("Lets an encoder that is to take over see every photo, and compares it with the one that serves."),
)
def show_catalogue(job: RunningJob, *, served_encoder_id: int) -> dict[str, str]:
    """Let an encoder that is to take over see every photo, then compare it and, unless it is to ask, switch."""
    row = ServedEncoder.objects.filter(pk=served_encoder_id, state=State.BACKFILLING).first()
    if row is None:
        return {"state": "called off"}
    return {"state": backfill.run_backfill(row, job.progress)}


@job(
    "photos.forget_embeddings",
    title=_("Forget old embeddings"),
    describes=_("Deletes what an encoder has seen that nobody wants any longer."),
)
def forget_embeddings(job: RunningJob, *, encoder_id: str) -> dict[str, int]:
    """Delete what an encoder has seen that nobody wants any longer."""
    return {"forgotten": backfill.forget_embeddings(encoder_id, job.progress)}


@job(
    "photos.recompute",
    queue="inference",
    max_attempts=ATTEMPTS_WATCHED,
    backoff_s=5.0,
    max_backoff_s=120.0,
    title=_("Recompute embeddings"),
    describes=_("Shows photos to the encoder that serves. What it sees differently by now joins the index anew."),
)
def recompute(job: RunningJob, *, only_missing: bool) -> dict[str, int]:
    """Let the live encoder see every searchable photo again, or those that it has missed; an item is 64 numbers."""
    job.items.plan(recomputing.ranges())
    for name in job.items.todo():
        seen = recomputing.look_again(name, only_missing=only_missing)
        with job.committing_items([name]) as results:
            results[name] = recomputing.keep(seen)
    job.items.require_done()
    return summed_results(job.id)


@job(
    "photos.verify_index",
    queue="inference",
    max_attempts=ATTEMPTS_WATCHED,
    backoff_s=5.0,
    max_backoff_s=120.0,
    title=_("Verify the index"),
    describes=_("Builds the search index from its log once more and compares. Searches go on meanwhile."),
)
def verify_index(_job: RunningJob) -> dict[str, object]:
    """Compare the index with one that the engine rebuilds from the log; fails when they differ."""
    found = engine().verify()
    if not found.equal:
        raise GiveUp(f"The index differs from its log in {found.differences} photos. Rebuild the index.")
    return {"equal": True, "photos": found.photos, "seq": found.seq, "checksum": found.checksum[:16]}


@job(
    "photos.rebuild_index",
    queue="inference",
    max_attempts=ATTEMPTS_WATCHED,
    backoff_s=5.0,
    max_backoff_s=120.0,
    title=_("Rebuild the index"),
    describes=_("Builds the search index from its log again. The old one serves meanwhile."),
)
def rebuild_index(_job: RunningJob) -> dict[str, object]:
    """Let every engine build its index from the log again; the old one answers meanwhile."""
    engines = engine().rebuild()
    return {"engines": len(engines), "photos": min(each.photos for each in engines)}


@job(
    "photos.prune",
    title=_("Prune photos"),
    describes=_("Deletes uploads that came to stand on no listing, such as photos that were searched with."),
)
def prune(job: RunningJob, *, keep_days: int) -> dict[str, int]:
    """Delete photos that stand on no listing and that nobody needs, with their bytes."""
    photos, files = pruning.prune_photos(keep=timedelta(days=keep_days), progress=job.progress)
    return {"photos": photos, "files": files}


@job(
    "photos.prune_index_log",
    queue="inference",
    max_attempts=ATTEMPTS_WATCHED,
    backoff_s=5.0,
    max_backoff_s=120.0,
    title=_("Prune the index log"),
    describes=_("Lets engines write down what they hold, and deletes what of the log all of them have."),
)
def prune_index_log(_job: RunningJob, *, keep_days: int) -> dict[str, int]:
    """Let engines write down what they hold, then delete the part of the index log that all of them have."""
    engines = engine().compact()
    safe = min(encoder.snapshot_seq for each in engines for encoder in each.encoders)
    return {"entries": pruning.prune_index_log(upto=safe, keep=timedelta(days=keep_days))}


@periodic(every_s=21_600)
def prune_old_photos() -> None:
    """Delete photos that were searched with or never came to stand on a listing, once they are old enough."""
    keep_days = load_settings().photo_keep_days
    if keep_days:
        jobs.submit("photos.prune", {"keep_days": keep_days}, key="all")


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
