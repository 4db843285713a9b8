"""Teaches words to meet pictures from the shop's own photos and what was written about them, behind the gate.

Every live photo with its listing's title is a pair; category and attribute words, and queries whose results people
opened or praised, are further pairs that count less. Listings are held out by a hash of their number and are never
learned from in any version, so that what serves and what wants to serve are compared fairly.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
import structlog
from django.db.models import QuerySet

from feira.core.errors import EngineUnavailable, NoTextSide
from feira.core.evaluation.splits import place
from feira.core.learning.bridge import Bridge, choose_bridge, fit_bridge, reciprocal_ranks
from feira.core.learning.priors import prior_between, read_prior
from feira.core.learning.ridge import PairSums
from feira.core.types import Matrix
from feira.settings import load_settings
from feira.shop.feedback.models import Click, Judgement
from feira.shop.learning.models import LearnedPart
from feira.shop.learning.services import LEAST_QUERIES, judge_candidate, propose
from feira.shop.listings.models import Listing
from feira.shop.photos.engine import engine
from feira.shop.photos.models import Embedding
from feira.shop.photos.selectors import embeddings_of

PART: Final = "bridge"
METRIC: Final = "reciprocal rank of a held-out listing's photo, asked for by its title"
HELD_OUT_SHARE: Final = 0.1
CHOOSING_SHARE: Final = 0.1
MOST_HELD_OUT: Final = 1_000
# A word of feedback is about one query; a title was written for the photo.
FACTS_WEIGHT: Final = 0.3
FEEDBACK_WEIGHT: Final = 0.3
MOST_FEEDBACK: Final = 20_000
# Refit when the catalogue grew by this share, and at least by so many photos.
GROWTH, LEAST_GROWTH = 0.1, 50
_PAGE: Final = 1_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Refit:
    """What a run came to: the candidate and whether it serves, or why there is none.

    `before` and `after` are mean reciprocal ranks on held-out listings; None where nothing answered before, or nothing
    was measured.
    """

    candidate: LearnedPart | None
    serves: bool
    reason: str
    before: float | None = None
    after: float | None = None
    photos: int = 0
    queries: int = 0


@dataclass(slots=True)
class _Pairs:
    """Pairs kept whole, one for each listing, up to a number of them."""

    most: int
    listings: list[int] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)
    titles: list[str] = field(default_factory=list)
    images: list[Any] = field(default_factory=list)
    texts: list[Any] = field(default_factory=list)

    def add(self, listing_id: int, title: str, image: Any, text: Any) -> bool:
        """Keep a pair; tell whether it was kept."""
        if len(self.listings) >= self.most or listing_id in self.seen:
            return False
        self.seen.add(listing_id)
        self.listings.append(listing_id)
        self.titles.append(title)
        self.images.append(image)
        self.texts.append(text)
        return True

    def rows(self) -> tuple[Matrix, Matrix]:
        return np.array(self.texts, dtype=np.float32), np.array(self.images, dtype=np.float32)


def refit_bridge(*, encoder_id: str = "", seed: int = 0) -> Refit:
    """Fit a bridge for an encoder to what the shop holds, and let it serve if the gate finds it better.

    Photos are streamed; memory does not grow with their number.

    Args:
        encoder_id: one that the engine serves; the live one when empty.

    Raises:
        EngineUnavailable: the engine does not answer, or does not serve the encoder; nothing was kept.
    """
    client = engine()
    status = client.status()
    encoder_id = encoder_id or status.encoder_id
    name = next((one.name for one in status.encoders if one.encoder_id == encoder_id), None)
    if name is None:
        raise EngineUnavailable(f"The engine does not serve {encoder_id} now. It is tried again later.")
    try:
        text_id = client.embed_texts(["word"], bulk=True).text_id
    except NoTextSide as error:
        return Refit(None, serves=False, reason=error.message)
    sums, choosing, held_out, photos = _gathered(encoder_id, text_id)
    if sums is None or len(held_out.listings) < LEAST_QUERIES:
        counted = len(held_out.listings)
        reason = f"{counted} titled listings are held out and {LEAST_QUERIES} are needed: about 100 with a photo."
        return Refit(None, serves=False, reason=reason, queries=counted)
    said = _add_feedback(sums, encoder_id=encoder_id, text_id=text_id)
    prior = prior_between(
        read_prior(name, models_dir=load_settings().resolved_models_dir()),
        encoder_id=encoder_id,
        text_id=text_id,
    )
    candidate, facts = _chosen(sums, choosing, prior, encoder_id=encoder_id, text_id=text_id)
    texts, images = held_out.rows()
    after = reciprocal_ranks(candidate.to_image_space(texts), images)
    before = _ranks_now(held_out, images, encoder_id)
    part = propose(
        part=PART,
        about=encoder_id,
        content=candidate.pack(),
        made_from={"text_id": text_id, "photos": photos, "feedback": said, "has_prior": prior is not None, **facts},
    )
    keys = [f"{title} (listing {pk})" for pk, title in zip(held_out.listings, held_out.titles, strict=True)]
    serves = judge_candidate(
        part,
        live_per_query=dict(zip(keys, before, strict=True)) if before is not None else None,
        candidate_per_query=dict(zip(keys, after, strict=True)),
        metric=METRIC,
        seed=seed,
    )
    log.info("bridge_refitted", encoder_id=encoder_id, version=part.version, serves=serves, photos=photos)
    return Refit(
        part,
        serves=serves,
        reason=part.report["reason"],
        before=float(np.mean(before)) if before is not None else None,
        after=float(np.mean(after)),
        photos=photos,
        queries=len(after),
    )


def is_held_out(listing_id: int) -> bool:
    """Tell whether a listing is kept for judging and is never learned from; a tenth of them is."""
    return place(str(listing_id), salt="bridge") < HELD_OUT_SHARE


def is_for_choosing(listing_id: int) -> bool:
    """Tell whether a listing helps to choose how to fit before it is learned from like the others."""
    return place(str(listing_id), salt="bridge choice") < CHOOSING_SHARE


def is_due() -> bool:
    """Tell whether enough was added since the last time, or the encoders changed; two or three cheap queries.

    Raises:
        EngineUnavailable: the engine does not answer.
    """
    status = engine().status()
    last = LearnedPart.objects.filter(part=PART, about=status.encoder_id).order_by("-version").first()
    text_id = next((served.text_id for served in status.encoders if served.encoder_id == status.encoder_id), "")
    if last is None or last.made_from.get("text_id") != text_id:
        return bool(text_id)
    learned = int(last.made_from.get("photos", 0))
    return _live_embeddings(status.encoder_id).count() > learned + max(LEAST_GROWTH, GROWTH * learned)


def _live_embeddings(encoder_id: str) -> QuerySet[Embedding]:
    return Embedding.objects.filter(encoder_id=encoder_id, photo__placed__listing__state=Listing.State.LIVE)


def _gathered(encoder_id: str, text_id: str) -> tuple[PairSums | None, _Pairs, _Pairs, int]:
    """Return sums over the pairs to learn from, those to choose by, those held out, and how many photos there are."""
    sums: PairSums | None = None
    choosing, held_out, photos = _Pairs(MOST_HELD_OUT), _Pairs(MOST_HELD_OUT), 0
    for page in _pages(encoder_id):
        images = np.stack([np.frombuffer(row.vector, dtype=np.float16) for row in page]).astype(np.float32)
        titles, facts = _embedded([row.title for row in page], text_id), _embedded([row.facts for row in page], text_id)
        sums = PairSums.empty(images.shape[1], titles.shape[1]) if sums is None else sums
        photos += len(page)
        says = np.asarray(titles.any(axis=1))
        taught = np.zeros(len(page), dtype=bool)
        for number, row in enumerate(page):
            if not says[number]:
                continue
            if is_held_out(row.listing_id):
                held_out.add(row.listing_id, row.title, images[number], titles[number])
            elif is_for_choosing(row.listing_id) and choosing.add(
                row.listing_id, row.title, images[number], titles[number]
            ):
                continue
            else:
                taught[number] = True
        sums.add(images[taught], titles[taught])
        taught &= facts.any(axis=1)
        sums.add(images[taught], facts[taught], np.full(np.count_nonzero(taught), FACTS_WEIGHT))
    return sums, choosing, held_out, photos


class _Row(NamedTuple):
    pk: int
    listing_id: int
    title: str
    facts: str
    vector: bytes


def _pages(encoder_id: str) -> Iterator[list[_Row]]:
    """Yield live photos with what their listings say, a page at a time; no query stays open while a page is used."""
    after = 0
    listing = "photo__placed__listing"
    columns = ("pk", f"{listing}_id", f"{listing}__title", f"{listing}__search_text", "vector")
    while True:
        rows = _live_embeddings(encoder_id).filter(pk__gt=after).order_by("pk").values_list(*columns)
        page = [_Row(*row) for row in rows[:_PAGE]]
        if not page:
            return
        yield page
        after = page[-1].pk


def _embedded(texts: list[str], text_id: str) -> Matrix:
    """Return one row per text; equal texts travel once.

    Raises:
        EngineUnavailable: the engine changed its text encoder meanwhile, and the sums would mix two spaces.
    """
    unique = list(dict.fromkeys(texts))
    answer = engine().embed_texts(unique, bulk=True)
    if answer.text_id != text_id:
        raise EngineUnavailable(f"The engine embeds by {answer.text_id} now, no longer by {text_id}. Try again.")
    number = {text: place for place, text in enumerate(unique)}
    rows: Matrix = answer.rows[[number[text] for text in texts]]
    return rows


def _add_feedback(sums: PairSums, *, encoder_id: str, text_id: str) -> int:
    """Count in what people opened or praised, newest first, with the photo they saw; return how many pairs."""
    praised = Judgement.objects.filter(value=Judgement.Value.POSITIVE).order_by("-pk")
    opened = Click.objects.order_by("-pk")
    pairs = [
        *praised.values_list("query__key", "listing__cover_id", "listing_id")[:MOST_FEEDBACK],
        *opened.values_list("key", "listing__cover_id", "listing_id")[:MOST_FEEDBACK],
    ]
    usable = [(key, photo) for key, photo, pk in pairs if photo is not None and not is_held_out(pk)]
    added = 0
    for start in range(0, len(usable), _PAGE):
        page = usable[start : start + _PAGE]
        found, rows = embeddings_of(list({photo for _key, photo in page}), encoder_id)
        number = {photo: place for place, photo in enumerate(found)}
        seen = [(key, number[photo]) for key, photo in page if photo in number]
        if not seen:
            continue
        texts = _embedded([key for key, _place in seen], text_id)
        says = np.asarray(texts.any(axis=1))
        images = rows[[place for _key, place in seen]]
        sums.add(images[says], texts[says], np.full(np.count_nonzero(says), FEEDBACK_WEIGHT))
        added += int(np.count_nonzero(says))
    return added


def _chosen(
    sums: PairSums, choosing: _Pairs, prior: PairSums | None, *, encoder_id: str, text_id: str
) -> tuple[Bridge, dict[str, float]]:
    """Return a bridge fitted to all but what is held out, in the way that found most of the pairs to choose by."""
    if not choosing.listings:
        share = 1.0 if prior is not None else 0.0
        both = sums if prior is None else sums.plus(prior)
        return fit_bridge(both, encoder_id=encoder_id, text_id=text_id), {"prior_share": share}
    texts, images = choosing.rows()
    _, facts = choose_bridge(sums, encoder_id=encoder_id, text_id=text_id, texts=texts, images=images, prior=prior)
    sums.add(images, texts)
    both = sums.plus(prior, share=facts["prior_share"]) if prior is not None else sums
    bridge = fit_bridge(both, encoder_id=encoder_id, text_id=text_id, image_ridge=facts["image_ridge"])
    return bridge, facts


def _ranks_now(held_out: _Pairs, images: Matrix, encoder_id: str) -> list[float] | None:
    """Return what the engine's present answers reach; None when it cannot be asked in words so far."""
    try:
        queries = engine().encode_texts(held_out.titles, bulk=True, encoder_id=encoder_id).rows
    except NoTextSide:
        return None
    return reciprocal_ranks(queries, images)
