"""What the API takes and answers about searching."""

from rest_framework import serializers

from feira.shop.listings.answers import CardSerializer, FacetSerializer
from feira.shop.listings.serializers import ListingFilterSerializer, PageSerializer
from feira.shop.photos.selectors import ROW_ID_MAX
from feira.shop.photos.serializers import UploadSerializer
from feira.shop.search.query import ORDERS, RELEVANCE, SearchQuery
from feira.shop.search.words import MOST_CHARACTERS

WORDS_HELP = (
    'Words, "phrases in quotes", and either with a minus before it to leave out. The last word may be unfinished.'
)


class QuerySerializer(ListingFilterSerializer, PageSerializer):
    """Words, filters, order and page."""

    q = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=MOST_CHARACTERS, help_text=WORDS_HELP
    )
    sort = serializers.ChoiceField(choices=ORDERS, required=False, default=RELEVANCE)
    facets = serializers.BooleanField(required=False, default=False, help_text="Count what each further choice leaves.")

    def as_query(self) -> SearchQuery:
        """Return the checked values as a query."""
        given = self.validated_data
        return SearchQuery(
            text=given["q"],
            photo_id=given.get("photo_id"),
            listing_id=given.get("listing"),
            passing=self.as_filter(),
            sort=given["sort"],
            after=given["after"],
        )


class SearchAskedSerializer(QuerySerializer):
    """A whole query in a query string."""

    photo = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=ROW_ID_MAX,
        source="photo_id",
        help_text="Number of an own photo, or of one on a published listing.",
    )
    listing = serializers.IntegerField(
        required=False, min_value=1, max_value=ROW_ID_MAX, help_text="Number of a listing: find what looks like it."
    )


class PhotoSearchSerializer(UploadSerializer, QuerySerializer):
    """A photo to search with, and the rest of the query."""


class SearchAnswerSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """One page of results."""

    results = CardSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True, help_text="Give it as `after`; null on the last page.")
    total = serializers.IntegerField(help_text="Listings found; with a photo, the most similar ones that are ordered.")
    took_ms = serializers.FloatField(help_text="Time it took to answer, in milliseconds.")
    did_you_mean = serializers.CharField(
        allow_null=True, help_text="What was searched for in place of words that nobody used."
    )
    photo = serializers.IntegerField(
        allow_null=True, help_text="Number of the photo that was compared; give it as `photo` for the next page."
    )
    photo_unanswered = serializers.BooleanField(
        help_text="Whether photos could not be compared right now, so that the rest of the query alone decided."
    )
    facets = FacetSerializer(many=True, required=False)
