"""Which photos a visitor may search with."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from feira.core.errors import FeiraError
from feira.shop.listings.selectors import listings_visible_to
from feira.shop.photos.models import Photo
from feira.shop.photos.selectors import Visitor
from feira.shop.search.query import SearchQuery


class PhotoNotFound(FeiraError):
    """The query names a photo or listing that is not there, or not this visitor's to use."""

    code = "photo_not_found"
    http_status = 404


@dataclass(frozen=True, slots=True)
class Searcher:
    """Who searches: an account or a guest, and the photos that were uploaded from this browser."""

    visitor: Visitor
    uploaded: Collection[int] = ()


@dataclass(frozen=True, slots=True)
class QueryPhoto:
    """A photo to compare with.

    Attributes:
        title: of the listing, when the query asked for one.
        price, kind: of the listing that it stands on and its category, None and empty when it stands on none.
        alike: how many listings that look like it told price and kind instead, 0 when they are its own.
    """

    id: int
    renditions: dict[str, Any]
    title: str = ""
    price: Decimal | None = None
    kind: str = ""
    alike: int = 0

    @property
    def is_placed(self) -> bool:
        """Whether it stands on a listing, whose price and category are known."""
        return self.price is not None and not self.alike


def query_photo(query: SearchQuery, searcher: Searcher) -> QueryPhoto | None:
    """Return the photo that the query names, None when it names none; one query.

    A public photo may be used by everybody, an upload by who uploaded it.

    Raises:
        PhotoNotFound: it is not there, or somebody else's.
    """
    if query.photo_id is not None:
        return _photo(query.photo_id, searcher)
    if query.listing_id is not None:
        return _cover(query.listing_id, searcher)
    return None


def _photo(photo_id: int, searcher: Searcher) -> QueryPhoto:
    columns = ("renditions", "is_public", "owner_id", "placed__listing__price", "placed__listing__category__name")
    row = Photo.objects.filter(pk=photo_id).values(*columns).first()
    is_own = row is not None and (
        row["owner_id"] == searcher.visitor.pk if row["owner_id"] else photo_id in searcher.uploaded
    )
    if row is None or not (row["is_public"] or is_own):
        raise PhotoNotFound(_("This photo is not yours, or it is gone. Choose a photo again."), photo=photo_id)
    kind = row["placed__listing__category__name"] or ""
    return QueryPhoto(photo_id, row["renditions"], price=row["placed__listing__price"], kind=kind)


def _cover(listing_id: int, searcher: Searcher) -> QueryPhoto:
    listings = listings_visible_to(searcher.visitor).filter(pk=listing_id, cover__isnull=False)
    row = listings.values("title", "price", "category__name", "cover_id", "cover__renditions").first()
    if row is None:
        raise PhotoNotFound(_("There is no such listing with a photo, or you may not see it."), listing=listing_id)
    return QueryPhoto(row["cover_id"], row["cover__renditions"], row["title"], row["price"], row["category__name"])


@dataclass(frozen=True, slots=True)
class Example:
    """A listing whose looks are nearer to what is meant, or farther from it."""

    id: int
    title: str
    photo_id: int


def examples_visible_to(searcher: Searcher, listing_ids: Sequence[int]) -> dict[int, Example]:
    """Return those of the listings that have a photo and that this visitor may see; one query, none for no listings."""
    if not listing_ids:
        return {}
    found = listings_visible_to(searcher.visitor).filter(pk__in=list(listing_ids), cover__isnull=False)
    return {row[0]: Example(*row) for row in found.values_list("pk", "title", "cover_id")}
