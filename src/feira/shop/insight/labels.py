"""What people said their listings show, ready to teach heads with: one answer per listing and question.

A question is a head: `category`, an attribute by its code (both spellings of colour are one), or a group of tags. Who
offers a listing said its category and attributes; a tag that a seller or an import gave says more exactly what it
shows, and one that a seller took off says what it does not. Corrections go before everything else.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final, Protocol

import numpy as np
from django.db.models import Exists, OuterRef, Q, QuerySet
from numpy.typing import NDArray

from feira.core.images.colour_words import colour_named
from feira.core.learning.head_fit import NOTHING
from feira.shop.datasets.models import DatasetRequest, Snapshot
from feira.shop.listings.models import Attribute, Category, Listing, ListingAttribute, ListingPhoto, ListingTag
from feira.shop.listings.seeing import MOST_PHOTOS
from feira.shop.listings.tagging import STATED
from feira.shop.listings.tags import CATEGORY, COLOUR, COLOUR_CODES, KEYWORD, tag_name
from feira.shop.photos.models import Embedding, Photo

Ids = NDArray[np.int64]
Source = ListingTag.Source

# Names of a split's sides that somebody keeps for judging their own models; what is on them is never taught.
KEPT_BACK: Final = frozenset({"test", "validation", "valid", "val", "dev", "holdout"})
# A category of which nobody states an attribute has nothing to do with it, if it is not just young.
LEAST_SILENT: Final = 8
_CHUNK: Final = 10_000
_ROWS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Said:
    """What is known of one listing: it is one of `names` (any, when there are none), and none of `refused`."""

    names: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()

    def is_answered_by(self, name: str) -> bool:
        """Tell whether an answer is right; silence is, where people only said no."""
        return name in self.names if self.names else name not in self.refused


@dataclass(slots=True)
class Answers:
    """What people said about many listings under one head, a few bytes for each.

    Attributes:
        codes: int32, by place of the listing: number of the one name that was said, −1 where it is not so simple.
        others: by place, where several names, or only a "no", were said.
        words: by number; `NOTHING` may be among them.
    """

    codes: NDArray[np.int32]
    words: list[str] = field(default_factory=list)
    others: dict[int, Said] = field(default_factory=dict)
    _numbers: dict[str, int] = field(default_factory=dict)

    @classmethod
    def about(cls, count: int) -> "Answers":
        """Return answers about so many listings of which nothing is known."""
        return cls(np.full(count, -1, dtype=np.int32))

    def say(self, place: int, names: Collection[str], refused: Collection[str] = ()) -> None:
        """Write down what is known of a listing, in place of what was."""
        left = frozenset(names) - frozenset(refused)
        self.others.pop(place, None)
        self.codes[place] = -1
        if len(left) == 1:
            (name,) = left
            self.codes[place] = self.number(name)
        elif left or refused:
            self.others[place] = Said(left, frozenset(refused))

    def number(self, name: str) -> int:
        """Return the number of a name, a new one when it was not known."""
        if name not in self._numbers:
            self._numbers[name] = len(self.words)
            self.words.append(name)
        return self._numbers[name]

    def at(self, place: int) -> Said:
        """Return what is known of a listing."""
        code = int(self.codes[place])
        return Said(frozenset({self.words[code]})) if code >= 0 else self.others.get(place, Said())


class Labelled(Protocol):
    """Listings with photos and what people said about them."""

    ids: Ids
    teaches: NDArray[np.bool_]

    def questions(self) -> list[str]:
        """Return the heads that something is said about, `category` first."""

    def answers(self, head: str) -> Answers:
        """Return what was said under a head; by place in `ids`."""

    def photos_of(self, listing_ids: Sequence[int]) -> list[tuple[int, int]]:
        """Return listing and photo for each approved photo, at most `MOST_PHOTOS` of a listing."""

    def photo_count(self) -> int:
        """Return how many photos there are."""


class Catalogue:
    """Live listings with an approved cover that an encoder has seen.

    Attributes:
        ids: numbers of the listings, ascending.
        teaches: all true: of a catalogue nothing is kept back but what the hash of a listing keeps.
    """

    def __init__(self, encoder_id: str) -> None:
        self._encoder_id = encoder_id
        rows = np.fromiter(
            listings_seen_by(encoder_id).order_by("pk").values_list("pk", "category_id").iterator(chunk_size=_CHUNK),
            dtype=[("listing", np.int64), ("category", np.int64)],
        )
        self.ids, self._categories = rows["listing"].copy(), rows["category"].copy()
        self.teaches = np.ones(len(rows), dtype=bool)

    def questions(self) -> list[str]:
        """See Labelled."""
        kinds = (Attribute.Kind.CHOICE, Attribute.Kind.TEXT)
        codes = Attribute.objects.filter(kind__in=kinds).order_by("code").values_list("code", flat=True)
        groups = _given_tags().order_by("group").values_list("group", flat=True).distinct()
        return _in_order([*map(head_of_attribute, codes), *groups])

    def answers(self, head: str) -> Answers:
        """See Labelled. Read from the database in a few passes; nothing is kept but the answers."""
        answers = Answers.about(len(self.ids))
        if head == CATEGORY:
            names = {pk: plain(head, name) for pk, name in Category.objects.values_list("pk", "name")}
            for place, category in enumerate(self._categories.tolist()):
                answers.codes[place] = answers.number(names[category])
        else:
            self._read_attribute(head, answers)
        self._read_tags(head, answers)
        return answers

    def photos_of(self, listing_ids: Sequence[int]) -> list[tuple[int, int]]:
        """See Labelled."""
        placed = ListingPhoto.objects.filter(listing_id__in=listing_ids, photo__is_public=True)
        rows = placed.order_by("listing_id", "position", "pk").values_list("listing_id", "photo_id")
        return _first_photos(rows)

    def photo_count(self) -> int:
        """See Labelled."""
        return photos_seen_by(self._encoder_id)

    def _read_attribute(self, head: str, answers: Answers) -> None:
        codes = [code for code in (*COLOUR_CODES, head) if head_of_attribute(code) == head]
        rows = ListingAttribute.objects.filter(attribute__code__in=codes, listing__state=Listing.State.LIVE)
        stating: set[int] = set()
        for listing_id, choice, text in rows.values_list("listing_id", "choice__value", "text").iterator(_CHUNK):
            place = self._place(listing_id)
            if place is not None and (name := plain(head, choice or text)):
                answers.codes[place] = answers.number(name)
                stating.add(int(self._categories[place]))
        if not stating:
            return
        found, counts = np.unique(self._categories, return_counts=True)
        silent = [pk for pk, count in zip(found.tolist(), counts.tolist(), strict=True) if count >= LEAST_SILENT]
        says_nothing = np.isin(self._categories, [pk for pk in silent if pk not in stating])
        answers.codes[says_nothing] = answers.number(NOTHING)

    def _read_tags(self, head: str, answers: Answers) -> None:
        of_head = ListingTag.objects.filter(group=head, listing__state=Listing.State.LIVE)
        rows = of_head.filter(_WAS_GIVEN | Q(removed_at__isnull=False)).order_by("listing_id")
        columns = ("listing_id", "name", "removed_at")
        for listing_id, tags in groupby(rows.values_list(*columns).iterator(_CHUNK), key=lambda row: row[0]):
            place = self._place(listing_id)
            if place is None:
                continue
            given: set[str] = set()
            refused: set[str] = set()
            for _listing, name, removed_at in tags:
                (given if removed_at is None else refused).add(name)
            answers.say(place, given or answers.at(place).names, refused)

    def _place(self, listing_id: int) -> int | None:
        place = int(np.searchsorted(self.ids, listing_id))
        return place if place < len(self.ids) and self.ids[place] == listing_id else None


class Kept:
    """The rows of a snapshot, with what was said when it was made; photos that were withdrawn since are not used.

    Attributes:
        teaches: false for listings on a side of the split that is kept for judging.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        names = dict(Category.objects.values_list("path", "name"))
        rows = snapshot.rows.order_by("position").values_list("listing_id", "photo_id", "split", "facts")
        photos: list[tuple[int, int]] = []
        self._said: dict[str, dict[int, frozenset[str]]] = {}
        kept_back: set[int] = set()
        known: set[int] = set()
        for listing_id, photo_id, split, facts in rows.iterator(_ROWS):
            photos.append((listing_id, photo_id))
            if split in KEPT_BACK:
                kept_back.add(listing_id)
            if listing_id not in known:
                known.add(listing_id)
                for head, given in _said_in(facts, names).items():
                    self._said.setdefault(head, {})[listing_id] = given
        # By listing; the sort is stable, so that the photos of one stay in their order.
        pairs = np.array(photos, dtype=np.int64).reshape(-1, 2)
        self._photos = pairs[np.argsort(pairs[:, 0], kind="stable")]
        self.ids: Ids = np.unique(self._photos[:, 0])
        self.teaches = ~np.isin(self.ids, list(kept_back))

    def questions(self) -> list[str]:
        """See Labelled."""
        return _in_order(self._said)

    def answers(self, head: str) -> Answers:
        """See Labelled."""
        answers = Answers.about(len(self.ids))
        said = self._said.get(head, {})
        for place, listing_id in enumerate(self.ids.tolist()):
            answers.say(place, said.get(listing_id, ()))
        return answers

    def photos_of(self, listing_ids: Sequence[int]) -> list[tuple[int, int]]:
        """See Labelled."""
        chosen = self._photos[np.isin(self._photos[:, 0], np.array(listing_ids, dtype=np.int64))]
        photo_ids = chosen[:, 1].tolist()
        public = set(Photo.objects.filter(pk__in=photo_ids, is_public=True).values_list("pk", flat=True))
        return _first_photos((listing, photo) for listing, photo in chosen.tolist() if photo in public)

    def photo_count(self) -> int:
        """See Labelled."""
        return len(self._photos)


