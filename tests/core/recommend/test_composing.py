"""A photo, words to add, to remove and to keep become one query."""

from typing import Any

import numpy as np
import pytest

from feira.core.recommend.composing import compose
from feira.core.types import Vector

# A space where each axis means one thing, and things are photos of a kind in a colour.
RED, BLUE, DRESS, SHOE = np.eye(4, dtype=np.float32)


def unit(vector: Vector) -> Vector:
    return (vector / np.linalg.norm(vector)).astype(np.float32)


PHOTOS = {
    "red dress": unit(RED + DRESS),
    "blue dress": unit(BLUE + DRESS),
    "red shoe": unit(RED + SHOE),
    "blue shoe": unit(BLUE + SHOE),
}


def best(query: Vector) -> str:
    return max(PHOTOS, key=lambda name: float(PHOTOS[name] @ query))


def test_like_this_but_blue_finds_the_same_kind_in_the_other_colour() -> None:
    query = compose(photo=PHOTOS["red dress"], add=BLUE[None], remove=RED[None])
    assert best(query) == "blue dress"
    assert np.linalg.norm(query) == pytest.approx(1.0, abs=1e-6)
    assert query.dtype == np.float32


def test_without_words_or_with_a_share_of_zero_the_photo_is_the_query() -> None:
    photo = PHOTOS["red shoe"]
    np.testing.assert_allclose(compose(photo=photo), photo, atol=1e-6)
    np.testing.assert_allclose(compose(photo=photo, add=BLUE[None], words_share=0.0), photo, atol=1e-6)


def test_with_a_share_of_one_the_photo_no_longer_counts() -> None:
    first = compose(photo=PHOTOS["red shoe"], add=BLUE[None], words_share=1.0)
    np.testing.assert_allclose(first, BLUE, atol=1e-6)


def test_words_alone_can_exclude_other_words() -> None:
    query = compose(add=DRESS[None], remove=RED[None])
    assert best(query) == "blue dress"


def test_kept_words_hold_the_kind() -> None:
    moved = compose(photo=PHOTOS["red dress"], add=BLUE[None], remove=RED[None])
    held = compose(photo=PHOTOS["red dress"], add=BLUE[None], remove=RED[None], keep=DRESS[None])
    assert held @ DRESS > moved @ DRESS


def test_several_words_count_as_much_as_one() -> None:
    both = compose(photo=PHOTOS["red dress"], add=np.stack([BLUE, BLUE]))
    np.testing.assert_allclose(both, compose(photo=PHOTOS["red dress"], add=BLUE[None]), atol=1e-6)


def test_a_wish_that_takes_back_itself_leaves_the_photo() -> None:
    query = compose(photo=PHOTOS["red dress"], add=BLUE[None], remove=BLUE[None], words_share=1.0)
    np.testing.assert_allclose(query, PHOTOS["red dress"], atol=1e-6)


@pytest.mark.parametrize(
    "wrong",
    [{}, {"add": np.empty((0, 4), np.float32)}, {"add": RED[None], "remove": RED[None]}],
    ids=["nothing", "no rows", "words that cancel out"],
)
def test_nothing_to_search_for_is_said(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"needs a photo or words|cancel out"):
        compose(**wrong)


def test_a_share_beyond_one_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0"):
        compose(photo=RED, add=BLUE[None], words_share=1.5)
