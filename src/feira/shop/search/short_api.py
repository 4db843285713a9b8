"""Searching by a short address that is easy to type: `GET /api/search/?query=cat+in+a+park`."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from feira.shop.search.api import answer_response
from feira.shop.search.serializers import WORDS_HELP, SearchAnswerSerializer, SearchAskedSerializer
from feira.shop.search.words import MOST_CHARACTERS


class ShortSearchAskedSerializer(SearchAskedSerializer):
    """A whole query in a query string, its words under the name `query`."""

    q = None  # type: ignore[assignment] # how DRF takes a field away
    query = serializers.CharField(
        source="q", required=False, default="", allow_blank=True, max_length=MOST_CHARACTERS, help_text=WORDS_HELP
    )


class ShortSearchView(APIView):
    """Finding listings, as `/api/v1/search/` does."""

    permission_classes = (AllowAny,)
    further_problems: ClassVar = ("404",)  # a photo or listing to compare with that is not there

    @extend_schema(
        operation_id="short_search",
        summary="Find listings by words, under a short address",
        description="As `GET /api/v1/search/`, open to anyone; the words are named `query` here.",
        tags=["search"],
        parameters=[ShortSearchAskedSerializer],
        responses=SearchAnswerSerializer,
    )
    def get(self, request: Request) -> Response:
        """Answer with one page."""
        asked = ShortSearchAskedSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        return answer_response(request, asked.as_query(), asked.validated_data)
