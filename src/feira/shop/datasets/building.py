"""From a request to its snapshot: resolve the rows, name them by their hash, and plan the jobs that make the files."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from secrets import token_hex
from typing import Any

from django.db import transaction
from django.utils import timezone

from feira import __version__
from feira.core.datasets.canonical import canonical_json, content_hash
from feira.core.datasets.layout import FORMAT_VERSION, libraries
from feira.core.errors import EngineUnavailable
from feira.shop.datasets import checkpoints
from feira.shop.datasets.asked import Asked, asked_from_json
from feira.shop.datasets.checking import resolved_model
from feira.shop.datasets.errors import SelectionEmpty
from feira.shop.datasets.facts import Described, describe
from feira.shop.datasets.models import DatasetRequest, Snapshot, SnapshotRow
from feira.shop.datasets.selection import chosen_photos
from feira.shop.jobs import services as jobs
from feira.shop.jobs.models import FINISHED, Job
from feira.shop.jobs.models import State as JobState

ROWS_AT_ONCE = 500

Progress = Callable[[int, int, str], None]


def submit_resolve(request: DatasetRequest) -> Job:
    """Ask for a request to be resolved, and whatever follows from that."""
    job = jobs.submit(
        "datasets.resolve",
        {"request_id": request.pk},
        key=f"request {request.pk}",
        requested_by=request.requested_by_id,
    )
    DatasetRequest.objects.filter(pk=request.pk).update(resolve_job=job)
    request.resolve_job = job
    return job


def resolve(request: DatasetRequest, progress: Progress) -> tuple[Snapshot, str]:
    """Find the rows of a request and keep them as a draft; return it with the hash that names it.

    A draft of an earlier attempt is thrown away.

    Raises:
        SelectionEmpty: nothing passes any more.
        EngineUnavailable: nobody can say which encoder serves.
    """
    _forget_draft(request)
    asked = asked_from_json(request.asked)
    predictions = resolved_model(asked)
    if asked.predictions is not None and predictions is None:
        raise EngineUnavailable(f"The model {asked.predictions.model} does not serve right now.")
    asked = replace(asked, predictions=predictions)
    chosen = chosen_photos(asked)
    if not chosen:
        raise SelectionEmpty("No photo passes the filters any more. Ask for the data set again with other ones.")
    draft = Snapshot.objects.create(identity=identity_of(asked))
    DatasetRequest.objects.filter(pk=request.pk).update(snapshot=draft)
    rows = _kept_rows(draft, describe(chosen, asked), len(chosen), progress)
    parts = draft.identity
    named = content_hash(
        request=parts["request"],
        rows=rows,
        format_version=parts["format_version"],
        libraries=parts["libraries"],
        encoders=parts["encoders"],
        seeds=parts["seeds"],
    )
    return draft, named


def identity_of(asked: Asked) -> dict[str, Any]:
    """Return all that decides the bytes of a data set but its rows, as `content_hash` takes it."""
    recipe = asked.recipe
    predictions = asked.predictions
    encoders = [predictions.model] if predictions is not None else []
    if predictions is not None and checkpoints.is_checkpoint(predictions.model):
        encoders = [f"{predictions.model}@{checkpoints.digest_of(predictions.model)}"]
    return {
        "request": asked.to_json(),
        "format_version": FORMAT_VERSION,
        "libraries": {"feira": __version__, **libraries(table="parquet" in asked.formats)},
        "encoders": encoders,
        "seeds": {"split": asked.split.seed, **({"augmentation": recipe.seed} if recipe else {})},
        "images_per_photo": asked.images_per_photo,
    }


def settle(request: DatasetRequest, draft: Snapshot, named: str, parent: Job) -> Snapshot:
    """Give the draft its name, or let an equal snapshot take its place, and plan what is left to do.

    Belongs into the transaction that ends the job of resolving.
    """
    existing = Snapshot.objects.select_for_update().filter(content_hash=named).first()
    if existing is None:
        draft.content_hash, draft.state = named, Snapshot.State.BUILDING
        draft.photos = draft.rows.count()
        draft.listings = draft.rows.values("listing_id").distinct().count()
        draft.save()
        snapshot = draft
    else:
        snapshot = existing
        _forget_rows(draft)
    request.snapshot = snapshot
    request.save(update_fields=["snapshot"])
    if existing is not None:
        draft.delete()
    Snapshot.objects.filter(pk=snapshot.pk).update(used_at=timezone.now())
    if snapshot.state != Snapshot.State.READY:
        plan_build(snapshot, parent=parent)
    if request.target:
        _plan_delivery(request, snapshot, parent)
    return snapshot


def plan_build(snapshot: Snapshot, *, parent: Job) -> None:
    """Submit the jobs that make the files of a snapshot, unless they are under way; each waits for the one before."""
    going = [job for job in (snapshot.render_job, snapshot.predict_job, snapshot.finish_job) if job is not None]
    is_broken = any(job.state in (JobState.FAILED, JobState.CANCELLED) for job in going)
    if not is_broken and any(job.state not in FINISHED for job in going):
        return
    terms: dict[str, Any] = {"parent": parent, "requested_by": parent.requested_by}
    payload = {"snapshot_id": snapshot.pk}
    render = jobs.submit("datasets.render", payload, **terms)
    predict = None
    if asked_from_json(snapshot.identity["request"]).predictions is not None:
        predict = jobs.submit("datasets.predict", payload, after=[render], **terms)
    finish = jobs.submit("datasets.finish", payload, after=[predict or render], **terms)
    if not snapshot.folder:
        # A build of its own, after the last one was pruned. What a build that failed has made is used by the next.
        snapshot.folder = token_hex(8)
        snapshot.rows.update(images=[], predictions=[])
    snapshot.state, snapshot.pruned_at = Snapshot.State.BUILDING, None
    snapshot.render_job, snapshot.predict_job, snapshot.finish_job = render, predict, finish
    snapshot.save(update_fields=["state", "folder", "pruned_at", "render_job", "predict_job", "finish_job"])


def row_digest(facts: dict[str, Any], source: str) -> str:
    """Return what tells a row from one that says something else."""
    return hashlib.sha256(canonical_json({"facts": facts, "source": source})).hexdigest()


def _plan_delivery(request: DatasetRequest, snapshot: Snapshot, parent: Job) -> None:
    after = [snapshot.finish_job] if snapshot.state != Snapshot.State.READY and snapshot.finish_job else []
    request.deliver_job = jobs.submit(
        "datasets.deliver",
        {"request_id": request.pk},
        after=after,
        parent=parent,
        requested_by=parent.requested_by,
    )
    request.save(update_fields=["deliver_job"])


def _kept_rows(
    draft: Snapshot, described: Iterator[Described], total: int, progress: Progress
) -> Iterator[dict[str, Any]]:
    """Keep the rows in batches while they are hashed; yield what is hashed of each."""
    waiting: list[SnapshotRow] = []
    position = 0
    for each in described:
        row = SnapshotRow(
            snapshot=draft,
            position=position,
            key=each.chosen.key,
            listing_id=each.chosen.listing_id,
            photo_id=each.chosen.photo_id,
            source=each.source,
            split=each.facts["split"] or "",
            label=each.facts["label"] or "",
            facts=each.facts,
            digest=row_digest(each.facts, each.source),
        )
        waiting.append(row)
        position += 1
        if len(waiting) == ROWS_AT_ONCE:
            SnapshotRow.objects.bulk_create(waiting)
            waiting = []
            progress(position, total, "")
        yield {"facts": each.facts, "source": each.source}
    SnapshotRow.objects.bulk_create(waiting)
    progress(position, max(position, 1), "")


def _forget_draft(request: DatasetRequest) -> None:
    request.refresh_from_db()
    draft = request.snapshot
    if draft is not None and draft.state == Snapshot.State.RESOLVING:
        with transaction.atomic():
            DatasetRequest.objects.filter(pk=request.pk).update(snapshot=None)
            _forget_rows(draft)
            draft.delete()
        request.refresh_from_db()


def _forget_rows(draft: Snapshot) -> None:
    rows = SnapshotRow.objects.filter(snapshot=draft)
    # Nothing points at rows: one statement instead of reading each of a hundred thousand.
    rows._raw_delete(rows.db)  # noqa: SLF001
