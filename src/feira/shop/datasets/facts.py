"""What a data set says about a photo and its listing: read in batches, plain values, nobody's name."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import Any

from babel.numbers import get_currency_precision

from feira.core.augment.rule import ImageRule
from feira.shop.datasets.asked import Asked
from feira.shop.datasets.pseudonyms import pseudonym_secret, seller_pseudonym, without_contacts
from feira.shop.datasets.selection import Chosen, listing_name
from feira.shop.datasets.splitting import splitter
from feira.shop.listings.models import Listing, ListingAttribute, ListingPhoto, ListingTag
from feira.shop.listings.tags import COLOUR

PHOTOS_AT_ONCE = 500
_COLUMNS = (
    "photo_id",
    "position",
    "listing_id",
    "listing__title",
    "listing__description",
    "listing__price",
    "listing__currency",
    "listing__condition",
    "listing__state",
    "listing__published_at",
    "listing__seller_id",
    "listing__category__path",
    "photo__digest",
    "photo__width",
    "photo__height",
    "photo__renditions",
)


@dataclass(frozen=True, slots=True)
class Described:
    """A chosen photo with what is said about it.

    Attributes:
        source: digest of the kept bytes that its file is made from.
        facts: fields of a `Record`, all but its files and predictions.
    """

    chosen: Chosen
    source: str
    facts: dict[str, Any]


def describe(chosen: Sequence[Chosen], asked: Asked) -> Iterator[Described]:
    """Yield the photos in order; four queries for each `PHOTOS_AT_ONCE`, and memory for no more than those.

    A photo that was withdrawn since it was chosen, or whose listing lacks the label by now, is passed over.

    Raises:
        InvalidSplit: by time, when the listings were published at too few different moments.
    """
    secret = pseudonym_secret()
    side_of = splitter(asked.split, chosen, secret)
    rule, todo = asked.rule, iter(chosen)
    while some := list(islice(todo, PHOTOS_AT_ONCE)):
        rows = _rows([each.photo_id for each in some])
        listing_ids = {row["listing_id"] for row in rows.values()}
        attributes, tags = attributes_of(listing_ids), tags_of(listing_ids)
        for each in some:
            row = rows.get(each.photo_id)
            if row is None or row["listing_id"] != each.listing_id:
                continue
            said = _facts(each, row, attributes[each.listing_id], tags[each.listing_id], secret)
            said["split"] = side_of(said["listing"])
            said["label"] = _label(said, asked.label)
            if asked.label and said["label"] is None:
                continue
            yield Described(each, source_of(row, rule, is_augmented=asked.augmentation is not None), said)


def source_of(row: Mapping[str, Any], rule: ImageRule, *, is_augmented: bool) -> str:
    """Return the digest of the smallest kept bytes that have enough pixels; of the original if nothing else has.

    Renditions are a hundredth of an original, which counts when they come over a network. What is cut out of a photo
    is enlarged less when there are twice the pixels to cut from.
    """
    whole = row["photo__width"], row["photo__height"]
    left, top, right, bottom = rule.part_of(whole)
    wanted = rule.size_for(whole)
    # How much of the photo's own scale is needed: a rendition has to keep at least that.
    scale = min(max(wanted[0] / (right - left), wanted[1] / (bottom - top)) * (2 if is_augmented else 1), 1)
    for rendition in sorted(row["photo__renditions"].values(), key=lambda each: int(each["width"])):
        if (
            rule.fit != "original"
            and rendition["width"] >= whole[0] * scale
            and rendition["height"] >= whole[1] * scale
        ):
            return str(rendition["digest"])
    return str(row["photo__digest"])


def price_minor(price: Decimal, currency: str) -> int:
    """Return a price in the smallest unit of its currency.

    >>> price_minor(Decimal("12.50"), "EUR"), price_minor(Decimal("1200"), "JPY")
    (1250, 1200)
    """
    return int((price * 10 ** get_currency_precision(currency)).to_integral_value())


def _facts(
    chosen: Chosen, row: Mapping[str, Any], attributes: dict[str, Any], tags: list[dict[str, Any]], secret: bytes
) -> dict[str, Any]:
    published = row["listing__published_at"]
    return {
        "key": chosen.key,
        "listing": listing_name(chosen.listing_id),
        "photo_sha256": row["photo__digest"],
        "seller": seller_pseudonym(secret, row["listing__seller_id"]),
        "title": without_contacts(row["listing__title"]),
        "description": without_contacts(row["listing__description"]),
        "category": row["listing__category__path"],
        "position": row["position"],
        "label": None,
        "split": None,
        "price_minor": price_minor(row["listing__price"], row["listing__currency"]),
        "currency": row["listing__currency"],
        "condition": row["listing__condition"],
        "state": row["listing__state"],
        "published_at": published.isoformat() if published else None,
        "attributes": attributes,
        "tags": [tag for tag in tags if tag["group"] != COLOUR],
        "colours": [tag["name"] for tag in tags if tag["group"] == COLOUR],
    }


def _label(facts: dict[str, Any], label: str) -> str | None:
    kind, _colon, name = label.partition(":")
    found: str | None = None
    if kind in ("category", "condition"):
        found = facts[kind]
    elif kind == "attribute":
        found = str(facts["attributes"][name]) if name in facts["attributes"] else None
    elif kind == "tag" and name == COLOUR:
        found = facts["colours"][0] if facts["colours"] else None
    elif kind == "tag":
        found = next((tag["name"] for tag in facts["tags"] if tag["group"] == name), None)
    # A word of blanks only is no label.
    return found if found and found.strip() else None


def _rows(photo_ids: list[int]) -> dict[int, dict[str, Any]]:
    """Return what may be shown of the photos, asked for again: a listing may have ended since they were chosen."""
    placed = ListingPhoto.objects.filter(
        photo_id__in=photo_ids, photo__is_public=True, listing__state=Listing.State.LIVE
    )
    return {row["photo_id"]: row for row in placed.order_by().values(*_COLUMNS)}


def attributes_of(listing_ids: Collection[int]) -> Mapping[int, dict[str, Any]]:
    """Return the attributes of each listing by their codes, empty for one without any."""
    columns = ("listing_id", "attribute__code", "choice__value", "number", "text")
    found: dict[int, dict[str, Any]] = defaultdict(dict)
    rows = ListingAttribute.objects.filter(listing_id__in=listing_ids).order_by("attribute__code")
    for listing_id, code, choice, number, text in rows.values_list(*columns):
        value = choice if choice is not None else _plain(number) if number is not None else without_contacts(text)
        found[listing_id][code] = value
    return found


def tags_of(listing_ids: Collection[int]) -> Mapping[int, list[dict[str, Any]]]:
    """Return the tags of each listing by group, the surest first; colours are among them."""
    columns = ("listing_id", "group", "name", "confidence", "source")
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    rows = ListingTag.objects.filter(listing_id__in=listing_ids, removed_at__isnull=True)
    for listing_id, group, name, confidence, source in rows.order_by("group", "-confidence", "name").values_list(
        *columns
    ):
        found[listing_id].append(
            {"group": group, "name": without_contacts(name), "confidence": round(confidence, 4), "source": source}
        )
    return found


def _plain(number: Decimal) -> int | float:
    return int(number) if number == number.to_integral_value() else float(number)
