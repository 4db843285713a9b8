"""Listings and categories over the API."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import AllowAny, IsAuthenticatedOrReadOnly
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from feira.settings import load_settings
from feira.shop.accounts.authentication import account_of
from feira.shop.accounts.models import Account
from feira.shop.accounts.services import become_seller
from feira.shop.listings.answers import (
    CardPageSerializer,
    CardPageWithFacetsSerializer,
    CategoriesSerializer,
    ListingSerializer,
    listing_body,
    page_body,
)
from feira.shop.listings.category_tree import category_tree
from feira.shop.listings.facets import facets_of
from feira.shop.listings.models import Category, Listing
from feira.shop.listings.selectors import (
    listing_in_full,
    listings_editable_by,
    listings_visible_to,
    live_listings,
    page_of_cards,
)
from feira.shop.listings.serializers import (
    ListingChangesSerializer,
    ListingListSerializer,
    NewListingSerializer,
    OwnListSerializer,
    PhotoOrderSerializer,
    attributes_after,
)
from feira.shop.listings.services import (
    InvalidListing,
    ListingFacts,
    archive_listing,
    change_listing,
    create_listing,
    describe_photo,
    mark_sold,
    publish_listing,
)
from feira.shop.listings.tagging import set_tags
from feira.shop.photos.models import Photo
from feira.shop.photos.selectors import photos_owned_by
from feira.shop.web.idempotency import IDEMPOTENCY_PARAMETER, answer_once, content_of


class CategoriesView(APIView):
    """The tree of categories."""

    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="categories",
        summary="Read the tree of categories",
        description="With the number of live listings and the attributes of each category.",
        tags=["listings"],
        responses=CategoriesSerializer,
    )
    def get(self, _request: Request) -> Response:
        """Answer with the roots and what lies below them."""
        return Response({"results": category_tree()})


class ListingsView(APIView):
    """Everything for sale, and posting more."""

    permission_classes = (IsAuthenticatedOrReadOnly,)

    @extend_schema(
        operation_id="listings",
        summary="List what is for sale",
        description=(
            "Filter by a choice attribute with `attr_` and its code, as in `attr_colour=red&attr_colour=blue`: the "
            "values of one attribute are alternatives, different attributes all count."
        ),
        tags=["listings"],
        parameters=[ListingListSerializer],
        responses=CardPageWithFacetsSerializer,
    )
    def get(self, request: Request) -> Response:
        """Answer with one page of cards, in one query unless facets are asked for."""
        asked = ListingListSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        passing, given = asked.as_filter(), asked.validated_data
        page = page_of_cards(
            live_listings(passing), sort=given["sort"], cursor=given["after"] or None, size=given["limit"]
        )
        return Response(page_body(page, facets=facets_of(live_listings(), passing) if given["facets"] else None))

    @extend_schema(
        operation_id="post_listing",
        summary="Post a listing",
        description="Send the photos first. Without `publish` it stays a draft that only you see.",
        tags=["listings"],
        parameters=[IDEMPOTENCY_PARAMETER],
        request=NewListingSerializer,
        responses={201: ListingSerializer},
    )
    def post(self, request: Request) -> Response:
        """Keep the listing and answer with it in full."""
        given = _checked(NewListingSerializer, request)
        response = answer_once(request, content_of(request), lambda: _post(account_of(request), given))
        response["Location"] = reverse("api:listing", args=[response.data["id"]])
        return response


class ListingView(APIView):
    """One listing."""

    permission_classes = (IsAuthenticatedOrReadOnly,)

    @extend_schema(operation_id="listing", summary="Read a listing", tags=["listings"], responses=ListingSerializer)
    def get(self, request: Request, listing_id: int) -> Response:
        """Answer with everything the listing's page shows; drafts are found by their owner only."""
        found = listing_in_full(listings_visible_to(request.user), listing_id)
        if found is None:
            raise Http404
        return Response(listing_body(found, request.user))

    @extend_schema(
        operation_id="change_listing",
        summary="Change an own listing",
        tags=["listings"],
        request=ListingChangesSerializer,
        responses=ListingSerializer,
    )
    def patch(self, request: Request, listing_id: int) -> Response:
        """Change what is given and leave the rest."""
        changes = _checked(ListingChangesSerializer, request)
        return _change(request, listing_id, lambda listing: _apply(listing, changes))

    @extend_schema(
        operation_id="archive_listing",
        summary="Take an own listing down",
        description="Its owner still sees it and can publish it again.",
        tags=["listings"],
        request=None,
        responses={204: None},
    )
    def delete(self, request: Request, listing_id: int) -> Response:
        """Archive the listing; doing so again changes nothing."""
        _change(request, listing_id, lambda listing: archive_listing(listing=listing))
        return Response(status=204)


class ListingPhotosView(APIView):
    """The photos of one listing."""

    @extend_schema(
        operation_id="order_photos",
        summary="Order and describe the photos of an own listing",
        description="Give all of them: those left out are taken off, further own photos are added.",
        tags=["listings"],
        request=PhotoOrderSerializer,
        responses=ListingSerializer,
    )
    def patch(self, request: Request, listing_id: int) -> Response:
        """Place the photos in this order and answer with the listing."""
        places = _checked(PhotoOrderSerializer, request)["photos"]
        return _change(request, listing_id, lambda listing: _place(listing, places, account_of(request)))


