"""Words that a shop takes for the same."""

import pytest
from django.core.exceptions import ValidationError

from feira.shop.listings.selectors import live_listings
from feira.shop.search.models import SynonymGroup
from feira.shop.search.synonyms import expanded, synonyms, table_of
from feira.shop.search.text_index import text_index
from feira.shop.search.words import parse_words
from tests.factories import make_listing


def found_for(text: str) -> set[str]:
    synonyms.forget()
    return set(text_index().having(live_listings(), expanded(parse_words(text))).values_list("title", flat=True))


@pytest.mark.django_db
def test_who_looks_for_one_word_finds_the_others_and_phrases_too() -> None:
    for title in ("White trainers", "Grey sneakers", "Old running shoes", "Running water", "Leather shoes"):
        make_listing(title=title)
    assert found_for("trainers") == {"White trainers"}
    SynonymGroup.objects.create(words="Trainers\nsneakers\n\nRunning shoes")
    assert found_for("trainers") == {"White trainers", "Grey sneakers", "Old running shoes"}
    assert found_for('"running shoes"') == {"White trainers", "Grey sneakers", "Old running shoes"}
    assert found_for("grey trainers") == {"Grey sneakers"}


@pytest.mark.django_db
def test_what_is_unwanted_is_unwanted_by_every_name() -> None:
    for title in ("White trainers", "Grey sneakers", "Leather shoes"):
        make_listing(title=title)
    SynonymGroup.objects.create(words="trainers\nsneakers")
    synonyms.forget()
    words = expanded(parse_words("-sneakers"))
    assert set(text_index().having(live_listings(), words).values_list("title", flat=True)) == {"Leather shoes"}


@pytest.mark.django_db
def test_a_one_way_group_leads_from_its_first_word_only() -> None:
    for title in ("Sofa", "Chaise longue"):
        make_listing(title=title)
    SynonymGroup.objects.create(words="sofa\nchaise longue", is_one_way=True)
    assert found_for("sofa") == {"Sofa", "Chaise longue"}
    assert found_for('"chaise longue"') == {"Chaise longue"}


def test_groups_that_share_a_word_add_up() -> None:
    table = table_of([SynonymGroup(words="sofa\ncouch"), SynonymGroup(words="couch\nsettee")])
    assert table[("couch",)] == (("sofa",), ("settee",))


def test_a_group_of_one_word_is_refused() -> None:
    with pytest.raises(ValidationError) as caught:
        SynonymGroup(words="sofa\nSofa\n!!").clean()
    assert "words" in caught.value.message_dict
