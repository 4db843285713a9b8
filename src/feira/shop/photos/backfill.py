"""Showing the whole catalogue to an encoder that is to take over, batch by batch, while the shop is open."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from feira.core.errors import EngineUnavailable
from feira.engine.client import ServedStatus
from feira.shop.photos import comparison, swap
from feira.shop.photos.engine import engine
from feira.shop.photos.models import Embedding, IndexLogHead, Photo, ServedEncoder
from feira.shop.photos.roster import State, is_wanted, roster
from feira.shop.photos.selectors import searchable_without_embedding
from feira.shop.photos.services import read_for_encoder, see_contents, store_embeddings

BATCH = 64
WAIT_FOR_INDEX_S = 30.0
FORGOTTEN_AT_ONCE = 1_000

Progress = Callable[[int, int, str], None]
Contents = dict[int, bytes | None]


def run_backfill(row: ServedEncoder, progress: Progress) -> str:
    """Let a candidate see every searchable photo that it has not seen, compare it, and switch if that is wished.

    May be stopped at any moment and called again: each batch is kept, and the next call goes on after it.

    Args:
        progress: called after each batch with photos seen, photos in all, and a word about it.

    Returns:
        the state in which the candidate is afterwards.

    Raises:
        EngineUnavailable: no engine holds this encoder now; try again later.
    """
    served = _served_status(row)
    unreadable = _see_all(row, served, progress)
    if not _goes_on(row):
        return _state_of(row)
    progress(row.done, row.total, "comparing")
    _wait_for_index(row.encoder_id)
    comparison.prepare(row.encoder_id)
    live = roster().live
    report = comparison.compare(live.encoder_id, row.encoder_id) if live is not None else {}
    is_worse = comparison.is_worse(report)
    notes = [
        f"{unreadable} photos cannot be read." if unreadable else "",
        "It answers worse than the live encoder; see the report." if is_worse else "",
        "`feira model switch` lets it take over." if row.asks or is_worse else "",
    ]
    if swap.mark_ready(row, report=report, note=" ".join(filter(None, notes))) and not (row.asks or is_worse):
        swap.switch()
    return _state_of(row)


def forget_embeddings(encoder_id: str, progress: Progress) -> int:
    """Delete what an encoder has seen that is retired, batch by batch; return how many rows that were.

    Stops when the encoder is wanted again.
    """
    total = Embedding.objects.filter(encoder_id=encoder_id).count()
    forgotten = 0
    while not is_wanted(encoder_id):
        found = list(Embedding.objects.filter(encoder_id=encoder_id).values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE])
        if not found:
            break
        forgotten += Embedding.objects.filter(pk__in=found).delete()[0]
        progress(forgotten, max(total, forgotten), "")
    return forgotten


def _see_all(row: ServedEncoder, served: ServedStatus, progress: Progress) -> int:
    """Show the photos that are missing until none is; return how many cannot be read."""
    row.total = Photo.objects.filter(searchable=True).count()
    row.done = Embedding.objects.filter(encoder_id=row.encoder_id, photo__searchable=True).count()
    unreadable: set[int] = set()
    # A photo that became searchable behind the reader is found by the next pass.
    while True:
        found_any = False
        for contents in _batches(row, served.input_size, unreadable):
            if not _goes_on(row):
                return len(unreadable)
            seen = see_contents(contents, row.encoder_id)
            unreadable.update(seen.unreadable)
            if seen.photo_ids:
                store_embeddings(seen.photo_ids, encoder_id=row.encoder_id, rows=seen.rows, announce=False)
                found_any = True
            row.done += len(seen.photo_ids)
            row.total = max(row.total, row.done)
            ServedEncoder.objects.filter(pk=row.pk).update(done=row.done, total=row.total)
            progress(row.done, row.total, row.name)
        if not found_any:
            return len(unreadable)


def _batches(row: ServedEncoder, input_size: int, unreadable: set[int]) -> Iterator[Contents]:
    """Yield the bytes of what is missing; those of the next batch are read while this one is being seen."""

    def missing() -> Iterator[list[Photo]]:
        after = 0
        while found := searchable_without_embedding(row.encoder_id, most=BATCH, after=after):
            after = found[-1]
            photos = Photo.objects.filter(pk__in=set(found) - unreadable).order_by("pk")
            yield list(photos.only("pk", "renditions"))

    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as reader:
        coming: Future[Contents] | None = None
        for photos in filter(None, missing()):
            present, coming = coming, reader.submit(read_for_encoder, photos, input_size)
            if present is not None:
                yield present.result()
        if coming is not None:
            yield coming.result()


def _goes_on(row: ServedEncoder) -> bool:
    return _state_of(row) == State.BACKFILLING


def _state_of(row: ServedEncoder) -> str:
    return str(ServedEncoder.objects.values_list("state", flat=True).get(pk=row.pk))


def _served_status(row: ServedEncoder) -> ServedStatus:
    status = engine().status()
    found = next((one for one in status.encoders if one.encoder_id == row.encoder_id), None)
    if found is None:
        reason = status.refused.get(row.name, "It is still loading it.")
        ServedEncoder.objects.filter(pk=row.pk).update(note=reason[:300])
        raise EngineUnavailable(f"The engine does not serve {row.name} yet. {reason}")
    ServedEncoder.objects.filter(pk=row.pk).update(note="")
    return found


def _wait_for_index(encoder_id: str) -> None:
    head = IndexLogHead.objects.filter(pk=1).values_list("seq", flat=True).first() or 0
    if not engine().wait_for(head, WAIT_FOR_INDEX_S, encoder_id=encoder_id):
        raise EngineUnavailable(f"The index of {encoder_id} has not followed the log so far. It is tried again later.")
