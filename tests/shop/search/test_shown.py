"""The colour that a photo would have to lose."""

import pytest
from django.contrib.auth.models import AnonymousUser

from feira.core.images.cropping import Crop
from feira.shop.search.selectors import QueryPhoto
from feira.shop.search.services import take_query_photo
from feira.shop.search.shown import colour_to_lose
from tests.shop.search.test_looks import BLUE, RED, halves

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("crop", "but", "lost"),
    [
        (Crop(0, 0, 450, 1000), "blue", "red"),
        (Crop(550, 0, 450, 1000), "navy", ""),
        (Crop(550, 0, 450, 1000), "in maroon", "blue"),
        (Crop(0, 0, 450, 1000), "with a hood", ""),
        (None, "green", "red or blue"),
    ],
)
def test_another_colour_is_less_of_the_present_one(crop: Crop | None, but: str, lost: str) -> None:
    photo = take_query_photo(content=halves(RED, BLUE), visitor=AnonymousUser())
    found = colour_to_lose(QueryPhoto(photo.pk, photo.renditions), crop, but=but)
    assert found in lost.split(" or ")
