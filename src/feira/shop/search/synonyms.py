"""Words that this shop takes for the same: who looks for one finds the others."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from feira.shop.search.models import SynonymGroup
from feira.shop.search.words import Term, Words

FRESH_FOR_S = 30.0
MOST_OTHERS = 12

Phrase = tuple[str, ...]
Table = Mapping[Phrase, tuple[Phrase, ...]]


def table_of(groups: Iterable[SynonymGroup]) -> Table:
    """Return, for each phrase, the phrases that mean the same, in the order in which they were written.

    >>> table_of([SynonymGroup(words="trainers\\nrunning shoes", is_one_way=True)])
    {('trainers',): (('running', 'shoes'),)}
    """
    found: dict[Phrase, list[Phrase]] = defaultdict(list)
    for group in groups:
        phrases = group.phrases()
        for phrase in phrases[:1] if group.is_one_way else phrases:
            found[phrase].extend(other for other in phrases if other != phrase)
    return {phrase: tuple(dict.fromkeys(others))[:MOST_OTHERS] for phrase, others in found.items()}


def expanded(words: Words, table: Table | None = None) -> Words:
    """Return the words with the synonyms of each wanted and unwanted term; by the shop's own table unless given."""
    known = synonyms.get() if table is None else table
    if not known:
        return words
    return Words(
        tuple(_with_synonyms(term, known) for term in words.wanted),
        tuple(_with_synonyms(term, known) for term in words.unwanted),
    )


def _with_synonyms(term: Term, table: Table) -> Term:
    others = table.get(term.words, ())
    return replace(term, others=others) if others else term


class CachedTable:
    """One process's copy of the shop's synonyms: a change shows within half a minute."""

    def __init__(self, read: Callable[[], Table], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._read, self._clock = read, clock
        self._kept: tuple[float, Table] | None = None
        self._lock = threading.Lock()

    def get(self) -> Table:
        """Return the table, at most `FRESH_FOR_S` old."""
        kept = self._kept
        if kept is not None and self._clock() - kept[0] <= FRESH_FOR_S:
            return kept[1]
        with self._lock:
            if self._kept is None or self._kept is kept:
                self._kept = (self._clock(), self._read())
            return self._kept[1]

    def forget(self) -> None:
        """Read again at the next question."""
        self._kept = None


synonyms = CachedTable(lambda: table_of(SynonymGroup.objects.order_by("pk")))
