"""Kept searches and search history over the API."""

from typing import ClassVar

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from feira.shop.accounts.authentication import account_of
from feira.shop.search import history
from feira.shop.search.models import MOST_NAME, MOST_PARAMETERS, SavedSearch
from feira.shop.search.saved import change_search, query_of, save_search, searches_of
from feira.shop.search.suggest import suggestions_for
from feira.shop.search.words import MOST_CHARACTERS


class SavedSearchSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A kept search."""

    id = serializers.IntegerField(read_only=True)
    name = serializers.CharField(
        required=False, max_length=MOST_NAME, help_text="What to call it; made up when left out."
    )
    parameters = serializers.CharField(
        max_length=MOST_PARAMETERS,
        help_text="The query as in the address of the search page, as in `q=red+dress&max_price=20`.",
    )
    alerts = serializers.ChoiceField(
        choices=SavedSearch.Alerts.choices,
        required=False,
        default=SavedSearch.Alerts.SOON,
        help_text="When new finds are mailed.",
    )
    new = serializers.IntegerField(read_only=True, help_text="Finds since it was last opened on the page.")
    created_at = serializers.DateTimeField(read_only=True)


class SavedSearchChangeSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """What may be changed about a kept search."""

    name = serializers.CharField(required=False, max_length=MOST_NAME)
    alerts = serializers.ChoiceField(choices=SavedSearch.Alerts.choices, required=False)


class SavedSearchListSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Every search an account keeps."""

    results = SavedSearchSerializer(many=True)


class PastSearchSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A query that was asked before."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    parameters = serializers.CharField()
    total = serializers.IntegerField(help_text="Listings found the last time.")
    at = serializers.DateTimeField()


class PastSearchListSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """What an account looked for, the latest first."""

    results = PastSearchSerializer(many=True)


class SuggestAskedSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """What was typed so far."""

    q = serializers.CharField(max_length=MOST_CHARACTERS)


class SuggestionSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A query to choose."""

    kind = serializers.ChoiceField(choices=("past", "words", "category"))
    text = serializers.CharField()
    parameters = serializers.CharField(help_text="The query, as the search page and `GET /api/v1/search/` take it.")


class SuggestionListSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """What may be meant, the likeliest first."""

    results = SuggestionSerializer(many=True)


class SuggestionsView(APIView):
    """Completions of what somebody is typing."""

    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="suggestions",
        summary="Complete the beginning of a query",
        description="Words of the catalogue, categories and, for an account, its own past searches.",
        tags=["search"],
        parameters=[SuggestAskedSerializer],
        responses=SuggestionListSerializer,
    )
    def get(self, request: Request) -> Response:
        """Answer with ten at most."""
        asked = SuggestAskedSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        found = suggestions_for(asked.validated_data["q"], request.user)
        return Response(
            {"results": [{"kind": one.kind, "text": one.text, "parameters": one.query.to_url()} for one in found]}
        )


class SavedSearchesView(APIView):
    """The searches an account keeps."""

    further_problems: ClassVar = ("409", "422")

    @extend_schema(
        operation_id="saved_searches",
        summary="List the searches you keep",
        tags=["me"],
        responses=SavedSearchListSerializer,
    )
    def get(self, request: Request) -> Response:
        """Answer with all of them; there are fifty at most."""
        rows = searches_of(account_of(request))
        return Response({"results": SavedSearchSerializer(rows, many=True).data})

    @extend_schema(
        operation_id="save_search",
        summary="Keep a search",
        description="A query that is kept already is answered as it is.",
        tags=["me"],
        request=SavedSearchSerializer,
        responses={201: SavedSearchSerializer},
    )
    def post(self, request: Request) -> Response:
        """Keep the query."""
        asked = SavedSearchSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        saved = save_search(
            account=account_of(request),
            query=query_of(given["parameters"]),
            name=given.get("name", ""),
            alerts=given["alerts"],
        )
        return Response(_shown(request, saved.pk), status=201)


class SavedSearchView(APIView):
    """One kept search."""

    further_problems: ClassVar = ("404",)

    @extend_schema(
        operation_id="change_saved_search",
        summary="Rename a kept search, or change its alerts",
        tags=["me"],
        request=SavedSearchChangeSerializer,
        responses=SavedSearchSerializer,
    )
    def patch(self, request: Request, search_id: int) -> Response:
        """Change what is given."""
        search = _own(request, search_id)
        asked = SavedSearchChangeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        change_search(search=search, **asked.validated_data)
        return Response(_shown(request, search_id))

    @extend_schema(
        operation_id="forget_saved_search", summary="Give a kept search up", tags=["me"], responses={204: None}
    )
    def delete(self, request: Request, search_id: int) -> Response:
        """Keep it no longer."""
        _own(request, search_id).delete()
        return Response(status=204)


class SearchHistoryView(APIView):
    """What an account looked for."""

    @extend_schema(
        operation_id="search_history",
        summary="List what you looked for",
        tags=["me"],
        responses=PastSearchListSerializer,
    )
    def get(self, request: Request) -> Response:
        """Answer with all of it; a hundred are kept."""
        rows = history.past_searches_of(account_of(request))
        return Response({"results": PastSearchSerializer(rows, many=True).data})

    @extend_schema(
        operation_id="forget_search_history", summary="Forget what you looked for", tags=["me"], responses={204: None}
    )
    def delete(self, request: Request) -> Response:
        """Forget all of it."""
        history.forget(account=account_of(request))
        return Response(status=204)


def _own(request: Request, search_id: int) -> SavedSearch:
    search = SavedSearch.objects.filter(account=account_of(request), pk=search_id).first()
    if search is None:
        raise Http404
    return search


def _shown(request: Request, search_id: int) -> object:
    row = next(row for row in searches_of(account_of(request)) if row.id == search_id)
    return SavedSearchSerializer(row).data