class PublishView(APIView):
    """Publishing."""

    @extend_schema(
        operation_id="publish_listing",
        summary="Publish an own listing",
        tags=["listings"],
        request=None,
        responses=ListingSerializer,
    )
    def post(self, request: Request, listing_id: int) -> Response:
        """Show a draft or archived listing to everybody."""
        return _change(request, listing_id, lambda listing: publish_listing(listing=listing))


class SoldView(APIView):
    """Selling elsewhere."""

    @extend_schema(
        operation_id="mark_sold",
        summary="Mark an own live listing as sold",
        tags=["listings"],
        request=None,
        responses=ListingSerializer,
    )
    def post(self, request: Request, listing_id: int) -> Response:
        """Take the listing out of search; its page stays, saying that it is gone."""
        return _change(request, listing_id, lambda listing: mark_sold(listing=listing))


class MyListingsView(APIView):
    """One's own listings."""

    @extend_schema(
        operation_id="my_listings",
        summary="List one's own listings in every state",
        tags=["me"],
        parameters=[OwnListSerializer],
        responses=CardPageSerializer,
    )
    def get(self, request: Request) -> Response:
        """Answer with one page, the last posted first."""
        asked = OwnListSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        own = listings_editable_by(account_of(request))
        if "state" in given:
            own = own.filter(state=given["state"])
        page = page_of_cards(own, sort="posted", cursor=given["after"] or None, size=given["limit"])
        return Response(page_body(page))


def _checked(serializer: type[BaseSerializer[Any]], request: Request) -> dict[str, Any]:
    given = serializer(data=request.data)
    given.is_valid(raise_exception=True)
    checked: dict[str, Any] = given.validated_data
    return checked


@transaction.atomic
def _change(request: Request, listing_id: int, change: Callable[[Listing], object]) -> Response:
    """Apply a change to an own listing, locked against others, and answer with how it is now."""
    listing = listing_in_full(_locked(listings_editable_by(account_of(request))), listing_id)
    if listing is None:
        if listings_visible_to(request.user).filter(pk=listing_id).exists():
            raise PermissionDenied("This listing is not yours to change.")
        raise Http404
    change(listing)
    return Response(_in_full(listing_id, account_of(request)))


def _locked(listings: QuerySet[Listing]) -> QuerySet[Listing]:
    return listings.select_for_update(of=("self",))


def _in_full(listing_id: int, account: Account) -> Mapping[str, Any]:
    listing = listing_in_full(listings_editable_by(account), listing_id)
    if listing is None:
        raise Http404
    return listing_body(listing, account)


def _post(account: Account, given: Mapping[str, Any]) -> Mapping[str, Any]:
    optional = {name: given[name] for name in ("description", "condition", "stock") if name in given}
    facts = ListingFacts(
        title=given["title"],
        category=_category(given["category"]),
        price=given["price"],
        currency=given.get("currency", load_settings().currency),
        attributes={code: text or "" for code, text in given.get("attributes", {}).items()},
        **optional,
    )
    photos = _photos(given["photos"], account)
    listing = create_listing(seller=become_seller(account=account), facts=facts, photos_in_order=photos)
    if given.get("tags"):
        set_tags(listing=listing, wanted=given["tags"])
    if given["publish"]:
        publish_listing(listing=listing)
    return _in_full(listing.pk, account)


def _apply(listing: Listing, changes: Mapping[str, Any]) -> None:
    plain = ("title", "description", "price", "currency", "condition", "stock")
    facts = ListingFacts(
        category=_category(changes["category"]) if "category" in changes else listing.category,
        attributes=attributes_after(listing, changes.get("attributes", {})),
        **{name: changes.get(name, getattr(listing, name)) for name in plain},
    )
    change_listing(listing=listing, facts=facts)
    if "tags" in changes:
        set_tags(listing=listing, wanted=changes["tags"])


def _place(listing: Listing, places: Sequence[Mapping[str, Any]], account: Account) -> None:
    facts = ListingFacts(
        title=listing.title,
        category=listing.category,
        price=listing.price,
        currency=listing.currency,
        description=listing.description,
        condition=listing.condition,
        stock=listing.stock,
        attributes=attributes_after(listing, {}),
    )
    # A listing that was imported for a seller holds photos that nobody sent.
    here = {placed.photo_id: placed.photo for placed in listing.listing_photos.all()}
    photos = _photos([place["id"] for place in places], account, besides=here)
    change_listing(listing=listing, facts=facts, photos_in_order=photos)
    for place, photo in zip(places, photos, strict=True):
        if "alt" in place:
            describe_photo(listing=listing, photo=photo, alt=place["alt"])


def _category(path: str) -> Category:
    category = Category.objects.filter(path=path.strip("/")).first()
    if category is None:
        raise InvalidListing(
            f"There is no category “{path}”. The paths are listed at /api/v1/categories/.", field="category"
        )
    return category


def _photos(photo_ids: Sequence[int], account: Account, *, besides: Mapping[int, Photo] | None = None) -> list[Photo]:
    """Return these photos in order; each must be the account's own or among `besides`."""
    if len(set(photo_ids)) < len(photo_ids):
        raise InvalidListing("A photo is named twice.", field="photos")
    allowed = {**{photo.pk: photo for photo in photos_owned_by(account, photo_ids)}, **(besides or {})}
    missing = [photo_id for photo_id in photo_ids if photo_id not in allowed]
    if missing:
        numbers = ", ".join(map(str, missing))
        raise InvalidListing(f"You have no photo {numbers}. Send it first, to /api/v1/photos/.", field="photos")
    return [allowed[photo_id] for photo_id in photo_ids]
