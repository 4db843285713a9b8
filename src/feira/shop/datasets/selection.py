"""Which photos a request is about: those that may be shown to all, of live listings that pass its filters."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils.translation import gettext as _

from feira.core.datasets.records import record_key
from feira.core.errors import EngineUnavailable
from feira.shop.datasets.asked import Asked, Filters
from feira.shop.listings.models import Listing, ListingAttribute, ListingPhoto, ListingTag
from feira.shop.listings.selectors import live_listings
from feira.shop.search.candidates import nearest_listings
from feira.shop.search.looks import Examples, looks_of
from feira.shop.search.query import SearchQuery
from feira.shop.search.selectors import Searcher, query_photo
from feira.shop.search.synonyms import expanded
from feira.shop.search.text_index import text_index
from feira.shop.search.words import Words, parse_words

ROWS_AT_ONCE = 5_000
NO_FILTERS = Filters()


@dataclass(frozen=True, slots=True, order=True)
class Chosen:
    """A photo that is in the data set, in the order in which data sets stand."""

    key: str
    photo_id: int
    listing_id: int


def listings_asked_for(asked: Asked) -> QuerySet[Listing]:
    """Return the listings that a request is about; asks the engine only when it says `similar_to`.

    Raises:
        PhotoNotFound: the listing to be similar to is not there, or has no photo.
        EngineUnavailable: nobody can compare pictures right now.
    """
    filters = asked.filters
    found = _labelled(live_listings(filters.as_listing_filter()), asked.label)
    if filters.published_since is not None:
        found = found.filter(published_at__gte=filters.published_since)
    if filters.published_until is not None:
        found = found.filter(published_at__lt=filters.published_until)
    if words := closed_words(filters.words):
        found = text_index().having(found, expanded(words))
    if filters.similar_to is not None:
        found = _most_similar(found, filters.similar_to, most=filters.most_similar)
    return found


def photos_asked_for(asked: Asked) -> QuerySet[ListingPhoto]:
    """Return the places of the photos that a request is about, in no order; raises what `listings_asked_for` does."""
    listings = listings_asked_for(asked)
    placed = ListingPhoto.objects.filter(
        Exists(listings.order_by().filter(pk=OuterRef("listing_id"))), photo__is_public=True
    ).order_by()
    return placed.filter(photo_id=F("listing__cover_id")) if asked.photos == "cover" else placed


def chosen_photos(asked: Asked) -> list[Chosen]:
    """Return the photos in the order of their keys, at most `most_photos`: some 200 bytes of memory for each.

    The keys are digests, so the first of them are drawn by a chance that is the same every time.
    """
    columns = photos_asked_for(asked).values_list("listing_id", "photo_id", "photo__digest")
    chosen = sorted(
        Chosen(record_key(listing=listing_name(listing_id), photo_sha256=digest), photo_id, listing_id)
        for listing_id, photo_id, digest in columns.iterator(chunk_size=ROWS_AT_ONCE)
    )
    alike = _without_repeated_keys(chosen)
    return list(alike) if asked.most_photos is None else list(alike)[: asked.most_photos]


def filters_in_use(filters: Filters) -> list[str]:
    """Return the names of the filters that leave something out."""
    plain = replace(filters, most_similar=NO_FILTERS.most_similar)
    return [each.name for each in fields(Filters) if getattr(plain, each.name) != getattr(NO_FILTERS, each.name)]


def without_filter(asked: Asked, name: str) -> Asked:
    """Return the request without one of its filters."""
    change: dict[str, Any] = {name: getattr(NO_FILTERS, name)}
    return replace(asked, filters=replace(asked.filters, **change))


def listing_name(listing_id: int) -> str:
    """Return what a listing is called in a data set."""
    return f"listing-{listing_id}"


def closed_words(text: str) -> Words:
    """Return what a request asks for in words; a search lets its last word go on, a data set takes it as it stands."""
    words = parse_words(text)
    return replace(words, wanted=tuple(replace(term, is_open=False) for term in words.wanted))


def _labelled(listings: QuerySet[Listing], label: str) -> QuerySet[Listing]:
    """Leave out what cannot be learned from, because it lacks the label."""
    kind, _colon, name = label.partition(":")
    if kind == "attribute":
        return listings.filter(pk__in=ListingAttribute.objects.filter(attribute__code=name).values("listing_id"))
    if kind == "tag":
        used = ListingTag.objects.filter(group=name, removed_at__isnull=True)
        return listings.filter(pk__in=used.values("listing_id"))
    return listings


def _most_similar(listings: QuerySet[Listing], listing_id: int, *, most: int) -> QuerySet[Listing]:
    query = SearchQuery(listing_id=listing_id)
    photo = query_photo(query, Searcher(AnonymousUser()))
    looks = looks_of(query, Words(), photo, Examples())
    if looks is None:
        raise EngineUnavailable(_("Nobody can say right now what this listing looks like. Try again in a moment."))
    nearest = nearest_listings(looks, listings, is_narrow=True)[0][:most]
    return listings.filter(pk__in=[pk for pk, _score in nearest])


def _without_repeated_keys(chosen: list[Chosen]) -> Iterator[Chosen]:
    """Pass over a photo that stands on its listing twice, byte for byte."""
    before = ""
    for each in chosen:
        if each.key != before:
            yield each
        before = each.key
