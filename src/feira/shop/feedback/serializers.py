"""What the API takes and answers about feedback."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from feira.shop.feedback.keys import MOST_TEXT, query_key
from feira.shop.feedback.names import MOST_NAME

MOST_ITEMS = 100
MOST_NAMES = 100

_NAME = {"oneOf": [{"type": "integer", "minimum": 1}, {"type": "string", "minLength": 1, "maxLength": MOST_NAME}]}
_NAMES = {"type": "array", "maxItems": MOST_NAMES, "items": _NAME}


@extend_schema_field(_NAMES)
class NamesField(serializers.Field):  # type: ignore[type-arg]
    """Names or numbers of listings."""


class FeedbackItemSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """What is right and wrong for one query; for the description only, entries are checked one by one."""

    query = serializers.CharField(max_length=MOST_TEXT)
    positive = NamesField(required=False, help_text="Listings that answer the query.")
    negative = NamesField(required=False, help_text="Listings that do not.")


class FeedbackSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A set of feedback."""

    feedback = serializers.ListField(
        child=serializers.JSONField(), max_length=MOST_ITEMS, allow_empty=False, help_text="Up to 100 entries."
    )


class FeedbackAskedSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A set of feedback, as it is described."""

    feedback = serializers.ListField(child=FeedbackItemSerializer(), max_length=MOST_ITEMS, allow_empty=False)


class AmbiguousSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A name that several listings have."""

    name = serializers.CharField()
    ids = serializers.ListField(child=serializers.IntegerField(), help_text="Up to ten of them.")


class FeedbackReportSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """What became of one entry."""

    query = serializers.CharField(allow_null=True, allow_blank=True)
    accepted = serializers.IntegerField(help_text="Listings whose judgement was kept.")
    unknown = serializers.ListField(child=serializers.JSONField(), help_text="Names that lead to no listing.")
    ambiguous = AmbiguousSerializer(many=True)
    contradictory = serializers.ListField(child=serializers.JSONField(), help_text="Called right and wrong at once.")
    problem = serializers.CharField(allow_null=True, help_text="Why nothing of the entry could be kept.")


class FeedbackAnswerSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """What became of all entries, in order."""

    accepted = serializers.IntegerField()
    results = FeedbackReportSerializer(many=True)


class AnalyticsAskedSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Which figures are wanted."""

    query = serializers.CharField(
        required=False, max_length=MOST_TEXT, help_text="One query, as people type it; all queries when left out."
    )
    since = serializers.DateTimeField(required=False, help_text="From this time on, as in 2026-03-01T00:00:00Z.")
    until = serializers.DateTimeField(required=False, help_text="Before this time.")

    def validate_query(self, text: str) -> str:
        """Return the key of the query.

        Raises:
            ValidationError: it has no words.
        """
        key = query_key(text)
        if not key:
            raise serializers.ValidationError("The query has no words.")
        return key

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return what was given when the period is none that ends before it begins.

        Raises:
            ValidationError: it is.
        """
        since, until = given.get("since"), given.get("until")
        if since and until and since >= until:
            raise serializers.ValidationError({"until": ["It has to be after `since`."]})
        return given


class ListingFiguresSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """One listing under one query."""

    listing_id = serializers.IntegerField()
    title = serializers.CharField(allow_blank=True)
    positive = serializers.IntegerField()
    negative = serializers.IntegerField()
    agreement = serializers.FloatField(allow_null=True, help_text="Share of judgements that say what most say.")
    shown = serializers.IntegerField()
    clicked = serializers.IntegerField()
    mean_position = serializers.FloatField(allow_null=True, help_text="From 1.")
    ctr = serializers.FloatField(allow_null=True, help_text="Clicks per showing.")
    examined = serializers.FloatField(help_text="Sum of 1/log2(place + 1) over all showings.")
    weighted_ctr = serializers.FloatField(allow_null=True, help_text="Clicks per `examined`.")


class QueryFiguresSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """One query and its listings."""

    query = serializers.CharField(allow_blank=True, help_text="As somebody typed it.")
    key = serializers.CharField(help_text="Folded words, sorted: all ways to type it are one query.")
    searches = serializers.IntegerField()
    without_results = serializers.IntegerField()
    positive = serializers.IntegerField()
    negative = serializers.IntegerField()
    clicked = serializers.IntegerField()
    agreement = serializers.FloatField(allow_null=True)
    listings = ListingFiguresSerializer(many=True)


class AnalyticsSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Figures of queries."""

    since = serializers.DateTimeField(allow_null=True)
    until = serializers.DateTimeField(allow_null=True)
    note = serializers.CharField(help_text="How position bias is taken into account.")
    queries = QueryFiguresSerializer(many=True)
