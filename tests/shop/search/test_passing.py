"""Which photos pass a wide filter is read once for several pages."""

import pytest
from pytest_django import DjangoAssertNumQueries

from feira.shop.listings.models import Listing, ListingPhoto
from feira.shop.search import passing
from feira.shop.search.passing import forget_passing_photos, passing_photos
from tests.factories import make_listing, make_seller

pytestmark = pytest.mark.django_db


def test_the_photos_of_passing_listings_are_read_once_per_filter(
    django_assert_num_queries: DjangoAssertNumQueries, monkeypatch: pytest.MonkeyPatch
) -> None:
    seller = make_seller()
    cheap, dear = make_listing(seller=seller, price="5.00"), make_listing(seller=seller, price="500.00")
    photo_of = dict(ListingPhoto.objects.values_list("listing_id", "photo_id"))
    with django_assert_num_queries(2):
        for _page in range(3):
            assert passing_photos(Listing.objects.filter(price__lt=100)).ids().tolist() == [photo_of[cheap.pk]]
            assert passing_photos(Listing.objects.filter(price__gt=100)).ids().tolist() == [photo_of[dear.pk]]
    ListingPhoto.objects.filter(listing=cheap).delete()
    assert len(passing_photos(Listing.objects.filter(price__lt=100))) == 1  # a little old
    monkeypatch.setattr(passing, "KEEP_S", 0.0)
    assert len(passing_photos(Listing.objects.filter(price__lt=100))) == 0


def test_no_more_than_some_filters_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_passing_photos()
    monkeypatch.setattr(passing, "MOST_KEPT", 2)
    for price in range(5):
        passing_photos(Listing.objects.filter(price=price))
    assert len(passing._kept) == 2
