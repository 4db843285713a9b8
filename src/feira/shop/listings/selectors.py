"""Questions about listings: what a visitor may see, as pages of cards and as one listing in full."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, TypedDict

from django.db.models import Count, Exists, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.utils.dateparse import parse_datetime

from feira.shop.accounts.models import Account
from feira.shop.listings.models import Category, Listing, ListingAttribute, ListingPhoto, ListingTag, listing_url
from feira.shop.listings.tags import COLOUR, TAG_COLUMNS, ShownTag, in_order, shown_tag
from feira.shop.photos.models import Photo
from feira.shop.photos.pruning import keeps_photos
from feira.shop.photos.selectors import SHOWN, ShownPhoto, Visitor, shown_photo
from feira.shop.web.cursors import InvalidCursor, Page, decode_cursor, encode_cursor
from feira.shop.web.money import price_text

PAGE_SIZE = 24
VISIBLE_STATES = (Listing.State.LIVE, Listing.State.SOLD)

CARD_COLUMNS = (
    "id",
    "title",
    "price",
    "currency",
    "condition",
    "state",
    "created_at",
    "published_at",
    "seller__name",
    "seller__slug",
    "category__path",
    "cover__id",
    "cover__width",
    "cover__height",
    "cover__tint",
    "cover__renditions",
)


class Card(TypedDict):
    """A listing in a grid."""

    id: int
    url: str
    title: str
    price: Decimal
    currency: str
    price_text: str
    seller_name: str
    seller_slug: str
    category: str
    condition: str
    condition_text: str
    state: str
    state_text: str
    tint: int
    photo: ShownPhoto | None
    liked: bool


@dataclass(frozen=True, slots=True)
class ListingFilter:
    """What a listing must be to pass.

    The values of one attribute are alternatives, as are the colours; different attributes all count.
    """

    category_path: str = ""
    seller_slug: str = ""
    conditions: tuple[str, ...] = ()
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    colours: tuple[str, ...] = ()

    def is_empty(self) -> bool:
        """Tell whether every live listing passes."""
        return self == ListingFilter()


@dataclass(frozen=True, slots=True)
class Sort:
    """An order of a list: a column, its direction, and the id in the same direction to settle ties."""

    column: str
    descending: bool

    def order(self) -> tuple[str, str]:
        """Return Django's order_by arguments."""
        sign = "-" if self.descending else ""
        return f"{sign}{self.column}", f"{sign}id"


SORTS: dict[str, Sort] = {
    "newest": Sort("published_at", descending=True),
    "cheapest": Sort("price", descending=False),
    "dearest": Sort("price", descending=True),
}
# Drafts were never published, so one's own listings go by the day they were posted.
ORDERS = {**SORTS, "posted": Sort("created_at", descending=True)}


def live_listings(passing: ListingFilter | None = None) -> QuerySet[Listing]:
    """List what is for sale now and passes the filter."""
    found = Listing.objects.filter(state=Listing.State.LIVE)
    return found.filter(condition_of(passing)) if passing else found


def condition_of(passing: ListingFilter) -> Q:
    """Return the filter as a database condition."""
    condition = Q()
    if passing.category_path:
        condition &= Q(category__path=passing.category_path) | Q(category__path__startswith=f"{passing.category_path}/")
    if passing.seller_slug:
        condition &= Q(seller__slug=passing.seller_slug)
    if passing.conditions:
        condition &= Q(condition__in=passing.conditions)
    if passing.min_price is not None:
        condition &= Q(price__gte=passing.min_price)
    if passing.max_price is not None:
        condition &= Q(price__lte=passing.max_price)
    for code, values in passing.attributes.items():
        chosen = ListingAttribute.objects.filter(attribute__code=code, choice__value__in=values)
        condition &= Q(pk__in=chosen.values("listing_id"))
    if passing.colours:
        tagged = ListingTag.objects.filter(group=COLOUR, name__in=passing.colours, removed_at__isnull=True)
        condition &= Q(pk__in=tagged.values("listing_id"))
    return condition


def listings_visible_to(visitor: Visitor) -> QuerySet[Listing]:
    """List what this visitor may look at: live and sold ones, one's own in every state, for staff all."""
    if visitor.is_staff:
        return Listing.objects.all()
    public = Q(state__in=VISIBLE_STATES)
    return Listing.objects.filter(public | Q(seller__account=visitor) if visitor.pk else public)


def listings_editable_by(account: Account) -> QuerySet[Listing]:
    """List what this account may change: its own."""
    return Listing.objects.filter(seller__account=account)


