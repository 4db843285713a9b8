"""Weights learned from judgements order what people judged, and leave alone what they say nothing about."""

import numpy as np
import pytest
from numpy.typing import NDArray

from feira.core.learning.rank_fit import JudgedListings, NothingToLearn, fit_weights, ndcg_of
from feira.core.recommend.ranking import FEATURES, MOST, Weights


def make_judged(
    truth: NDArray[np.float64], *, queries: int = 60, listings: int = 20, noise: float = 0.1, seed: int = 0
) -> list[JudgedListings]:
    """Return queries whose listings are right where the true weights score them above the middle."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(queries):
        features = rng.uniform(0, 1, (listings, len(FEATURES))).astype(np.float32)
        features[:, FEATURES.index("feedback")] = features[:, FEATURES.index("rule")] = 0
        scores = features @ truth + rng.normal(0, noise, listings)
        labels = np.where(scores > np.median(scores), 1, -1).astype(np.float32)
        made.append(JudgedListings(f"query {number}", np.arange(listings), features, labels))
    return made


def mean_ndcg(judged: list[JudgedListings], weights: Weights) -> float:
    return float(np.mean([value for each in judged if (value := ndcg_of(each, weights)) is not None]))


WORDS_DO_NOT_MATTER = np.array([0.0, 1.5, 1.0, 0, 0, 0, 0])


def test_what_people_judge_by_gains_weight_and_what_they_pass_over_loses_it() -> None:
    train, held_out = make_judged(WORDS_DO_NOT_MATTER), make_judged(WORDS_DO_NOT_MATTER, seed=1)
    present = Weights()
    fit = fit_weights(train, present)
    assert fit.weights.words < 0.2
    assert fit.weights.picture > present.picture
    assert fit.loss_after < fit.loss_before
    assert mean_ndcg(held_out, fit.weights) > mean_ndcg(held_out, present) + 0.1


def test_weights_stay_within_bounds_and_unlearned_ones_where_they_are() -> None:
    fit = fit_weights(make_judged(WORDS_DO_NOT_MATTER, noise=0), Weights(feedback=0.7, rule=0.3), pull=1e-6)
    row = fit.weights.row()
    assert row.min() >= 0
    assert row.max() <= MOST
    assert fit.weights.feedback == pytest.approx(0.7)
    assert fit.weights.rule == pytest.approx(0.3)


def test_a_strong_pull_keeps_the_present_weights() -> None:
    present = Weights()
    fit = fit_weights(make_judged(WORDS_DO_NOT_MATTER), present, pull=1e6)
    assert np.allclose(fit.weights.row(), present.row(), atol=1e-3)


def test_what_no_judgement_speaks_about_stays() -> None:
    judged = make_judged(WORDS_DO_NOT_MATTER)
    for each in judged:
        each.features[:, FEATURES.index("popularity")] = 0.5  # the same for all: it tells nothing
    assert fit_weights(judged, Weights(popularity=0.33)).weights.popularity == pytest.approx(0.33, abs=1e-6)


def test_nothing_around_the_answer_is_better() -> None:
    judged, present, pull = make_judged(WORDS_DO_NOT_MATTER, queries=10), Weights(), 0.05

    def objective(row: NDArray[np.float64]) -> float:
        losses = []
        for each in judged:
            better, worse = np.nonzero(each.labels[:, None] > each.labels[None, :])
            margins = 5.0 * (each.features[better] - each.features[worse]) @ row
            losses.append(np.logaddexp(0, -margins).mean())
        return float(np.mean(losses) + pull / 2 * ((row - present.row()) ** 2).sum())

    best = fit_weights(judged, present, pull=pull).weights.row().astype(np.float64)
    rng = np.random.default_rng(5)
    learned = np.array([name not in {"feedback", "rule"} for name in FEATURES])
    for _try in range(200):
        other = np.clip(best + rng.normal(0, 0.05, len(best)) * learned, 0, MOST)
        assert objective(other) >= objective(best) - 1e-6


def test_each_query_counts_the_same_however_much_was_judged() -> None:
    one, other = make_judged(WORDS_DO_NOT_MATTER, queries=1), make_judged(np.eye(7)[0] * 2, queries=1, seed=3)
    alone = fit_weights(one + other, Weights()).weights.row()
    tripled = JudgedListings(
        "again",
        np.arange(60),
        np.tile(one[0].features, (3, 1)),
        np.tile(one[0].labels, 3),
    )
    assert np.allclose(fit_weights([tripled, *other], Weights()).weights.row(), alone, atol=0.05)


def test_without_contrast_there_is_nothing_to_learn() -> None:
    all_right = JudgedListings("q", np.arange(3), np.zeros((3, 7), np.float32), np.ones(3, np.float32))
    with pytest.raises(NothingToLearn):
        fit_weights([all_right], Weights())
    assert ndcg_of(all_right, Weights()) is None


def test_the_measure_looks_at_judged_listings_in_the_order_of_the_weights() -> None:
    features = np.zeros((3, 7), np.float32)
    features[:, FEATURES.index("words")] = [0.9, 0.5, 0.1]
    judged = JudgedListings("q", np.array([7, 8, 9]), features, np.array([-1, 1, -1], np.float32))
    assert ndcg_of(judged, Weights()) == pytest.approx(1 / np.log2(3))
