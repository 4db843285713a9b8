"""Sample facts: made up from the key alone, and never over what a record says."""

from feira.shop.listings.records import Record
from feira.shop.listings.samples import with_sample_facts

BARE = Record("train/t-shirt/1.jpg", {"title": "T-shirt", "category": ["T-shirt"], "photos": ["1.jpg"]})


def test_the_same_photo_gets_the_same_facts() -> None:
    assert list(with_sample_facts([BARE])) == list(with_sample_facts([BARE]))


def test_a_bare_photo_gets_what_a_listing_needs() -> None:
    (record,) = with_sample_facts([BARE])
    assert record.fields["title"].endswith("t-shirt")
    assert 4 <= float(record.fields["price"]) <= 18
    assert record.fields["seller"]
    assert record.fields["attributes"]["size"]


def test_what_a_record_says_stays() -> None:
    told = Record("1", {"title": "My coat", "category": ["Coats"], "photos": ["1.jpg"], "price": "99", "seller": "Me"})
    (record,) = with_sample_facts([told])
    assert (record.fields["title"], record.fields["price"], record.fields["seller"]) == ("My coat", "99", "Me")