def listing_in_full(listings: QuerySet[Listing], listing_id: int) -> Listing | None:
    """Return one listing with everything its page shows, in four queries whatever it holds."""
    placed = ListingPhoto.objects.select_related("photo").order_by("position", "pk")
    values = ListingAttribute.objects.select_related("attribute", "choice").order_by("attribute__name")
    return (
        listings.select_related("seller", "category", "category__parent")
        .prefetch_related(
            Prefetch("listing_photos", placed),
            Prefetch("attribute_values", values),
            Prefetch("tags", ListingTag.objects.filter(removed_at__isnull=True)),
        )
        .filter(pk=listing_id)
        .first()
    )


def photos_of(listing: Listing) -> list[ShownPhoto]:
    """Return the photos of a listing read by `listing_in_full`, in order, as a page shows them."""
    shown = []
    for number, placed in enumerate(listing.listing_photos.all(), start=1):
        photo = placed.photo
        row = {"id": photo.pk, "tint": photo.tint, "renditions": photo.renditions}
        alt = placed.alt or (listing.title if number == 1 else f"{listing.title}, photo {number}")
        shown.append(shown_photo(row, alt=alt))
    return shown


def tags_shown(listing: Listing) -> list[ShownTag]:
    """Return the tags in use of a listing read by `listing_in_full`, colours first."""
    return in_order(shown_tag({name: getattr(tag, name) for name in TAG_COLUMNS}) for tag in listing.tags.all())


def page_of_cards(
    listings: QuerySet[Listing], *, sort: str = "newest", cursor: str | None = None, size: int = PAGE_SIZE
) -> Page[Card]:
    """Return one page of a list by keyset, in one query however deep the page is.

    Raises:
        InvalidCursor: the cursor is damaged or belongs to another order.
    """
    order = ORDERS[sort]
    if cursor:
        listings = listings.filter(_after(order, decode_cursor(cursor, length=3), sort))
    rows = list(listings.order_by(*order.order()).values(*CARD_COLUMNS)[: size + 1])
    page, more = rows[:size], len(rows) > size
    last = page[-1] if page else None
    next_cursor = encode_cursor(sort, _key(last[order.column]), last["id"]) if more and last else None
    return Page([card_from(row) for row in page], next_cursor)


