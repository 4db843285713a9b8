"""Which listing a program means: by number, or by what it is called here or where it came from."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db.models import QuerySet
from django.db.models.functions import Lower

from feira.shop.listings.models import Listing
from feira.shop.listings.selectors import listings_visible_to
from feira.shop.photos.selectors import ROW_ID_MAX, Visitor

MOST_NAME = 300
_AT_ONCE = 200

Name = int | str


@dataclass(frozen=True, slots=True)
class Resolved:
    """What names lead to: `found` by name; `unknown` ones lead nowhere, `ambiguous` ones to several listings."""

    found: dict[Name, int]
    unknown: tuple[Name, ...]
    ambiguous: dict[Name, tuple[int, ...]]


def resolve_names(names: Iterable[Name], visitor: Visitor) -> Resolved:
    """Find the listings that this visitor can see under these names, in a few queries for hundreds of names.

    A number is a listing's number. A text is its title whatever the case, the name of its record where it was imported
    from, or the file name of its picture there, with or without folders and ending; digits alone are tried as a
    number last.
    """
    wanted = list(dict.fromkeys(names))
    visible = listings_visible_to(visitor).order_by()
    texts = {name: _spellings(name) for name in wanted if isinstance(name, str)}
    numbers = {name: number for name in wanted if (number := _number(name)) is not None}
    by_name: dict[str, set[int]] = defaultdict(set)
    spelled = sorted({spelling for spellings in texts.values() for spelling in spellings})
    for start in range(0, len(spelled), _AT_ONCE):
        some = spelled[start : start + _AT_ONCE]
        for called, pk in _called(visible, some):
            by_name[called.lower()].add(pk)
    known = set(visible.filter(pk__in=set(numbers.values())).values_list("pk", flat=True))
    found: dict[Name, int] = {}
    unknown: list[Name] = []
    ambiguous: dict[Name, tuple[int, ...]] = {}
    for name in wanted:
        spellings = texts.get(name, ()) if isinstance(name, str) else ()
        hits = {pk for spelling in spellings for pk in by_name.get(spelling.lower(), ())}
        if not hits and numbers.get(name) in known:
            hits = {numbers[name]}
        if len(hits) > 1:
            ambiguous[name] = tuple(sorted(hits)[:10])
        elif hits:
            found[name] = hits.pop()
        else:
            unknown.append(name)
    return Resolved(found, tuple(unknown), ambiguous)


def _called(visible: QuerySet[Listing], spellings: list[str]) -> Iterator[tuple[str, int]]:
    """Yield each listing with one of these names, once per kind of name: each kind has an index of its own."""
    by_title = visible.annotate(called=Lower("title")).filter(called__in=[each.lower() for each in spellings])
    yield from by_title.values_list("called", "pk")
    # The indexes leave out listings without such a name; only with the same condition do databases use them.
    yield from visible.exclude(reference="").filter(reference__in=spellings).values_list("reference", "pk")
    pictures = visible.exclude(picture_name="").filter(picture_name__in=spellings)
    yield from pictures.values_list("picture_name", "pk")


def _spellings(name: str) -> tuple[str, ...]:
    plain = " ".join(name.replace("\0", "").split())[:MOST_NAME]
    file_name = plain.replace("\\", "/").rpartition("/")[2]
    stem = file_name.rpartition(".")[0] or file_name
    return tuple(dict.fromkeys(spelling for spelling in (plain, file_name, stem) if spelling))


def _number(name: Name) -> int | None:
    if isinstance(name, int):
        return name if 0 < name <= ROW_ID_MAX else None
    return int(name) if name.isascii() and name.isdigit() and len(name) <= 18 else None
