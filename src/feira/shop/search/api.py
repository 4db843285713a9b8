"""Searching over the API, open to anyone."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from feira.core.recommend.ranking import FEATURES
from feira.shop.feedback.people import person_of
from feira.shop.listings.selectors import Card
from feira.shop.photos.uploads import refuse_large_body, upload_content
from feira.shop.search.query import SearchQuery
from feira.shop.search.serializers import PhotoSearchSerializer, SearchAnswerSerializer, SearchAskedSerializer
from feira.shop.search.services import SearchAnswer, note_search, search_listings, take_query_photo
from feira.shop.search.throttles import PhotoThrottle
from feira.shop.search.uploads import remember_upload, searcher_of


class SearchView(APIView):
    """Finding listings."""

    permission_classes = (AllowAny,)
    further_problems = ("404",)  # a photo or listing to compare with that is not there

    @extend_schema(
        operation_id="search",
        summary="Find listings by words, by a photo, or both",
        description=(
            "Filter by a choice attribute with `attr_` and its code, as in `attr_size=M`. Without words, photo and "
            "examples everything for sale is listed, newest first. When nothing answers the whole query, rare words or "
            "a filter are passed over, which `relaxed` tells; `strict=1` forbids it."
        ),
        tags=["search"],
        parameters=[SearchAskedSerializer],
        responses=SearchAnswerSerializer,
    )
    def get(self, request: Request) -> Response:
        """Answer with one page."""
        asked = SearchAskedSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        return answer_response(request, asked.as_query(), asked.validated_data)


class PhotoSearchView(APIView):
    """Finding listings by a photo that is sent along."""

    permission_classes = (AllowAny,)
    parser_classes = (MultiPartParser,)
    throttle_classes = (PhotoThrottle,)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse a body that is too large before anything reads it."""
        refuse_large_body(request)
        super().initial(request, *args, **kwargs)

    @extend_schema(
        operation_id="search_by_photo",
        summary="Find listings by sending a photo",
        description=(
            "The answer names the photo, for further pages by `GET /api/v1/search/?photo=…` with the same account or "
            "session. The photo is shown to nobody else."
        ),
        tags=["search"],
        request={"multipart/form-data": PhotoSearchSerializer},
        responses=SearchAnswerSerializer,
    )
    def post(self, request: Request) -> Response:
        """Take the photo and answer with the first page."""
        asked = PhotoSearchSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        photo = take_query_photo(content=upload_content(asked.validated_data["photo"]), visitor=request.user)
        remember_upload(request, photo.pk)
        return answer_response(request, asked.as_query().changed(photo_id=photo.pk), asked.validated_data)


def answer_response(request: Request, query: SearchQuery, given: dict[str, Any]) -> Response:
    """Answer a query that was read and checked, and write down what was shown."""
    answer = search_listings(query, searcher_of(request), size=given["limit"], with_facets=given["facets"])
    note_search(answer, person_of(request))
    return Response(answer_body(answer, with_facets=given["facets"]))


def answer_body(answer: SearchAnswer, *, with_facets: bool) -> dict[str, Any]:
    """Return an answer as the API shows it."""
    relaxed = {"words": answer.relaxed.words, "filters": answer.relaxed.filters}
    body = {
        "results": [_result(answer, card) for card in answer.cards] if answer.query.explain else answer.cards,
        "next_cursor": answer.next_cursor,
        "total": answer.total,
        "took_ms": round(answer.took_ms, 1),
        "did_you_mean": answer.did_you_mean,
        "photo": answer.photo.id if answer.photo else None,
        "photo_unanswered": answer.is_photo_unanswered,
        "looks_unanswered": answer.is_unanswered,
        "relaxed": relaxed if answer.relaxed else None,
        "cheaper_than": _cheaper_than(answer),
    }
    return {**body, "facets": answer.facets} if with_facets else body


def _cheaper_than(answer: SearchAnswer) -> dict[str, Any] | None:
    photo = answer.photo
    if photo is None or not photo.alike or photo.price is None or not answer.query.is_cheaper:
        return None
    return {"price": f"{photo.price:.2f}", "listings": photo.alike, "kind": photo.kind}


def _result(answer: SearchAnswer, card: Card) -> dict[str, Any]:
    """Return a card with its explanation; every part is a float64 that holds it exactly, and so is their sum."""
    parts = answer.parts.get(card["id"])
    if parts is None:
        return {**card}
    return {**card, "score": float(parts.sum()), "parts": dict(zip(FEATURES, parts.tolist(), strict=True))}
