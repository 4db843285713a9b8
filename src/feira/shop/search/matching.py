"""Which listings a query finds by its words, and what was changed about the words to find any."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from django.db.models import QuerySet

from feira.shop.listings.models import Listing
from feira.shop.search.synonyms import expanded
from feira.shop.search.text_index import text_index
from feira.shop.search.typos import Vocabulary, corrected, vocabulary
from feira.shop.search.words import Term, Words

MOST_BY_WORDS = 1_000
MOST_DROPPED = 3


@dataclass(frozen=True, slots=True)
class WordMatches:
    """Listings with the words, the best match first.

    Attributes:
        words: what was searched for in the end.
        dropped: words that were passed over, because no listing has them together with the others.
        passing: of those that pass the filter.
        of_all: whatever the filter; only read when it was asked for, else the same as `passing`.
        is_corrected: words that nobody used were replaced by the nearest that somebody did.
    """

    words: Words
    passing: Sequence[int] = ()
    of_all: Sequence[int] = ()
    dropped: tuple[Term, ...] = ()
    is_corrected: bool = False

    @property
    def share(self) -> float:
        """How much of what was asked for in words these listings have, 0 to 1."""
        kept = len(self.words.wanted)
        return kept / (kept + len(self.dropped)) if kept else 0.0


def match_words(
    words: Words, *, everything: QuerySet[Listing], passing: QuerySet[Listing], is_filtered: bool, is_strict: bool
) -> WordMatches:
    """Find listings by words: 1 query (2 with a filter) when the words are right, at most 9 when nothing has them.

    When nobody has the words, slips of the finger are corrected; when that does not help, rare words are dropped until
    something is found, at most half of them. A filter that leaves nothing is not the words' fault: they stay.

    Args:
        is_strict: take the words as they stand.
    """
    if not words.wanted:
        return WordMatches(words)
    found = _best(passing, words)
    if found or is_strict:
        of_all = _best(everything, words) if is_filtered else found
        return WordMatches(words, found, of_all)
    of_all = _best(everything, words) if is_filtered else found
    if of_all:
        return WordMatches(words, found, of_all)
    known = vocabulary.get()
    better = corrected(words, known)
    if better != words and (of_all := _best(everything, better)):
        found = _best(passing, better) if is_filtered else of_all
        return WordMatches(better, found, of_all, is_corrected=True)
    return _relaxed(better, known, everything, passing, is_filtered=is_filtered, typed=words)


def _relaxed(
    words: Words,
    known: Vocabulary,
    everything: QuerySet[Listing],
    passing: QuerySet[Listing],
    *,
    is_filtered: bool,
    typed: Words,
) -> WordMatches:
    """Drop one of the rarest words, or several of them, until something is found; else return the words as typed."""
    wanted = words.wanted
    by_rarity = sorted(range(len(wanted)), key=lambda place: (_frequency(wanted[place], known.counts), place))
    # What has less than half of the words answers another question.
    most = min(len(wanted) // 2, MOST_DROPPED)
    alone = [{place} for place in by_rarity[:MOST_DROPPED]] if most else []
    for dropped in [*alone, *(set(by_rarity[:count]) for count in range(2, most + 1))]:
        fewer = replace(words, wanted=tuple(term for place, term in enumerate(wanted) if place not in dropped))
        if of_all := _best(everything, fewer):
            found = _best(passing, fewer) if is_filtered else of_all
            gone = tuple(wanted[place] for place in sorted(dropped))
            return WordMatches(fewer, found, of_all, gone, is_corrected=words != typed)
    return WordMatches(typed)


def _frequency(term: Term, counts: Mapping[str, int]) -> int:
    """Return on how many listings the rarest word of a term stands; an open one counts as the words it may become."""
    open_counts = (
        [sum(count for word, count in counts.items() if word.startswith(term.words[-1]))]
        if term.is_open
        else [counts.get(term.words[-1], 0)]
    )
    return min([*(counts.get(word, 0) for word in term.words[:-1]), *open_counts])


def _best(listings: QuerySet[Listing], words: Words) -> list[int]:
    return text_index().best(listings, expanded(words), most=MOST_BY_WORDS)
