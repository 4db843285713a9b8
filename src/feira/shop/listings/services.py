"""What the marketplace does with listings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from feira.core.errors import FeiraError, Refused
from feira.settings import load_settings
from feira.shop.accounts.models import Seller
from feira.shop.listings.models import (
    Attribute,
    AttributeChoice,
    Category,
    Listing,
    ListingAttribute,
    ListingPhoto,
)
from feira.shop.photos import services as photos
from feira.shop.photos.models import Photo


class InvalidListing(FeiraError):
    """The listing cannot be kept like this; `field` names what to change."""

    code = "invalid_listing"
    http_status = 422

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message, field=field)
        self.field = field


class WrongState(Refused):
    """The listing is not in a state from which this can be done."""

    code = "wrong_state"
    http_status = 409


@dataclass(frozen=True, slots=True)
class ListingFacts:
    """What a seller says about a listing; `attributes` maps attribute codes to values as typed."""

    title: str
    category: Category
    price: Decimal
    currency: str
    description: str = ""
    condition: str = Listing.Condition.GOOD
    stock: int = 1
    attributes: Mapping[str, str] = field(default_factory=dict)


def category_at(names: Sequence[str]) -> Category:
    """Return the category under these names from the root, making what is missing.

    Raises:
        InvalidListing: there is no name.
    """
    parent: Category | None = None
    for depth, name in enumerate(names):
        slug = slugify(name)[:70] or "other"
        path = f"{parent.path}/{slug}" if parent else slug
        parent, _made = Category.objects.get_or_create(
            path=path, defaults={"name": name[:60], "slug": slug, "parent": parent, "depth": depth}
        )
    if parent is None:
        raise InvalidListing(_("Name a category."), field="category")
    return parent


def ensure_attribute(*, code: str, kind: str, category: Category, unit: str = "") -> Attribute:
    """Return the attribute of this code, making it if need be, and let the category have it."""
    name = code.replace("_", " ").replace("-", " ").strip().capitalize()
    attribute, _made = Attribute.objects.get_or_create(
        code=slugify(code)[:40], defaults={"name": name[:60], "kind": kind, "unit": unit}
    )
    attribute.categories.add(category)
    return attribute


def ensure_choice(*, attribute: Attribute, value: str) -> AttributeChoice:
    """Return the choice of this name, making it if need be."""
    known = AttributeChoice.objects.filter(attribute=attribute, value__iexact=value[:60]).first()
    return known or AttributeChoice.objects.create(attribute=attribute, value=value[:60])


@transaction.atomic
def create_listing(*, seller: Seller, facts: ListingFacts, photos_in_order: Sequence[Photo]) -> Listing:
    """Keep a draft with its photos.

    Raises:
        InvalidListing: a fact or the number of photos is not acceptable; nothing is stored.
    """
    _check_facts(facts)
    listing = Listing(seller=seller)
    _apply_facts(listing, facts)
    _place_photos(listing, photos_in_order)
    return listing


@dataclass(frozen=True, slots=True)
class CheckedListing:
    """A listing that can be kept, with the values of its attributes; nothing of it is stored so far."""

    listing: Listing
    values: Sequence[ListingAttribute]


def check_listing(*, seller: Seller, facts: ListingFacts, photo_count: int) -> CheckedListing:
    """Check what `open_listings` is to keep.

    Raises:
        InvalidListing: a fact or the number of photos is not acceptable.
    """
    _check_facts(facts)
    _check_photo_count(photo_count)
    if not photo_count:
        raise _needs_a_photo()
    listing = Listing(seller=seller)
    return CheckedListing(listing, _fill_in(listing, facts))


@transaction.atomic
def open_listings(offers: Sequence[tuple[CheckedListing, Sequence[Photo]]]) -> list[Listing]:
    """Keep many checked listings with photos that stand on no other, and show them to everybody.

    What `create_listing` and `publish_listing` do one by one, in as many queries for a hundred as for one.
    """
    now = timezone.now()
    for checked, photos_in_order in offers:
        listing = checked.listing
        listing.state, listing.published_at = Listing.State.LIVE, now
        listing.cover_id = photos_in_order[0].pk
    listings = Listing.objects.bulk_create([checked.listing for checked, _photos in offers])
    for checked, _photos in offers:
        for value in checked.values:
            value.listing = checked.listing
    ListingAttribute.objects.bulk_create([value for checked, _photos in offers for value in checked.values])
    ListingPhoto.objects.bulk_create(
        [
            ListingPhoto(listing=checked.listing, photo=photo, position=position)
            for checked, photos_in_order in offers
            for position, photo in enumerate(photos_in_order)
        ]
    )
    photos.make_searchable([photo.pk for _checked, photos_in_order in offers for photo in photos_in_order])
    return listings


@transaction.atomic
def change_listing(*, listing: Listing, facts: ListingFacts, photos_in_order: Sequence[Photo] | None = None) -> Listing:
    """Change what a listing says; None leaves its photos as they are.

    Raises:
        InvalidListing: as for a new one; nothing is changed.
    """
    _check_facts(facts)
    _apply_facts(listing, facts)
    if photos_in_order is not None:
        if not photos_in_order and listing.state == Listing.State.LIVE:
            raise InvalidListing(_("A live listing keeps at least one photo."), field="photos")
        _place_photos(listing, photos_in_order)
        if listing.state == Listing.State.LIVE:
            photos.make_searchable([photo.pk for photo in photos_in_order])
    return listing


@transaction.atomic
def describe_photo(*, listing: Listing, photo: Photo, alt: str) -> None:
    """Say in words what a photo of the listing shows."""
    ListingPhoto.objects.filter(listing=listing, photo=photo).update(alt=alt[:200])


@transaction.atomic
def publish_listing(*, listing: Listing) -> Listing:
    """Send a draft through review and, its photos being readable, show it to everybody.

    Raises:
        WrongState: it is neither a draft nor archived.
        InvalidListing: it has no photo.
    """
    listing = Listing.objects.select_for_update().get(pk=listing.pk)
    if listing.state not in (Listing.State.DRAFT, Listing.State.ARCHIVED, Listing.State.IN_REVIEW):
        raise WrongState(
            _("This listing is already in the state “%(state)s”.") % {"state": listing.get_state_display()}
        )
    photo_ids = list(listing.listing_photos.values_list("photo_id", flat=True))
    if not photo_ids:
        raise _needs_a_photo()
    listing.state = Listing.State.IN_REVIEW
    return _approve(listing, photo_ids)


def _approve(listing: Listing, photo_ids: Sequence[int]) -> Listing:
    listing.state = Listing.State.LIVE
    listing.published_at = listing.published_at or timezone.now()
    listing.save(update_fields=["state", "published_at", "updated_at"])
    photos.make_searchable(photo_ids)
    return listing


def mark_sold(*, listing: Listing) -> Listing:
    """Take a sold listing out of search; its page stays, saying that it is gone.

    Raises:
        WrongState: it is not live.
    """
    return _leave(listing, Listing.State.SOLD, only_from=(Listing.State.LIVE, Listing.State.SOLD), hide=False)


def archive_listing(*, listing: Listing) -> Listing:
    """Take a listing down; its owner still sees it and can publish it again."""
    return _leave(listing, Listing.State.ARCHIVED, only_from=tuple(Listing.State), hide=True)


@transaction.atomic
def _leave(listing: Listing, state: str, *, only_from: Sequence[str], hide: bool) -> Listing:
    listing = Listing.objects.select_for_update().get(pk=listing.pk)
    if listing.state not in only_from:
        raise WrongState(_("Only a live listing can be marked as sold. Publish it first."))
    listing.state = state
    listing.save(update_fields=["state", "updated_at"])
    photos.withdraw(list(listing.listing_photos.values_list("photo_id", flat=True)), hide=hide)
    return listing


def _needs_a_photo() -> InvalidListing:
    return InvalidListing(_("Add at least one photo before you publish."), field="photos")


def _check_facts(facts: ListingFacts) -> None:
    if not facts.title.strip():
        raise InvalidListing(_("Give the listing a title."), field="title")
    if len(facts.title) > 120:
        raise InvalidListing(_("A title has at most 120 characters."), field="title")
    if not 0 <= facts.price < Decimal(10000000000):
        raise InvalidListing(_("A price is zero or more, with at most ten digits before the point."), field="price")
    if len(facts.currency) != 3 or not (facts.currency.isascii() and facts.currency.isalpha()):
        raise InvalidListing(_("A currency has three letters, such as EUR."), field="currency")
    if facts.condition not in Listing.Condition.values:
        known = ", ".join(Listing.Condition.values)
        raise InvalidListing(_("The condition is one of: %(known)s.") % {"known": known}, field="condition")


def _apply_facts(listing: Listing, facts: ListingFacts) -> None:
    values = _fill_in(listing, facts)
    # Its colour may be stated otherwise now, and its photos are likely to change along.
    listing.tags_made_by = ""
    listing.save()
    listing.attribute_values.all().delete()
    for value in values:
        value.listing = listing
    ListingAttribute.objects.bulk_create(values)


def _fill_in(listing: Listing, facts: ListingFacts) -> list[ListingAttribute]:
    """Write the facts into the listing's fields and return the values of its attributes; nothing is saved."""
    listing.category = facts.category
    listing.title = facts.title.strip()
    listing.description = facts.description.strip()
    listing.price = facts.price.quantize(Decimal("0.01"))
    listing.currency = facts.currency.upper()
    listing.condition = facts.condition
    listing.stock = facts.stock
    values = _attribute_values(facts.attributes)
    listing.search_text = " ".join([*_category_names(facts.category), *(value.value_text for value in values)])
    return values


