"""What the API takes about listings; every value is checked here before a service sees it."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from rest_framework import serializers

from feira.shop.listings.models import Listing, ListingAttribute
from feira.shop.listings.selectors import PAGE_SIZE, SORTS, ListingFilter
from feira.shop.listings.tags import COLOURS, MOST_GROUP, MOST_NAME, MOST_TAGS, TagName, tag_name
from feira.shop.photos.selectors import ROW_ID_MAX

ATTRIBUTE_PREFIX = "attr_"
MOST_ATTRIBUTES = 50
PRICE: dict[str, Any] = {"max_digits": 12, "decimal_places": 2, "min_value": Decimal(0)}


class ListingFilterSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Filters of a list in a query string; further ones are named `attr_` plus the code of a choice attribute."""

    category = serializers.CharField(
        required=False, default="", max_length=400, help_text="Path of a category; what lies below it passes too."
    )
    seller = serializers.CharField(required=False, default="", max_length=90, help_text="Slug of a seller.")
    condition = serializers.MultipleChoiceField(
        choices=Listing.Condition.choices, required=False, help_text="May be repeated: any of them passes."
    )
    colour = serializers.MultipleChoiceField(
        choices=[(name, name) for name in COLOURS],
        required=False,
        help_text="A colour seen in its photos, or stated by its seller. May be repeated: any of them passes.",
    )
    min_price = serializers.DecimalField(required=False, **PRICE)
    max_price = serializers.DecimalField(required=False, **PRICE)

    def as_filter(self) -> ListingFilter:
        """Return the checked values, and the attributes asked for, as selectors want them."""
        given = self.validated_data
        return ListingFilter(
            category_path=given["category"].strip("/"),
            seller_slug=given["seller"],
            conditions=tuple(sorted(given.get("condition", ()))),
            min_price=given.get("min_price"),
            max_price=given.get("max_price"),
            attributes=self._attributes(),
            colours=tuple(name for name in COLOURS if name in given.get("colour", ())),
        )

    def _attributes(self) -> dict[str, tuple[str, ...]]:
        asked = {
            name.removeprefix(ATTRIBUTE_PREFIX): tuple(self.initial_data.getlist(name))
            for name in self.initial_data
            if name.startswith(ATTRIBUTE_PREFIX)
        }
        if len(asked) > MOST_ATTRIBUTES or any("\x00" in text for code in asked for text in (code, *asked[code])):
            raise serializers.ValidationError({"attr_": [f"At most {MOST_ATTRIBUTES} attributes, in plain text."]})
        return asked


class PageSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Which page of a list."""

    after = serializers.CharField(
        required=False, default="", max_length=400, help_text="The `next_cursor` of the page before."
    )
    limit = serializers.IntegerField(required=False, default=PAGE_SIZE, min_value=1, max_value=100)


class ListingListSerializer(ListingFilterSerializer, PageSerializer):
    """Filters, order and page of the list of everything for sale."""

    sort = serializers.ChoiceField(choices=sorted(SORTS), required=False, default="newest")
    facets = serializers.BooleanField(required=False, default=False, help_text="Count what each further choice leaves.")


class OwnListSerializer(PageSerializer):
    """Which of one's own listings."""

    state = serializers.ChoiceField(choices=Listing.State.choices, required=False)


class TagNameSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Which tag."""

    name = serializers.CharField(max_length=MOST_NAME, help_text="Kept in lower case.")
    group = serializers.CharField(
        max_length=MOST_GROUP,
        required=False,
        default="",
        help_text="As the listing answers it; left out, a colour's name is a `colour` and another word a `keyword`.",
    )


class ListingChangesSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """What is to change about a listing; what is left out stays."""

    title = serializers.CharField(max_length=120, required=False)
    description = serializers.CharField(max_length=5000, allow_blank=True, required=False)
    category = serializers.CharField(
        max_length=400, required=False, help_text="Path of a category, as in `clothing/shoes`."
    )
    price = serializers.DecimalField(
        required=False, **PRICE, help_text="A decimal number as text, so that it is never rounded: `12.50`."
    )
    currency = serializers.RegexField("^[A-Za-z]{3}$", required=False, help_text="Three letters (ISO 4217).")
    condition = serializers.ChoiceField(choices=Listing.Condition.choices, required=False)
    stock = serializers.IntegerField(min_value=0, max_value=100_000, required=False)
    attributes = serializers.DictField(
        child=serializers.CharField(max_length=200, allow_blank=True, allow_null=True),
        required=False,
        help_text="Attribute code to value; numbers without their unit. An empty value or null takes it off.",
    )
    tags = serializers.ListField(
        child=TagNameSerializer(),
        max_length=MOST_TAGS,
        required=False,
        help_text="All tags that it shall have. Those left out are taken off, and the machine will not put them back.",
    )

    def validate_attributes(self, value: dict[str, str | None]) -> dict[str, str | None]:
        """Refuse more attributes than a listing could sensibly have."""
        if len(value) > MOST_ATTRIBUTES:
            raise serializers.ValidationError(f"At most {MOST_ATTRIBUTES} attributes.")
        return value

    def validate_tags(self, value: list[dict[str, str]]) -> list[TagName]:
        """Return the tags meant, passing over what says nothing."""
        return [tag for given in value if (tag := tag_name(given["name"], group=given["group"]))]


class NewListingSerializer(ListingChangesSerializer):
    """A listing to be."""

    photos = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=ROW_ID_MAX),
        max_length=100,
        required=False,
        default=list,
        help_text="Numbers of own photos, in order; the first is the cover.",
    )
    publish = serializers.BooleanField(
        required=False, default=False, help_text="Show it to everybody at once, instead of keeping a draft."
    )

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Require what a listing cannot do without."""
        fields = super().get_fields()
        for name in ("title", "category", "price"):
            fields[name].required = True
        return fields


class PhotoPlaceSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A photo's place on a listing."""

    id = serializers.IntegerField(min_value=1, max_value=ROW_ID_MAX)
    alt = serializers.CharField(
        max_length=200, allow_blank=True, required=False, help_text="What it shows, in words; left out, it stays."
    )


class PhotoOrderSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """All photos of a listing in order: the first is the cover, those left out are taken off."""

    photos = serializers.ListField(child=PhotoPlaceSerializer(), max_length=100)


def typed_value(value: ListingAttribute) -> str:
    """Return an attribute's value as it would be typed: a number comes without its unit."""
    if value.choice is not None:
        return value.choice.value
    return value.text if value.number is None else f"{value.number.normalize():f}"


def attributes_after(listing: Listing, changes: Mapping[str, str | None]) -> dict[str, str]:
    """Return all attributes of a listing read by `listing_in_full` with the changes applied."""
    merged = {value.attribute.code: typed_value(value) for value in listing.attribute_values.all()}
    merged.update({code: text or "" for code, text in changes.items()})
    return merged
