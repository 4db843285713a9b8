"""Words nobody used, replaced by the nearest word that somebody did."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from rapidfuzz import process
from rapidfuzz.distance import OSA

from feira.shop.search.text_index import text_index
from feira.shop.search.words import Term, Words

MOST_WORDS = 50_000
FRESH_FOR_S = 60.0


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words of the catalogue and on how many listings each stands."""

    counts: Mapping[str, int]
    words: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", tuple(self.counts))

    def has(self, word: str, *, is_open: bool) -> bool:
        """Tell whether a word is known; an open one also as the beginning of another."""
        return word in self.counts or (is_open and any(known.startswith(word) for known in self.words))

    def nearest(self, word: str) -> str | None:
        """Return the known word at the least distance, the more frequent at a tie; None when all are too far.

        One slip (a letter too many, too few, wrong, or swapped with its neighbour) is forgiven from four letters on,
        two from seven. Numbers are never changed: a size 43 is no misspelt 42.

        >>> Vocabulary({"dress": 5, "dresser": 2, "shoes": 9}).nearest("derss")
        'dress'
        """
        slips = 2 if len(word) >= 7 else 1
        if len(word) < 4 or any(letter.isdigit() for letter in word):
            return None
        close = process.extract(word, self.words, scorer=OSA.distance, score_cutoff=slips, limit=None)
        best = min(close, key=lambda hit: (hit[1], -self.counts[hit[0]], hit[0]), default=None)
        return best[0] if best else None


def corrected(words: Words, vocabulary: Vocabulary) -> Words:
    """Return the words with those wanted ones replaced that nobody used; what cannot be replaced stays."""
    return replace(words, wanted=tuple(_corrected(term, vocabulary) for term in words.wanted))


def _corrected(term: Term, vocabulary: Vocabulary) -> Term:
    last = len(term.words) - 1
    better = tuple(
        word if vocabulary.has(word, is_open=term.is_open and position == last) else (vocabulary.nearest(word) or word)
        for position, word in enumerate(term.words)
    )
    # What was completed by a correction is a whole word.
    return term if better == term.words else Term(better)


class CachedVocabulary:
    """One process's copy of the vocabulary, read again after a while: a new listing's words may wait a minute."""

    def __init__(self, read: Callable[[], Mapping[str, int]], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._read, self._clock = read, clock
        self._kept: tuple[float, Vocabulary] | None = None
        self._lock = threading.Lock()

    def get(self) -> Vocabulary:
        """Return the vocabulary, at most `FRESH_FOR_S` old."""
        kept = self._kept
        if kept is not None and self._clock() - kept[0] <= FRESH_FOR_S:
            return kept[1]
        with self._lock:
            # Whoever waited here finds what the first one read.
            if self._kept is None or self._kept is kept:
                self._kept = (self._clock(), Vocabulary(self._read()))
            return self._kept[1]

    def forget(self) -> None:
        """Read again at the next question."""
        self._kept = None


vocabulary = CachedVocabulary(lambda: text_index().vocabulary(most=MOST_WORDS))