def _category_names(category: Category) -> list[str]:
    return [word.replace("-", " ") for word in category.path.split("/")] + [category.name]


def _attribute_values(typed: Mapping[str, str]) -> list[ListingAttribute]:
    known = {attribute.code: attribute for attribute in Attribute.objects.filter(code__in=list(typed))}
    values = []
    for code, text in typed.items():
        if not text.strip():
            continue
        attribute = known.get(code)
        if attribute is None:
            raise InvalidListing(_("There is no attribute “%(code)s”.") % {"code": code}, field="attributes")
        values.append(_attribute_value(attribute, text.strip()))
    return values


def _attribute_value(attribute: Attribute, text: str) -> ListingAttribute:
    if attribute.kind == Attribute.Kind.NUMBER:
        return ListingAttribute(attribute=attribute, number=_attribute_number(attribute, text))
    if attribute.kind == Attribute.Kind.CHOICE:
        choice = AttributeChoice.objects.filter(attribute=attribute, value__iexact=text).first()
        if choice is None:
            known = ", ".join(attribute.choices.values_list("value", flat=True)[:20])
            raise InvalidListing(
                _("%(name)s is one of: %(known)s.") % {"name": attribute.name, "known": known}, field=attribute.code
            )
        return ListingAttribute(attribute=attribute, choice=choice)
    return ListingAttribute(attribute=attribute, text=text[:200])


