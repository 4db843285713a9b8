"""A bridge from words to pictures: learned from pairs, it finds pictures that it never saw."""

from typing import TypedDict

import numpy as np
import pytest
from numpy.typing import NDArray

from feira.core.errors import DimensionMismatch
from feira.core.learning.bridge import (
    Bridge,
    choose_bridge,
    fit_bridge,
    pack_prior,
    reciprocal_ranks,
    unpack_prior,
)
from feira.core.learning.packing import PackCorrupt, pack, unpack
from feira.core.learning.ridge import PairSums
from feira.core.types import Matrix


class Names(TypedDict):
    """Which encoders a bridge joins."""

    encoder_id: str
    text_id: str


NAMES: Names = {"encoder_id": "eye@1", "text_id": "words@1"}
RNG = np.random.default_rng(11)
MEANING_TO_IMAGE, MEANING_TO_TEXT = RNG.normal(size=(5, 24)), RNG.normal(size=(5, 16))


def unit(rows: NDArray[np.floating]) -> Matrix:
    scaled: Matrix = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return scaled


def pairs(count: int, rng: np.random.Generator, noise: float = 0.3) -> tuple[Matrix, Matrix]:
    """Photos and texts that mean the same five things, each in its own space, plus noise and a common part."""
    meaning = rng.normal(size=(count, 5))
    images = meaning @ MEANING_TO_IMAGE + 2.0 + noise * rng.normal(size=(count, 24))
    texts = meaning @ MEANING_TO_TEXT - 1.0 + noise * rng.normal(size=(count, 16))
    return unit(images), unit(texts)


def summed(images: Matrix, texts: Matrix) -> PairSums:
    sums = PairSums.empty(images.shape[1], texts.shape[1])
    sums.add(images, texts)
    return sums


IMAGES, TEXTS = pairs(400, np.random.default_rng(1))
NEW_IMAGES, NEW_TEXTS = pairs(100, np.random.default_rng(2))


def test_texts_find_pictures_that_were_not_learned_from() -> None:
    bridge = fit_bridge(summed(IMAGES, TEXTS), **NAMES, text_ridge=0.1)
    ranks = reciprocal_ranks(bridge.to_image_space(NEW_TEXTS), NEW_IMAGES)
    by_chance = np.mean(1 / np.arange(1, 101))
    assert np.mean(ranks) > 8 * by_chance


def test_queries_are_unit_rows_and_a_text_without_words_stays_nothing() -> None:
    bridge = fit_bridge(summed(IMAGES, TEXTS), **NAMES)
    rows = bridge.to_image_space(np.vstack([TEXTS[:2], np.zeros((1, 16), np.float32)]))
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), [1, 1, 0], atol=1e-6)
    assert bridge.to_image_space(np.empty((0, 16), np.float32)).shape == (0, 24)


def test_a_query_of_another_text_encoder_is_refused() -> None:
    bridge = fit_bridge(summed(IMAGES, TEXTS), **NAMES)
    with pytest.raises(DimensionMismatch):
        bridge.to_image_space(np.ones((1, 15), np.float32))


def test_a_packed_bridge_answers_as_before() -> None:
    bridge = fit_bridge(summed(IMAGES, TEXTS), **NAMES)
    again = Bridge.unpack(bridge.pack())
    assert (again.encoder_id, again.text_id) == ("eye@1", "words@1")
    np.testing.assert_allclose(again.to_image_space(NEW_TEXTS), bridge.to_image_space(NEW_TEXTS), atol=2e-3)
    assert bridge.pack() == bridge.pack()


def test_ties_share_the_mean_of_their_places_so_that_a_bridge_to_nowhere_gains_nothing() -> None:
    nowhere = Bridge(**NAMES, matrix=np.zeros((24, 16), np.float32), centre=np.zeros(16, np.float32))
    assert reciprocal_ranks(nowhere.to_image_space(NEW_TEXTS[:3]), NEW_IMAGES[:3]) == [0.5, 0.5, 0.5]


def test_with_few_pairs_the_prior_carries_and_is_chosen() -> None:
    prior = summed(IMAGES, TEXTS)
    few = summed(*pairs(6, np.random.default_rng(3)))
    alone, _ = choose_bridge(few, **NAMES, texts=NEW_TEXTS, images=NEW_IMAGES)
    helped, facts = choose_bridge(few, **NAMES, texts=NEW_TEXTS, images=NEW_IMAGES, prior=prior)
    assert facts["prior_share"] > 0
    assert np.mean(reciprocal_ranks(helped.to_image_space(NEW_TEXTS), NEW_IMAGES)) > np.mean(
        reciprocal_ranks(alone.to_image_space(NEW_TEXTS), NEW_IMAGES)
    )


def test_a_prior_that_misleads_is_not_chosen() -> None:
    turned = unit(TEXTS @ np.linalg.qr(RNG.normal(size=(16, 16)))[0])
    misleading = PairSums.empty(24, 16).plus(summed(IMAGES, turned), share=100.0)
    _, facts = choose_bridge(summed(IMAGES, TEXTS), **NAMES, texts=NEW_TEXTS, images=NEW_IMAGES, prior=misleading)
    assert facts["prior_share"] == 0


def test_a_packed_prior_gives_the_same_bridge() -> None:
    prior = summed(IMAGES, TEXTS)
    again, encoder_id, text_id = unpack_prior(pack_prior(prior, **NAMES))
    assert (encoder_id, text_id) == ("eye@1", "words@1")
    expected = fit_bridge(prior, **NAMES).to_image_space(NEW_TEXTS)
    found = fit_bridge(again, **NAMES).to_image_space(NEW_TEXTS)
    assert np.sum(expected * found, axis=1).min() > 0.999


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 nothing",
        pack("bridge 2", {}, {}),
        pack("bridge 1", {**NAMES}, {"matrix": np.ones((2, 3))}),
        pack("bridge 1", {**NAMES}, {"matrix": np.ones((2, 3)), "centre": np.ones(2)}),
        pack("bridge 1", {**NAMES}, {"matrix": np.full((2, 3), np.inf), "centre": np.ones(3)}),
    ],
    ids=["empty", "damaged", "another version", "incomplete", "odd shapes", "infinite"],
)
def test_bytes_that_are_no_bridge_are_refused(content: bytes) -> None:
    with pytest.raises(PackCorrupt):
        Bridge.unpack(content)


def test_bytes_that_are_no_prior_are_refused() -> None:
    with pytest.raises(PackCorrupt):
        unpack_prior(fit_bridge(summed(IMAGES, TEXTS), **NAMES).pack())
    with pytest.raises(PackCorrupt):
        unpack_prior(pack("bridge prior 1", {**NAMES, "weight": 1.0}, {"first": np.ones(2)}))


def test_what_is_packed_comes_back() -> None:
    facts, arrays = unpack(pack("thing 1", {"count": 3}, {"rows": np.arange(6).reshape(2, 3)}), "thing 1")
    assert facts == {"count": 3}
    assert arrays["rows"].tolist() == [[0, 1, 2], [3, 4, 5]]
