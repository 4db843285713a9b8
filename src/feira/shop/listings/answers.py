"""What the API answers about listings. The shapes document hot reads, which are written without serializers."""

from collections.abc import Mapping, Sequence
from typing import Any

from rest_framework import serializers

from feira.shop.accounts.serializers import SellerSerializer
from feira.shop.listings.facets import Facet
from feira.shop.listings.models import Attribute, Listing, ListingTag, listing_url
from feira.shop.listings.selectors import Card, photos_of, tags_shown
from feira.shop.listings.serializers import typed_value
from feira.shop.photos.selectors import Visitor
from feira.shop.photos.serializers import ShownPhotoSerializer
from feira.shop.web.cursors import Page
from feira.shop.web.money import price_text


class CardSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A listing in a grid."""

    id = serializers.IntegerField()
    url = serializers.CharField(help_text="Address of its page on this site.")
    title = serializers.CharField()
    price = serializers.DecimalField(max_digits=12, decimal_places=2)
    currency = serializers.CharField()
    price_text = serializers.CharField(help_text="The price in the reader's language.")
    seller_name = serializers.CharField()
    seller_slug = serializers.CharField()
    category = serializers.CharField(help_text="Path of its category.")
    condition = serializers.ChoiceField(choices=Listing.Condition.choices)
    condition_text = serializers.CharField()
    state = serializers.ChoiceField(choices=Listing.State.choices)
    state_text = serializers.CharField()
    tint = serializers.IntegerField()
    photo = ShownPhotoSerializer(allow_null=True)
    liked = serializers.BooleanField()


class FacetOptionSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """One choice of a facet."""

    value = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment] # a field, as the API calls it; DRF's own `label` is set elsewhere
    count = serializers.IntegerField(help_text="How many listings it leaves.")
    active = serializers.BooleanField(help_text="Whether it is chosen now.")


class FacetSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A question with its choices."""

    param = serializers.CharField(help_text="Its name in the query string.")
    name = serializers.CharField()
    options = FacetOptionSerializer(many=True)
    has_swatches = serializers.BooleanField(help_text="Whether the choices are colours.")


class CardPageSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """One page of listings."""

    results = CardSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True, help_text="Give it as `after`; null on the last page.")


class CardPageWithFacetsSerializer(CardPageSerializer):
    """One page of listings, with facets where they were asked for."""

    facets = FacetSerializer(many=True, required=False)


class AttributeValueSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """The value of one attribute."""

    code = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=Attribute.Kind.choices)
    unit = serializers.CharField(allow_blank=True)
    value = serializers.CharField(help_text="Without the unit.")


class TagSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A word for what a listing shows."""

    name = serializers.CharField()
    group = serializers.CharField(help_text="Kind of tag, such as `colour` or `keyword`.")
    label = serializers.CharField(help_text="The name in the reader's language.")  # type: ignore[assignment] # as above
    confidence = serializers.FloatField(help_text="From 0 to 1; what people say counts as 1.")
    source = serializers.ChoiceField(  # type: ignore[assignment] # a field, as the API calls it
        choices=ListingTag.Source.choices, help_text="Who says so: the machine, the seller, or an import."
    )


class CategoryNameSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A category by path and name."""

    path = serializers.CharField()
    name = serializers.CharField()


class ListingSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """One listing in full."""

    id = serializers.IntegerField()
    url = serializers.CharField(help_text="Address of its page on this site.")
    title = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    price = serializers.DecimalField(max_digits=12, decimal_places=2)
    currency = serializers.CharField()
    price_text = serializers.CharField(help_text="The price in the reader's language.")
    stock = serializers.IntegerField()
    condition = serializers.ChoiceField(choices=Listing.Condition.choices)
    state = serializers.ChoiceField(choices=Listing.State.choices)
    category = CategoryNameSerializer()
    seller = SellerSerializer()
    is_own = serializers.BooleanField(help_text="Whether the account that asks may change it.")
    attributes = AttributeValueSerializer(many=True)
    tags = TagSerializer(many=True)
    photos = ShownPhotoSerializer(many=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    published_at = serializers.DateTimeField(allow_null=True)


class CategoryAttributeSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """An attribute that listings of a category may have."""

    code = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=Attribute.Kind.choices)
    unit = serializers.CharField(allow_blank=True)
    choices = serializers.ListField(child=serializers.CharField(), help_text="Empty unless the kind is `choice`.")


class CategorySerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A category with what lies below it."""

    path = serializers.CharField()
    name = serializers.CharField()
    count = serializers.IntegerField(help_text="Live listings here and below.")
    attributes = CategoryAttributeSerializer(many=True)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Add the children, which are categories again."""
        return {**super().get_fields(), "children": CategorySerializer(many=True)}


class CategoriesSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """The roots of the tree of categories."""

    results = CategorySerializer(many=True)


def page_body(page: Page[Card], *, facets: Sequence[Facet] | None = None) -> dict[str, Any]:
    """Return one page of cards as the API shows it."""
    body: dict[str, Any] = {"results": page.rows, "next_cursor": page.next_cursor}
    return body if facets is None else {**body, "facets": facets}


def listing_body(listing: Listing, visitor: Visitor) -> Mapping[str, Any]:
    """Return a listing read by `listing_in_full` as the API shows it to this visitor."""
    plain = ("id", "title", "description", "price", "currency", "stock", "condition", "state")
    times = ("created_at", "updated_at", "published_at")
    seller, category = listing.seller, listing.category
    return {
        **{name: getattr(listing, name) for name in (*plain, *times)},
        "url": listing_url(listing.pk, listing.title),
        "price_text": price_text(listing.price, listing.currency),
        "category": {"path": category.path, "name": category.name},
        "seller": {"name": seller.name, "slug": seller.slug, "location": seller.location},
        "is_own": visitor.pk is not None and seller.account_id == visitor.pk,
        "attributes": [
            {
                "code": value.attribute.code,
                "name": value.attribute.name,
                "kind": value.attribute.kind,
                "unit": value.attribute.unit,
                "value": typed_value(value),
            }
            for value in listing.attribute_values.all()
        ],
        "tags": tags_shown(listing),
        "photos": photos_of(listing),
    }