def _attribute_number(attribute: Attribute, text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise InvalidListing(
            _("%(name)s is a number, “%(text)s” is not.") % {"name": attribute.name, "text": text}, field=attribute.code
        ) from error
    if not number.is_finite() or abs(number) >= Decimal(1000000000000):
        raise InvalidListing(
            _("%(name)s has at most twelve digits before the point.") % {"name": attribute.name}, field=attribute.code
        )
    return number.quantize(Decimal("0.0001"))


def _check_photo_count(count: int) -> None:
    most = load_settings().photos_per_listing
    if count > most:
        raise InvalidListing(
            _("A listing shows at most %(most)s photos. Remove some.") % {"most": most}, field="photos"
        )


def _place_photos(listing: Listing, photos_in_order: Sequence[Photo]) -> None:
    _check_photo_count(len(photos_in_order))
    wanted = [photo.pk for photo in photos_in_order]
    if ListingPhoto.objects.filter(photo_id__in=wanted).exclude(listing=listing).exists():
        raise InvalidListing(_("One of these photos already belongs to another listing."), field="photos")
    kept_alt = dict(listing.listing_photos.values_list("photo_id", "alt"))
    photos.withdraw([photo_id for photo_id in kept_alt if photo_id not in wanted], hide=True)
    listing.listing_photos.all().delete()
    ListingPhoto.objects.bulk_create(
        [
            ListingPhoto(listing=listing, photo_id=photo_id, position=position, alt=kept_alt.get(photo_id, ""))
            for position, photo_id in enumerate(wanted)
        ]
    )
    listing.cover_id = wanted[0] if wanted else None
    listing.save(update_fields=["cover", "updated_at"])