def snapshot_called(text: str) -> Snapshot | None:
    """Return the data set that somebody means: by a tag, its number, its name, or the first letters of its hash."""
    whole = Snapshot.objects.exclude(state=Snapshot.State.RESOLVING)
    if found := whole.filter(tags__name=text).first():
        return found
    asked = DatasetRequest.objects.filter(snapshot__in=whole).select_related("snapshot").order_by("-pk")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
    request = asked.filter(Q(pk=number) | Q(name=text)).first() if text else None
    if request is not None:
        return request.snapshot
    return whole.filter(content_hash__startswith=text.lower()).first() if len(text) >= 8 else None


def listings_seen_by(encoder_id: str) -> QuerySet[Listing]:
    """List live listings whose cover is approved and embedded."""
    seen = Embedding.objects.filter(photo_id=OuterRef("cover_id"), encoder_id=encoder_id)
    return Listing.objects.filter(Exists(seen), state=Listing.State.LIVE, cover__is_public=True)


def photos_seen_by(encoder_id: str) -> int:
    """Count the approved photos of live listings that an encoder has seen."""
    live = Embedding.objects.filter(encoder_id=encoder_id, photo__placed__listing__state=Listing.State.LIVE)
    return live.filter(photo__is_public=True).count()


def corrections() -> int:
    """Count the tags that sellers gave or took off, as far as they teach a head."""
    return ListingTag.objects.filter(_WAS_GIVEN | Q(removed_at__isnull=False)).exclude(group=KEYWORD).count()


