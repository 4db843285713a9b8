"""The form of the sell page."""

import pytest

from feira.shop.listings.models import Attribute
from feira.shop.listings.services import ensure_attribute
from feira.shop.storefront.forms import ListingForm
from tests.factories import make_category

pytestmark = pytest.mark.django_db


def test_an_attribute_names_the_categories_it_fits_and_those_below_them() -> None:
    clothing, shoes, cars = make_category("Clothing"), make_category("Clothing", "Shoes"), make_category("Cars")
    ensure_attribute(code="size", kind=Attribute.Kind.TEXT, category=clothing)
    named = ListingForm().fields["attr_size"].widget.attrs["data-categories"].split()
    assert {str(clothing.pk), str(shoes.pk)} == set(named)
    assert str(cars.pk) not in named


def test_an_attribute_of_no_category_fits_everywhere() -> None:
    Attribute.objects.create(code="brand", name="Brand")
    assert ListingForm().fields["attr_brand"].widget.attrs["data-categories"] == ""
