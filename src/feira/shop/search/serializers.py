"""What the API takes and answers about searching."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from feira.core.images.cropping import Crop
from feira.core.recommend.ranking import FEATURES
from feira.shop.listings.answers import CardSerializer, FacetSerializer
from feira.shop.listings.serializers import ListingFilterSerializer, PageSerializer
from feira.shop.photos.selectors import ROW_ID_MAX
from feira.shop.photos.serializers import UploadSerializer
from feira.shop.search import reading
from feira.shop.search.changes import MOST_CHANGES, read_away, read_changes
from feira.shop.search.query import ORDERS, RELEVANCE, SearchQuery
from feira.shop.search.words import MOST_CHARACTERS

MOST_CROP = 60
WORDS_HELP = (
    'Words, "phrases in quotes", and either with a minus before it to leave out. The last word may be unfinished.'
)


@extend_schema_field(OpenApiTypes.STR)
class CropField(serializers.Field):  # type: ignore[type-arg]
    """A rectangle of the photo, as four fractions in one text."""

    def to_internal_value(self, data: Any) -> Crop | None:
        """Return the rectangle, None for the whole photo."""
        try:
            crop = Crop.from_text(str(data)[:MOST_CROP])
        except ValueError:
            message = "Give left, top, width and height of the part as fractions of the photo, as in 0.1,0.2,0.5,0.5."
            raise serializers.ValidationError(message) from None
        return None if crop.is_whole else crop

    def to_representation(self, value: Crop) -> str:
        """Return the four fractions."""
        return value.text


def _numbers(help_text: str) -> serializers.ListField:
    return serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=ROW_ID_MAX),
        required=False,
        default=list,
        max_length=reading.MOST_EXAMPLES,
        help_text=help_text,
    )


class QuerySerializer(ListingFilterSerializer, PageSerializer):
    """Words, examples, filters, order and page."""

    q = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=MOST_CHARACTERS, help_text=WORDS_HELP
    )
    crop = CropField(
        required=False,
        help_text="The part of the photo that counts: left, top, width and height from 0 to 1, as in 0.1,0.2,0.5,0.5.",
    )
    like = _numbers("Numbers of listings; what looks like them goes up. May be repeated.")
    unlike = _numbers("Numbers of listings; what looks like them goes down, and they are left out. May be repeated.")
    but = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=MOST_CHANGES,
        help_text="What is to be different from the photo, as in `red`, `without pattern`, `cheaper`.",
    )
    without = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=MOST_CHANGES,
        help_text="Words for what the photo shows and the results should not.",
    )
    cheaper = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Cost less than the listing whose looks are asked for, or than what looks like an uploaded photo.",
    )
    balance = serializers.IntegerField(
        required=False,
        default=reading.EVEN_BALANCE,
        min_value=0,
        max_value=reading.MOST_BALANCE,
        help_text="How much a photo counts against the words: 0 for the words alone, 100 for the photo alone.",
    )
    sort = serializers.ChoiceField(choices=ORDERS, required=False, default=RELEVANCE)
    strict = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Correct and pass over nothing, and leave out what only looks like the words.",
    )
    explain = serializers.BooleanField(
        required=False, default=False, help_text="Tell each result's score and the parts that add up to it."
    )
    facets = serializers.BooleanField(required=False, default=False, help_text="Count what each further choice leaves.")

    def as_query(self) -> SearchQuery:
        """Return the checked values as a query."""
        given = self.validated_data
        like = tuple(dict.fromkeys(given["like"]))
        wish = read_changes(given["but"])
        return SearchQuery(
            text=given["q"],
            photo_id=given.get("photo_id"),
            listing_id=given.get("listing"),
            crop=given.get("crop"),
            like=like,
            unlike=tuple(number for number in dict.fromkeys(given["unlike"]) if number not in like),
            but=wish.towards,
            without=" ".join(filter(None, (read_away(given["without"]), wish.away))),
            is_cheaper=given["cheaper"] or wish.is_cheaper,
            balance=given["balance"],
            passing=self.as_filter(),
            sort=given["sort"],
            after=given["after"],
            is_strict=given["strict"],
            explain=given["explain"],
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


class PartsSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """What each feature adds to a score."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Name the features."""
        return {name: serializers.FloatField() for name in FEATURES}


class SearchResultSerializer(CardSerializer):
    """A listing that was found."""

    score = serializers.FloatField(required=False, help_text="With `explain`: the sum of its parts, exactly.")
    parts = PartsSerializer(required=False, help_text="With `explain`: what each feature adds to the score.")


class RelaxationSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """What of the query was passed over."""

    words = serializers.ListField(child=serializers.CharField(), help_text="Words that no result has with the others.")
    filters = serializers.ListField(child=serializers.CharField(), help_text="Parameters that left nothing.")


class PriceReferenceSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """What `cheaper` was measured by, where the photo stands on no listing."""

    price = serializers.DecimalField(max_digits=12, decimal_places=2, help_text="Results cost less.")
    listings = serializers.IntegerField(help_text="So many look like the photo; theirs is the middle price.")
    kind = serializers.CharField(help_text="The category that most of them have; empty when none prevails.")


class SearchAnswerSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """One page of results."""

    results = SearchResultSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True, help_text="Give it as `after`; null on the last page.")
    total = serializers.IntegerField(
        help_text="Listings found; where pictures were compared, the most similar ones that are ordered."
    )
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
    looks_unanswered = serializers.BooleanField(
        help_text="Whether pictures could not be compared right now, neither with a photo nor with what the words mean."
    )
    relaxed = RelaxationSerializer(
        allow_null=True, help_text="What was passed over because nothing answers all of it; null when nothing was."
    )
    cheaper_than = PriceReferenceSerializer(
        allow_null=True, help_text="What `cheaper` was measured by where the photo has no price of its own; else null."
    )
    facets = FacetSerializer(many=True, required=False)
