"""A score is the sum of its parts, to the last bit."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from feira.core.recommend.ranking import FEATURES, LEAST, MOST, InvalidWeights, Weights, order, parts, scores

weight = st.floats(LEAST, MOST, width=32)
weights = st.builds(Weights, **dict.fromkeys(FEATURES, weight))
matrices = arrays.arrays(
    np.float32, st.tuples(st.integers(0, 20), st.just(len(FEATURES))), elements=st.floats(-1, 1, width=32)
)


@given(matrices, weights, st.permutations(range(len(FEATURES))))
def test_parts_add_up_to_the_score_exactly_in_any_order_and_through_json(
    features: np.ndarray, chosen: Weights, turned: list[int]
) -> None:
    found = parts(features, chosen)
    assert found.dtype == np.float32
    for row, score in zip(found, scores(found), strict=True):
        told = json.loads(json.dumps([float(value) for value in row]))
        assert sum(told) == float(score) == sum(told[place] for place in turned)


@given(matrices, weights)
def test_a_part_is_the_product_of_feature_and_weight(features: np.ndarray, chosen: Weights) -> None:
    expected = features.astype(np.float64) * chosen.row()
    assert np.abs(parts(features, chosen) - expected).max(initial=0) <= 2.0**-18


@given(weights)
def test_weights_survive_being_packed(chosen: Weights) -> None:
    assert Weights.unpack(chosen.pack()) == chosen
    assert Weights.from_row(chosen.row()) == chosen


@pytest.mark.parametrize("wrong", [{"words": -0.1}, {"rule": 4.1}, {"tags": float("nan")}, {"words": True}])
def test_weights_out_of_bounds_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidWeights) as caught:
        Weights(**wrong)
    assert next(iter(wrong)) in caught.value.message


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"format": "feira-query-ranker-1", "weights": {"words": 1}}',
        Weights().pack().replace(b"ranker-1", b"ranker-2"),
        Weights().pack().replace(b'"rule": 0.1', b'"rule": "0.1"'),
        Weights().pack().replace(b'"rule": 0.1', b'"rule": 5'),
    ],
)
def test_bytes_that_are_no_weights_are_refused(content: bytes) -> None:
    with pytest.raises(InvalidWeights):
        Weights.unpack(content)


@pytest.mark.parametrize("row", [np.ones(6), np.ones((1, 7)), np.full(7, np.nan)])
def test_rows_that_are_no_weights_are_refused(row: np.ndarray) -> None:
    with pytest.raises(InvalidWeights):
        Weights.from_row(row)


def test_the_best_comes_first_and_the_newer_at_a_tie() -> None:
    found = parts(np.array([[0.5, 0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0], [0.5, 0, 0, 0, 0, 0, 0]]), Weights())
    assert order(found, np.array([1, 2, 3])).tolist() == [1, 2, 0]
    assert order(found[:0], np.array([], dtype=np.int64)).tolist() == []
