"""Entries of a set of feedback, as they come over the API: each is read by itself."""

from collections.abc import Iterator, Sequence
from typing import Any

from feira.shop.feedback.keys import MOST_TEXT
from feira.shop.feedback.names import MOST_NAME, Name
from feira.shop.feedback.serializers import MOST_NAMES
from feira.shop.feedback.services import Item

MOST_NAMES_IN_ALL = 2_000


def read_entries(given: Sequence[Any]) -> list[Item | str]:
    """Return each entry read, or the sentence that says why it cannot be."""
    entries, left = [_entry(each) for each in given], MOST_NAMES_IN_ALL
    for number, entry in enumerate(entries):
        if not isinstance(entry, str):
            left -= len(entry.positive) + len(entry.negative)
            if left < 0:
                entries[number] = (
                    f"This and the entries before it name more than {MOST_NAMES_IN_ALL} listings; send it later."
                )
    return entries


def reports_of(entries: Sequence[Item | str], kept: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a report per entry in the order in which they came, those that could not be read among them."""
    rest: Iterator[dict[str, Any]] = iter(kept)
    return [_unread(entry) if isinstance(entry, str) else next(rest) for entry in entries]


def _entry(given: Any) -> Item | str:
    if not isinstance(given, dict):
        return "An entry is an object with `query`, `positive` and `negative`."
    query = given.get("query")
    if not isinstance(query, str) or not query.strip():
        return "`query` has to be a text that is not empty."
    if len(query) > MOST_TEXT:
        return f"`query` has {len(query)} characters; at most {MOST_TEXT} are read."
    positive, negative = given.get("positive") or [], given.get("negative") or []
    wrong = _fault("positive", positive) or _fault("negative", negative)
    if not wrong and not positive and not negative:
        wrong = "Neither `positive` nor `negative` names a listing."
    return wrong or Item(query, tuple(positive), tuple(negative))


def _fault(side: str, names: Any) -> str:
    if not isinstance(names, list) or not all(_is_name(name) for name in names):
        return f"`{side}` has to be a list of names or numbers of listings."
    return f"`{side}` has {len(names)} names; at most {MOST_NAMES} are read." if len(names) > MOST_NAMES else ""


def _is_name(given: Any) -> bool:
    if isinstance(given, bool):
        return False
    return isinstance(given, int) or (isinstance(given, str) and 0 < len(given) <= MOST_NAME)


def _unread(problem: str) -> dict[str, Any]:
    nothing: list[Name] = []
    return {
        "query": None,
        "accepted": 0,
        "unknown": nothing,
        "ambiguous": nothing,
        "contradictory": nothing,
        "problem": problem,
    }
