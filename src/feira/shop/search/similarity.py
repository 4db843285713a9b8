"""How much listings look like what is asked for, on a scale that means the same for every query and encoder.

A cosine of 0.3 is much between a word and a photo and little between two photos, and each encoder has its own idea of
little and much. So each query is also compared with a few hundred photos of the shop drawn by chance: what counts is
by how many of their standard deviations a listing is nearer than they are.
"""

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from django.db.models import Max
from numpy.typing import NDArray

from feira.shop.listings.models import ListingPhoto
from feira.shop.photos.engine import engine
from feira.shop.photos.models import Photo
from feira.shop.search.looks import Looks

SAMPLE, TRIES = 256, 2_048
FRESH_FOR_S = 300.0
# A small shop grows by halves: what is known of it is old soon.
SMALL_FRESH_FOR_S = 10.0
MOST_PHOTOS = 9_000
# Before anything is known of a query: the spread of cosines, and how many photos that belief weighs.
USUAL_SPREAD, BELIEF = 0.1, 8
# Halfway from nothing to everything lies what is nearer than 93 of 100 photos.
MIDDLE = 1.5


@dataclass(frozen=True, slots=True)
class Similarity:
    """How near listings are to the rows of a query's looks.

    Attributes:
        cosines: shape (listings, rows), of the best photo of each; NaN for a listing without one.
        mean, spread: shape (rows,), of photos drawn by chance.
    """

    cosines: NDArray[np.float32]
    mean: NDArray[np.float32]
    spread: NDArray[np.float32]

    def deviations(self) -> NDArray[np.float32]:
        """Return by how many standard deviations each listing is nearer than chance, shape (listings, rows)."""
        return (self.cosines - self.mean) / self.spread

    def only(self, kept: NDArray[np.bool_]) -> "Similarity":
        """Return what is known of some of the listings."""
        return Similarity(self.cosines[kept], self.mean, self.spread)

    def likeness(self, shares: Sequence[float]) -> NDArray[np.float32]:
        """Return one number from 0 to 1 per listing, 0 without a photo; rows count by their shares."""
        beyond = self.deviations() - MIDDLE
        # Not the usual logistic curve: that is flat where near copies of a photo have to be told apart.
        each = 0.5 + 0.5 * beyond / (1 + np.abs(beyond))
        together: NDArray[np.float32] = (each @ np.asarray(shares, np.float32)).astype(np.float32)
        return np.nan_to_num(together, nan=0.0)


def similarity(looks: Looks, listing_ids: Sequence[int]) -> Similarity:
    """Compare listings with what is asked for: one query, and one request to the engine.

    Raises:
        EngineUnavailable: nobody can compare pictures right now.
    """
    placed = ListingPhoto.objects.filter(listing_id__in=listing_ids).order_by("position", "pk")
    listing_of = dict(placed.values_list("photo_id", "listing_id")[:MOST_PHOTOS])
    drawn = background.get()
    asked = list({*listing_of, *drawn})
    answers = engine().search(looks.rows, max(len(asked), 1), among=asked, encoder_id=looks.encoder_id)
    row_of = {listing_id: row for row, listing_id in enumerate(listing_ids)}
    cosines = np.full((len(listing_ids), len(looks.rows)), np.nan, np.float32)
    by_chance: dict[int, list[float]] = defaultdict(list)
    for column, hits in enumerate(answers):
        for hit in hits:
            if hit.photo_id in drawn:
                by_chance[column].append(hit.score)
            listing_id = listing_of.get(hit.photo_id)
            if listing_id is not None:
                place = row_of[listing_id], column
                cosines[place] = np.fmax(cosines[place], hit.score)
    columns = [np.array(by_chance[column], np.float32) for column in range(len(answers))]
    mean = np.array([column.mean() if column.size else 0.0 for column in columns], np.float32)
    squares = np.array([column.var() * column.size if column.size else 0.0 for column in columns], np.float32)
    counts = np.array([column.size for column in columns], np.float32)
    spread = np.sqrt((squares + BELIEF * USUAL_SPREAD**2) / (counts + BELIEF))
    return Similarity(cosines, mean, spread.astype(np.float32))


class Background:
    """One process's sample of the shop's photos, drawn anew after a while."""

    def __init__(self, draw: Callable[[], frozenset[int]], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._draw, self._clock = draw, clock
        self._kept: tuple[float, frozenset[int]] | None = None
        self._lock = threading.Lock()

    def get(self) -> frozenset[int]:
        """Return the sample, at most `FRESH_FOR_S` old, and less while the shop has fewer photos than a sample."""
        kept = self._kept
        if kept is not None and self._clock() - kept[0] <= (
            FRESH_FOR_S if len(kept[1]) >= SAMPLE else SMALL_FRESH_FOR_S
        ):
            return kept[1]
        with self._lock:
            if self._kept is None or self._kept is kept:
                self._kept = (self._clock(), self._draw())
            return self._kept[1]

    def forget(self) -> None:
        """Draw again at the next question."""
        self._kept = None


def _drawn_by_chance() -> frozenset[int]:
    """Return searchable photos, the same ones as long as the catalogue is the same; at most three queries."""
    searchable = Photo.objects.filter(searchable=True).order_by("pk")
    last = searchable.aggregate(last=Max("pk"))["last"] or 0
    if last > TRIES:
        chance = random.Random(0)
        # Numbers without a photo (drafts, uploads) are passed over: of 2,048 tries some hundred usually hit.
        tried = chance.sample(range(1, last + 1), TRIES)
        found = list(searchable.filter(pk__in=tried).values_list("pk", flat=True))
        if len(found) >= SAMPLE:
            return frozenset(chance.sample(found, SAMPLE))
    return frozenset(searchable.values_list("pk", flat=True)[:SAMPLE])


background = Background(_drawn_by_chance)
