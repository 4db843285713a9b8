"""What a query looks like: its photo, examples and words as vectors in the space of the live encoder's pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from feira.core.errors import NoTextSide
from feira.core.images.cropping import Crop, cut
from feira.core.recommend.composing import compose
from feira.core.types import Matrix, Vector
from feira.shop.photos.blobs import blob_store
from feira.shop.photos.engine import engine
from feira.shop.photos.selectors import digest_for_encoder, embeddings_of
from feira.shop.search.query import SearchQuery
from feira.shop.search.selectors import QueryPhoto
from feira.shop.search.shown import colour_to_lose
from feira.shop.search.words import Words

# Rocchio's formula: a query moves towards the mean of what is wanted and, less, away from what is not.
LIKED, DISLIKED, SAID, UNWANTED = 0.6, 0.4, 0.5, 0.4
# What only takes away needs to keep more of the photo: there is nothing else to go to.
ONLY_AWAY = 0.3
MOST_MOVING = 12


@dataclass(frozen=True, slots=True)
class Looks:
    """One or two directions in which to look, and how much each counts.

    Attributes:
        encoder_id: who made the vectors, and must answer for them.
        rows: shape (n, dim), n is 1 or 2: the photo first, then the words.
        shares: how much each row counts; they sum to 1.
        has_words: whether the words could be turned into a picture of what is meant.
    """

    encoder_id: str
    rows: Matrix
    shares: tuple[float, ...]
    has_words: bool


@dataclass(frozen=True, slots=True)
class Examples:
    """Listings that speak for or against what they look like: the number of the cover, and −1 to 1."""

    liked: tuple[int, ...] = ()
    disliked: tuple[int, ...] = ()
    said: Mapping[int, float] | None = None

    @property
    def photo_ids(self) -> list[int]:
        """All covers, each once."""
        return list(dict.fromkeys([*self.liked, *self.disliked, *(self.said or {})]))


def looks_of(query: SearchQuery, words: Words, photo: QueryPhoto | None, examples: Examples) -> Looks | None:
    """Return what the query looks like, None when nothing says so; at most three requests to the engine and one query.

    Args:
        words: what is searched for in place of what was typed.

    Raises:
        EngineUnavailable: nobody can compare pictures right now.
    """
    said = _texts(query, words, photo, has_picture=photo is not None or bool(examples.liked))
    texts, encoder_id = _seen_as_pictures(said)
    if photo is None and not examples.liked and not texts:
        return None
    input_size = 0
    if encoder_id is None:
        status = engine().status()
        encoder_id, input_size = status.encoder_id, status.input_size
    known = _embedded([*([photo.id] if photo and query.crop is None else []), *examples.photo_ids], encoder_id)
    base = None
    if photo is not None:
        base = known.get(photo.id) if query.crop is None else None
        base = _seen_now(photo, query.crop, encoder_id, input_size) if base is None else base
    photo_row, words_row = _composed(base, texts, known, examples)
    rows = [row for row in (photo_row, words_row) if row is not None]
    if not rows:
        return None
    share = query.balance / 100
    shares = (share, 1 - share) if len(rows) == 2 else (1.0,)
    return Looks(encoder_id, np.stack(rows).astype(np.float32), shares, has_words=words_row is not None)


def look_of(photo: QueryPhoto, crop: Crop | None) -> Looks:
    """Return what a photo alone looks like, or the part of it that counts.

    Raises:
        EngineUnavailable: nobody can compare pictures right now.
    """
    status = engine().status()
    known = _embedded([photo.id] if crop is None else [], status.encoder_id).get(photo.id)
    row = _seen_now(photo, crop, status.encoder_id, status.input_size) if known is None else known
    return Looks(status.encoder_id, row[None].astype(np.float32), (1.0,), has_words=False)


def _texts(query: SearchQuery, words: Words, photo: QueryPhoto | None, *, has_picture: bool) -> dict[str, str]:
    """Return what is to be turned into vectors, by its part in the query; nothing if only unwanted things are named."""
    wanted = " ".join(term.text.strip('"') for term in words.wanted)
    if not has_picture:
        wanted = f"{wanted} {query.but}".strip()
    if not (wanted or has_picture):
        return {}
    parts = {
        "wanted": wanted,
        "towards": query.but if has_picture else "",
        "away": query.without,
        "lost": colour_to_lose(photo, query.crop, but=query.but) if photo is not None and query.but else "",
        # Said what it is, a picture stays one of its kind while something else about it changes.
        "kind": photo.kind if photo is not None and query.but else "",
        "unwanted": " ".join(term.text.strip('"') for term in words.unwanted),
    }
    return {part: text for part, text in parts.items() if text}


def _seen_as_pictures(said: Mapping[str, str]) -> tuple[dict[str, Vector], str | None]:
    if not said:
        return {}, None
    try:
        encoded = engine().encode_texts(list(said.values()))
    except NoTextSide:
        return {}, None
    rows = zip(said, encoded.rows, strict=True)
    return {part: row for part, row in rows if row.any()}, encoded.encoder_id


def _embedded(photo_ids: Sequence[int], encoder_id: str) -> dict[int, Vector]:
    if not photo_ids:
        return {}
    ids, rows = embeddings_of(photo_ids, encoder_id)
    return dict(zip(ids, rows, strict=True))


def _seen_now(photo: QueryPhoto, crop: Crop | None, encoder_id: str, input_size: int) -> Vector:
    """Let the engine look at the photo, or at the part of it that counts."""
    if crop is None:
        content = blob_store().get(digest_for_encoder(photo.renditions, input_size))
    else:
        # From the largest rendition: a small part of a small one would be a blur.
        content = cut(blob_store().get(photo.renditions["full"]["digest"]), crop)
    row: Vector = engine().encode([content], encoder_id=encoder_id).rows[0]
    return row


def _composed(
    base: Vector | None,
    texts: Mapping[str, Vector],
    known: Mapping[int, Vector],
    examples: Examples,
) -> tuple[Vector | None, Vector | None]:
    """Return what the photo and what the words look like, each None where there is nothing to begin with."""
    liked = _mean([known[one] for one in examples.liked if one in known])
    disliked = _mean([known[one] for one in examples.disliked if one in known])
    said = examples.said or {}
    strongest = sorted(said, key=lambda one: -abs(said[one]))[:MOST_MOVING]
    moves = [(-DISLIKED, disliked), *((SAID * said[one], known.get(one)) for one in strongest)]
    moves += [(-UNWANTED, texts.get("unwanted"))]
    photo = words = None
    if base is not None:
        photo = _moved(_changed(base, texts), [(LIKED, liked), *moves])
    elif liked is not None:
        photo = _moved(_changed(liked / np.linalg.norm(liked), texts), moves)
    if "wanted" in texts:
        words = _moved(texts["wanted"], [(-UNWANTED, texts.get("away")), *moves])
    return photo, words


def _changed(picture: Vector, texts: Mapping[str, Vector]) -> Vector:
    """Return the picture with what the words add and take away, still of its kind."""
    away = [texts[part] for part in ("away", "lost") if part in texts]
    remove = np.stack(away) if away else None
    if "towards" in texts:
        keep = texts["kind"][None] if "kind" in texts else None
        return compose(photo=picture, add=texts["towards"][None], remove=remove, keep=keep)
    if remove is not None:
        return compose(photo=picture, remove=remove, words_share=ONLY_AWAY)
    return picture


def _mean(rows: Sequence[Vector]) -> Vector | None:
    return np.mean(rows, axis=0, dtype=np.float32) if rows else None


def _moved(base: Vector, moves: Sequence[tuple[float, Vector | None]]) -> Vector:
    """Return the unit vector of `base` moved along some directions; `base` itself when nothing would be left."""
    moved = base + sum((weight * row for weight, row in moves if row is not None), np.zeros_like(base))
    length = float(np.linalg.norm(moved))
    unit: Vector = (moved / length if length > 1e-6 else base).astype(np.float32)
    return unit
