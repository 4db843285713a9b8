"""What happens to photos: taken, embedded, made searchable, withdrawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import structlog
from django.db import transaction

from feira.core.errors import EngineUnavailable, InvalidImage
from feira.core.images.prepared import PreparedPhoto
from feira.core.types import Matrix
from feira.shop.accounts.models import Account
from feira.shop.jobs import services as jobs
from feira.shop.jobs.selectors import unfinished_of_kind
from feira.shop.photos.blobs import blob_store
from feira.shop.photos.engine import engine
from feira.shop.photos.intake import sandbox
from feira.shop.photos.models import Embedding, IndexLogEntry, IndexLogHead, Photo
from feira.shop.photos.roster import State, roster
from feira.shop.photos.selectors import digest_for_encoder, photos_without_embedding, searchable_without_embedding

EMBED_BATCH = 32
# What a candidate that waits for the switch, or the encoder before, misses would be missing after a switch.
KNOW_EVERYTHING = (State.READY, State.PREVIOUS)

logger = structlog.get_logger(__name__)


def prepare_photo(content: bytes) -> PreparedPhoto:
    """Read an upload in the sandbox and make its renditions; nothing is stored yet.

    Raises:
        InvalidImage: the bytes are not a photo we can take.
    """
    return sandbox().prepare(content)


def store_bytes(prepared: PreparedPhoto, *, content: bytes) -> None:
    """Put the original and the renditions into the blob store; best outside a transaction, for it takes a while.

    Bytes go first: a blob without a row is harmless, a row without its blob is a broken picture.
    """
    store = blob_store()
    store.put(content)
    for rendition in {r.digest: r for r in prepared.renditions.values()}.values():
        store.put(rendition.content)


def add_photos(prepared: Sequence[PreparedPhoto], *, owner: Account | None) -> list[Photo]:
    """Make the rows of photos whose bytes are stored, in one query."""
    return Photo.objects.bulk_create([_unsaved(photo, owner) for photo in prepared])


def _unsaved(prepared: PreparedPhoto, owner: Account | None) -> Photo:
    return Photo(
        owner=owner,
        digest=prepared.digest,
        format=prepared.format,
        byte_size=prepared.byte_size,
        width=prepared.width,
        height=prepared.height,
        tint=prepared.tint,
        renditions={
            name: {"digest": r.digest, "width": r.width, "height": r.height} for name, r in prepared.renditions.items()
        },
    )


def take_photo(*, content: bytes, owner: Account | None) -> Photo:
    """Keep somebody's upload and ask for its embedding.

    Raises:
        InvalidImage: the bytes are not a photo we can take; nothing is stored.
    """
    return take_prepared_photo(prepare_photo(content), content=content, owner=owner)


@transaction.atomic
def take_prepared_photo(prepared: PreparedPhoto, *, content: bytes, owner: Account | None) -> Photo:
    """Keep an upload that was already read, and ask for its embedding."""
    store_bytes(prepared, content=content)
    (photo,) = add_photos([prepared], owner=owner)
    ask_for_embeddings([photo.pk])
    return photo


def ask_for_embeddings(photo_ids: Sequence[int]) -> None:
    """Submit the jobs that let the live encoder see these photos."""
    for start in range(0, len(photo_ids), EMBED_BATCH):
        jobs.submit("photos.embed", {"photo_ids": list(photo_ids[start : start + EMBED_BATCH])})


def embed_what_is_missing(*, most: int = 4096) -> int:
    """Ask for the embeddings that the encoders lack which are to know every photo; return how many photos.

    Nothing is asked for while earlier requests are still under way: the next call goes on where those end. A candidate
    is shown the catalogue by its own job.
    """
    if unfinished_of_kind("photos.embed"):
        return 0
    try:
        encoder_ids = {engine().status().encoder_id}
    except EngineUnavailable:
        return 0
    now = roster()
    encoder_ids |= {one.encoder_id for one in (now.candidate, now.previous) if one and one.state in KNOW_EVERYTHING}
    missing = sorted({pk for each in encoder_ids for pk in searchable_without_embedding(each, most=most)})[:most]
    ask_for_embeddings(missing)
    return len(missing)


def embed_photos(photo_ids: Sequence[int]) -> int:
    """Let the live encoder see those of the photos that it has not seen and can read; return how many that were.

    An encoder that is on its way, and the one before the live one, see them as well, where the engine serves them; what
    those miss they are shown later.

    Raises:
        EngineUnavailable: try again later; nothing is stored by the live encoder.
    """
    status = engine().status()
    embedded = _embed(photo_ids, status.encoder_id, status.input_size, announce=True)
    sizes = {one.encoder_id: one.input_size for one in status.encoders if one.encoder_id != status.encoder_id}
    for encoder_id in roster().beside_live():
        if encoder_id in sizes:
            try:
                _embed(photo_ids, encoder_id, sizes[encoder_id], announce=False)
            except EngineUnavailable as error:
                logger.warning("photos_not_seen_by_second_encoder", encoder_id=encoder_id, reason=error.message)
    return embedded


def _embed(photo_ids: Sequence[int], encoder_id: str, input_size: int, *, announce: bool) -> int:
    seen = see(photos_without_embedding(photo_ids, encoder_id), encoder_id, input_size)
    if seen.photo_ids:
        store_embeddings(seen.photo_ids, encoder_id=encoder_id, rows=seen.rows, announce=announce)
    return len(seen.photo_ids)


@dataclass(frozen=True, slots=True)
class Seen:
    """Photos with their rows by one encoder, in order, and those whose stored bytes are gone or damaged."""

    photo_ids: list[int]
    rows: Matrix
    unreadable: list[int]


def see(photos: Sequence[Photo], encoder_id: str, input_size: int) -> Seen:
    """Let one encoder see stored photos; one that cannot be read takes no other along. Nothing is stored.

    Raises:
        EngineUnavailable: the encoder does not answer.
    """
    return see_contents(read_for_encoder(photos, input_size), encoder_id)


def read_for_encoder(photos: Sequence[Photo], input_size: int) -> dict[int, bytes | None]:
    """Return the bytes of the rendition that suits the encoder, by photo; None where they are gone."""
    store = blob_store()
    contents: dict[int, bytes | None] = {}
    for photo in photos:
        try:
            contents[photo.pk] = store.get(digest_for_encoder(photo.renditions, input_size))
        except FileNotFoundError:
            contents[photo.pk] = None
    return contents


def see_contents(contents: Mapping[int, bytes | None], encoder_id: str) -> Seen:
    """Let one encoder see what `read_for_encoder` has read.

    Raises:
        EngineUnavailable: the encoder does not answer.
    """
    left = {photo_id: content for photo_id, content in contents.items() if content is not None}
    unreadable = [photo_id for photo_id, content in contents.items() if content is None]
    rows: Matrix = np.empty((0, 0), dtype=np.float32)
    while left:
        try:
            rows = engine().encode(list(left.values()), bulk=True, encoder_id=encoder_id).rows
            break
        except InvalidImage as error:
            unreadable.append(list(left)[int(error.facts["position"])])
            del left[unreadable[-1]]
    for photo_id in unreadable:
        logger.warning("photo_cannot_be_read", photo_id=photo_id, encoder_id=encoder_id)
    return Seen(list(left), rows, unreadable)


@transaction.atomic
def store_embeddings(photo_ids: Sequence[int], *, encoder_id: str, rows: np.ndarray, announce: bool = True) -> None:
    """Write embeddings, and log the photos that became searchable by it.

    Args:
        rows: shape (n, dim), one unit-length row per photo; kept as float16.
        announce: whether others are to know, as when the live encoder has seen them.
    """
    Embedding.objects.bulk_create(
        [
            Embedding(photo_id=photo_id, encoder_id=encoder_id, vector=row.tobytes())
            for photo_id, row in zip(photo_ids, np.asarray(rows, dtype=np.float16), strict=True)
        ],
        ignore_conflicts=True,
    )
    # Locked, so that a listing going live at this moment sees the embedding or is seen here, never neither.
    searchable = [photo_id for photo_id, is_searchable in _locked(photo_ids) if is_searchable]
    if searchable:
        seq = append_to_index_log(IndexLogEntry.ADD, searchable)
        if announce:
            jobs.announce("photos.indexed", {"photo_ids": searchable, "seq": seq})


@transaction.atomic
def make_searchable(photo_ids: Sequence[int]) -> None:
    """Show these photos to everybody; those already embedded join the index now, the others when they are."""
    changed = [photo_id for photo_id, is_searchable in _locked(photo_ids) if not is_searchable]
    Photo.objects.filter(pk__in=changed).update(searchable=True, is_public=True)
    found = Embedding.objects.filter(photo_id__in=changed).order_by("photo_id").values_list("photo_id", flat=True)
    embedded = list(found.distinct())
    if embedded:
        seq = append_to_index_log(IndexLogEntry.ADD, embedded)
        jobs.announce("photos.indexed", {"photo_ids": embedded, "seq": seq})


@transaction.atomic
def withdraw(photo_ids: Sequence[int], *, hide: bool) -> None:
    """Take photos out of the index; `hide` also stops them from being shown to others."""
    searchable = [photo_id for photo_id, is_searchable in _locked(photo_ids) if is_searchable]
    Photo.objects.filter(pk__in=photo_ids).update(searchable=False, **({"is_public": False} if hide else {}))
    if searchable:
        seq = append_to_index_log(IndexLogEntry.REMOVE, searchable)
        jobs.announce("photos.withdrawn", {"photo_ids": searchable, "seq": seq})


def _locked(photo_ids: Sequence[int]) -> list[tuple[int, bool]]:
    """Lock the rows of these photos, in order, and return for each whether it is searchable.

    All of them, whatever they are: a query for the searchable ones would neither see nor wait for a row that another
    transaction is just making so, and on PostgreSQL a photo would stay out of the index for good.
    """
    rows = Photo.objects.select_for_update().filter(pk__in=photo_ids).order_by("pk")
    return list(rows.values_list("pk", "searchable"))


def append_to_index_log(op: int, photo_ids: Sequence[int]) -> int:
    """Append one entry per photo and return the last sequence number.

    Must run in a transaction, late: the head row stays locked until it commits, which keeps the log free of gaps and
    in commit order (a plain sequence gives neither on PostgreSQL).
    """
    head, _made = IndexLogHead.objects.select_for_update().get_or_create(pk=1)
    IndexLogEntry.objects.bulk_create(
        [IndexLogEntry(seq=head.seq + n, op=op, photo_id=photo_id) for n, photo_id in enumerate(photo_ids, start=1)]
    )
    head.seq += len(photo_ids)
    head.save(update_fields=["seq"])
    return head.seq
