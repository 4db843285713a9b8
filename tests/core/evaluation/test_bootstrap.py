"""The paired bootstrap: sure where it may be, doubtful where it must be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feira.core.evaluation.bootstrap import paired_bootstrap

metrics = st.floats(0, 1, allow_nan=False)


def test_a_gain_on_nearly_every_query_is_sure() -> None:
    rng = np.random.default_rng(7)
    before = rng.uniform(0.2, 0.6, 200)
    after = before + rng.normal(0.05, 0.02, 200)

    compared = paired_bootstrap(before.tolist(), after.tolist())

    assert 0 < compared.low < compared.gain < compared.high
    assert compared.wins > 190


def test_luck_on_few_queries_is_not_called_better() -> None:
    compared = paired_bootstrap([0.5, 0.5, 0.5, 0.5], [1.0, 0.4, 0.4, 0.4])
    assert compared.gain > 0
    assert compared.low < 0 < compared.high


def test_pairs_make_sure_what_means_alone_cannot() -> None:
    rng = np.random.default_rng(3)
    hard = rng.uniform(0, 1, 100)  # queries differ far more than the two systems do
    compared = paired_bootstrap(hard.tolist(), (hard + 0.01).tolist())
    assert compared.low == pytest.approx(0.01)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(11)
    covered = 0
    for trial in range(200):
        gains = rng.normal(0.1, 0.3, 60)
        compared = paired_bootstrap([0.0] * 60, gains.tolist(), resamples=1000, seed=trial)
        covered += compared.low <= 0.1 <= compared.high
    assert 0.88 <= covered / 200 <= 0.99


@given(pairs=st.lists(st.tuples(metrics, metrics), min_size=1, max_size=30), seed=st.integers(0, 9))
def test_swapping_the_two_turns_the_answer_round(pairs: list[tuple[float, float]], seed: int) -> None:
    before, after = [a for a, _b in pairs], [b for _a, b in pairs]
    there = paired_bootstrap(before, after, resamples=200, seed=seed)
    back = paired_bootstrap(after, before, resamples=200, seed=seed)
    assert (there.wins, there.losses, there.ties) == (back.losses, back.wins, back.ties)
    assert there.gain == pytest.approx(-back.gain)
    assert there.low == pytest.approx(-back.high, abs=1e-9)
    assert there.low <= there.high


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    before, after = [0.0] * 50, np.random.default_rng(2).normal(size=50).tolist()
    assert paired_bootstrap(before, after, seed=4) == paired_bootstrap(before, after, seed=4)
    assert paired_bootstrap(before, after, seed=4).low != paired_bootstrap(before, after, seed=5).low


@pytest.mark.parametrize(("before", "after"), [([], []), ([1.0], [1.0, 2.0]), ([float("nan")], [1.0])])
def test_what_cannot_be_compared_is_refused(before: list[float], after: list[float]) -> None:
    with pytest.raises(ValueError, match=r"values before|not a number"):
        paired_bootstrap(before, after)
