"""What somebody may mean who has typed a few letters: words of the catalogue, categories, their own past searches."""

import threading
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile

from django.utils.functional import cached_property

from feira.shop.accounts.models import Account
from feira.shop.listings.models import Category
from feira.shop.photos.selectors import Visitor
from feira.shop.search.history import past_searches_of
from feira.shop.search.query import SearchQuery
from feira.shop.search.saved import query_of
from feira.shop.search.typos import Vocabulary, vocabulary
from feira.shop.search.words import MOST_CHARACTERS, folded, split_words

MOST_WORDS, MOST_CATEGORIES, MOST_PAST = 5, 3, 2
FEWEST_LETTERS = 2
MOST_LOOKED_AT = 400


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A query to choose; `kind` is `past`, `words` or `category`, `text` what stands on the page."""

    kind: str
    text: str
    query: SearchQuery


class Completions:
    """The words of a vocabulary in order of the alphabet, so that those with one beginning lie together."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        self._counts = counts

    @cached_property
    def _words(self) -> list[str]:
        return sorted(self._counts)

    def of(self, beginning: str, *, most: int = MOST_WORDS) -> list[str]:
        """Return words that begin so, the most frequent first.

        >>> Completions({"dress": 9, "dresser": 2, "drill": 4, "hat": 1}).of("dre")
        ['dress', 'dresser']
        """
        start = bisect_left(self._words, beginning)
        near = self._words[start : start + MOST_LOOKED_AT]
        fitting = takewhile(lambda word: word.startswith(beginning), near)
        return sorted(fitting, key=lambda word: (-self._counts[word], word))[:most]


class _Kept:
    """Completions of the vocabulary that is in use just now."""

    def __init__(self) -> None:
        self._for: Vocabulary | None = None
        self._made = Completions({})
        self._lock = threading.Lock()

    def get(self) -> Completions:
        now = vocabulary.get()
        with self._lock:
            if now is not self._for:
                self._for, self._made = now, Completions(now.counts)
            return self._made


_kept = _Kept()


def suggestions_for(text: str, visitor: Visitor) -> list[Suggestion]:
    """Return what may be meant by the beginning of a query, the likeliest first; at most two queries.

    Only what is public is suggested, and to an account its own history.
    """
    typed = " ".join(text.split())[:MOST_CHARACTERS]
    if len(folded(typed)) < FEWEST_LETTERS:
        return []
    found = [*_past(typed, visitor), *_words(typed), *_categories(typed)]
    by_address = {one.query.to_url(): one for one in reversed(found)}
    return [one for one in found if by_address[one.query.to_url()] is one]


def _past(typed: str, visitor: Visitor) -> list[Suggestion]:
    if not isinstance(visitor, Account):
        return []
    rows = past_searches_of(visitor).filter(name__istartswith=typed).values_list("name", "parameters")[:MOST_PAST]
    return [Suggestion("past", name, query_of(parameters)) for name, parameters in rows]


def _words(typed: str) -> list[Suggestion]:
    before, _space, last = typed.rpartition(" ")
    begun = split_words(last)
    # "-woo" asks to leave out, "12" is a size: neither is to be completed.
    if len(begun) != 1 or len(begun[0]) < FEWEST_LETTERS or last.startswith("-") or begun[0].isdigit():
        return []
    texts = [f"{before} {word}".strip() for word in _kept.get().of(begun[0])]
    return [Suggestion("words", text, SearchQuery(text=text)) for text in texts if text != typed]


def _categories(typed: str) -> list[Suggestion]:
    near = Category.objects.filter(name__istartswith=typed).order_by("path")
    rows = near.values_list("name", "path")[:MOST_CATEGORIES]
    return [Suggestion("category", name, SearchQuery().filtered(category_path=path)) for name, path in rows]