def head_of_attribute(code: str) -> str:
    """Return the head that an attribute teaches.

    >>> head_of_attribute("color"), head_of_attribute("brand")
    ('colour', 'brand')
    """
    return COLOUR if code in COLOUR_CODES else code


def plain(head: str, text: str | None) -> str:
    """Return a name as tags of a head say it, empty when it says nothing: lower case, colours by the shop's words."""
    if head == COLOUR:
        return colour_named(text or "") or ""
    found = tag_name(text or "", group=head)
    return found.name if found is not None else ""


# A colour that is a tag because it is stated as an attribute is read as the attribute.
_WAS_GIVEN = Q(source__in=(Source.SELLER, Source.IMPORT), removed_at__isnull=True) & ~Q(made_by=STATED)


def _given_tags() -> QuerySet[ListingTag]:
    return ListingTag.objects.filter(_WAS_GIVEN).exclude(group=KEYWORD)


def _in_order(heads: Iterable[str]) -> list[str]:
    return [CATEGORY, *sorted(set(heads) - {CATEGORY, KEYWORD, ""})]


def _first_photos(rows: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    chosen: list[tuple[int, int]] = []
    for _listing, pairs in groupby(rows, key=lambda row: row[0]):
        chosen += [(int(listing), int(photo)) for listing, photo in list(pairs)[:MOST_PHOTOS]]
    return chosen


def _said_in(facts: Mapping[str, Any], category_names: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """Return what the facts of a row say, by head; tags of people go before attributes."""
    path = str(facts.get("category") or "")
    leaf = category_names.get(path) or path.rpartition("/")[2].replace("-", " ")
    said = {CATEGORY: frozenset({plain(CATEGORY, leaf)})}
    for code, value in facts.get("attributes", {}).items():
        if isinstance(value, str):
            head = head_of_attribute(code)
            said[head] = frozenset({plain(head, value)})
    tags = [tag for tag in facts.get("tags", ()) if tag.get("source") in (Source.SELLER, Source.IMPORT)]
    for head, several in _by_group(tags):
        said[head] = frozenset(several)
    return {head: names - {""} for head, names in said.items() if names - {""}}


def _by_group(tags: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, list[str]]]:
    of_group: Callable[[Mapping[str, Any]], str] = lambda tag: str(tag["group"])  # noqa: E731 - a key, said once
    for group, several in groupby(sorted(tags, key=of_group), key=of_group):
        if group != KEYWORD:
            yield group, [str(tag["name"]) for tag in several]