def _key(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _after(order: Sort, last: list[Any], sort: str) -> Q:
    made_for, key, last_id = last
    if made_for != sort or not isinstance(key, str) or not isinstance(last_id, int):
        raise InvalidCursor("The cursor belongs to another order. Start again from the first page.")
    value = _decimal(key) if order.column == "price" else _moment(key)
    if value is None:
        raise InvalidCursor("The cursor is damaged. Start again from the first page.")
    beyond = "lt" if order.descending else "gt"
    return Q(**{f"{order.column}__{beyond}": value}) | Q(**{order.column: value, f"id__{beyond}": last_id})


def _decimal(text: str) -> Decimal | None:
    try:
        value = Decimal(text)
    except ArithmeticError:
        return None
    return value if value.is_finite() and abs(value) < Decimal(10000000000) else None


def _moment(text: str) -> datetime | None:
    try:
        value = parse_datetime(text)
    except ValueError:
        return None
    return value if value is not None and value.tzinfo is not None else None


def cards_in_order(listing_ids: Sequence[int], *, among: QuerySet[Listing] | None = None) -> list[Card]:
    """Return the cards of these listings in this order, leaving out what is not live (or not in `among`)."""
    found = Listing.objects.filter(stands_in(live_listings() if among is None else among, "pk"), pk__in=listing_ids)
    by_id = {row["id"]: card_from(row) for row in found.values(*CARD_COLUMNS)}
    return [by_id[listing_id] for listing_id in listing_ids if listing_id in by_id]


def stands_in(listings: QuerySet[Listing], column: str) -> Exists:
    """Return the condition that a column names one of the listings, told for each row by the listing's number.

    For few rows and many listings: as a join or a sub-select, the database might go through all the listings first.
    """
    return Exists(listings.order_by().filter(pk=OuterRef(column)))


def card_from(row: Mapping[str, Any]) -> Card:
    """Turn a row of `CARD_COLUMNS` into a card."""
    cover = {name.removeprefix("cover__"): row[name] for name in CARD_COLUMNS if name.startswith("cover__")}
    return Card(
        id=row["id"],
        url=listing_url(row["id"], row["title"]),
        title=row["title"],
        price=row["price"],
        currency=row["currency"],
        price_text=price_text(row["price"], row["currency"]),
        seller_name=row["seller__name"],
        seller_slug=row["seller__slug"],
        category=row["category__path"],
        condition=row["condition"],
        condition_text=str(Listing.Condition(row["condition"]).label),
        state=row["state"],
        state_text=str(Listing.State(row["state"]).label),
        tint=cover["tint"] or 0,
        photo=shown_photo(cover, alt=row["title"]) if cover["id"] else None,
        liked=False,
    )


def listing_of_photos(photo_ids: Iterable[int], *, among: QuerySet[Listing] | None = None) -> dict[int, int]:
    """Map photos to the live listings (or those in `among`) they stand on."""
    listings = live_listings() if among is None else among
    placed = ListingPhoto.objects.filter(stands_in(listings, "listing_id"), photo_id__in=list(photo_ids)).order_by()
    return dict(placed.values_list("photo_id", "listing_id"))


def photo_ids_of(listings: QuerySet[Listing], *, most: int) -> list[int] | None:
    """Return the photos standing on these listings, or None when there are more than `most`."""
    found = ListingPhoto.objects.filter(listing__in=listings.order_by()).order_by().values_list("photo_id", flat=True)
    photo_ids = list(found[: most + 1])
    return photo_ids if len(photo_ids) <= most else None


def categories_with_path(prefix: str = "") -> QuerySet[Category]:
    """List the categories below a path, in tree order; all of them for an empty path."""
    found = Category.objects.order_by("path")
    return found.filter(path__startswith=f"{prefix}/") if prefix else found


def card_from_listing(listing: Listing) -> Card:
    """Return the card of a listing read by `listing_in_full`, without another query."""
    photos = photos_of(listing)
    return Card(
        id=listing.pk,
        url=listing_url(listing.pk, listing.title),
        title=listing.title,
        price=listing.price,
        currency=listing.currency,
        price_text=price_text(listing.price, listing.currency),
        seller_name=listing.seller.name,
        seller_slug=listing.seller.slug,
        category=listing.category.path,
        condition=listing.condition,
        condition_text=str(Listing.Condition(listing.condition).label),
        state=listing.state,
        state_text=str(Listing.State(listing.state).label),
        tint=photos[0]["tint"] if photos else 0,
        photo=photos[0] if photos else None,
        liked=False,
    )


@dataclass(frozen=True, slots=True)
class CategoryTile:
    """A category on the home page, with the photo of its newest listing."""

    name: str
    path: str
    count: int
    tint: int
    photo: ShownPhoto | None


def top_categories(most: int = 12) -> list[CategoryTile]:
    """Return the categories with most live listings, in three queries."""
    counts = dict(live_listings().values_list("category").annotate(count=Count("pk")).order_by("-count")[:most])
    newest = live_listings().filter(category=OuterRef("pk"), cover__isnull=False).order_by("-published_at", "-id")
    found = Category.objects.filter(pk__in=counts).annotate(cover_id=Subquery(newest.values("cover_id")[:1]))
    rows = list(found.values("pk", "name", "path", "cover_id"))
    covers = Photo.objects.filter(pk__in=[row["cover_id"] for row in rows]).values(*SHOWN)
    photo_of = {row["id"]: row for row in covers}
    tiles = []
    for row in sorted(rows, key=lambda row: (-counts[row["pk"]], row["path"])):
        cover = photo_of.get(row["cover_id"])
        photo = shown_photo(cover, alt="") if cover else None
        tint = cover["tint"] if cover else 0
        tiles.append(CategoryTile(row["name"], row["path"], counts[row["pk"]], tint, photo))
    return tiles


def own_cards(account: Account, most: int = 500) -> dict[str, list[Card]]:
    """Return an account's own listings by state, newest first."""
    rows = listings_editable_by(account).order_by("-created_at", "-id").values(*CARD_COLUMNS)[:most]
    groups: dict[str, list[Card]] = {}
    for row in rows:
        groups.setdefault(row["state"], []).append(card_from(row))
    return groups


@keeps_photos
def photos_in_use(photo_ids: Collection[int]) -> set[int]:
    """Return those of the photos that stand on a listing, whatever its state."""
    placed = ListingPhoto.objects.filter(photo_id__in=photo_ids).values_list("photo_id", flat=True)
    return {*placed, *Listing.objects.filter(cover_id__in=photo_ids).values_list("cover_id", flat=True)} - {None}
