"""Similar listings and hearts over the API."""

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from feira.shop.accounts.authentication import account_of
from feira.shop.feed import services
from feira.shop.feed.selectors import SHOWN, liked_cards, liked_ids, similar_listings
from feira.shop.listings.answers import CardPageSerializer, CardSerializer, page_body
from feira.shop.listings.models import Listing
from feira.shop.listings.selectors import listings_visible_to


class SimilarAskedSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """How many similar listings are wanted."""

    count = serializers.IntegerField(required=False, default=SHOWN, min_value=1, max_value=24)


class SimilarSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Similar listings, the most similar first."""

    results = CardSerializer(many=True)


class CursorSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Which page of a list."""

    after = serializers.CharField(
        required=False, default="", max_length=400, help_text="The `next_cursor` of the page before."
    )


class SimilarView(APIView):
    """What looks like a listing."""

    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="similar_listings",
        summary="List what looks like a listing",
        description="Read from stored neighbours: it answers even while the engine is away.",
        tags=["listings"],
        parameters=[SimilarAskedSerializer],
        responses=SimilarSerializer,
    )
    def get(self, request: Request, listing_id: int) -> Response:
        """Answer with cards of live listings, for a listing that the visitor may see."""
        asked = SimilarAskedSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        listing = _visible_listing(request, listing_id)
        cards = similar_listings(listing.pk, asked.validated_data["count"])
        if request.user.is_authenticated:
            liked = liked_ids(request.user, [card["id"] for card in cards])
            for card in cards:
                card["liked"] = card["id"] in liked
        return Response({"results": cards})


class LikeView(APIView):
    """An account's heart on a listing."""

    @extend_schema(
        operation_id="like_listing", summary="Like a listing", tags=["me"], request=None, responses={204: None}
    )
    def put(self, request: Request, listing_id: int) -> Response:
        """Set the heart; doing so again changes nothing."""
        services.like(account=account_of(request), listing=_visible_listing(request, listing_id))
        return Response(status=204)

    @extend_schema(
        operation_id="unlike_listing",
        summary="No longer like a listing",
        tags=["me"],
        request=None,
        responses={204: None},
    )
    def delete(self, request: Request, listing_id: int) -> Response:
        """Clear the heart; doing so again changes nothing."""
        services.unlike(account=account_of(request), listing=_visible_listing(request, listing_id))
        return Response(status=204)


class LikedView(APIView):
    """What an account likes."""

    @extend_schema(
        operation_id="liked_listings",
        summary="List what you like",
        tags=["me"],
        parameters=[CursorSerializer],
        responses=CardPageSerializer,
    )
    def get(self, request: Request) -> Response:
        """Answer with one page, the last liked first."""
        asked = CursorSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        return Response(page_body(liked_cards(account_of(request), asked.validated_data["after"] or None)))


def _visible_listing(request: Request, listing_id: int) -> Listing:
    listing = listings_visible_to(request.user).filter(pk=listing_id).first()
    if listing is None:
        raise Http404
    return listing
