"""Feedback makes answers better for others too, and a burst of votes moves nothing more than one vote."""

import numpy as np
import pytest

from feira.core.evaluation.feedback import Answered, burst, simulate_feedback


def answered(seed: int, *, listings: int = 60, right: int = 12) -> Answered:
    """Return a query whose first scores tell right from wrong, but badly."""
    rng = np.random.default_rng(seed)
    ids = np.arange(listings) + 1000 * seed
    truth = set(ids[:right].tolist())
    scores = rng.normal(0.5, 0.25, listings) + 0.15 * (np.arange(listings) < right)
    return Answered(ids, scores, truth)


QUERIES = [answered(seed) for seed in range(1, 6)]


def test_answers_get_better_with_more_judgements() -> None:
    before, some, more, many = (step.ndcg for step in simulate_feedback(QUERIES, error=0.1, seed=3))
    assert before < more < many
    assert many > before + 0.15
    assert some >= before - 0.05


def test_the_same_seed_tells_the_same_story() -> None:
    assert simulate_feedback(QUERIES, seed=4) == simulate_feedback(QUERIES, seed=4)


def test_people_who_guess_teach_nothing() -> None:
    gains = []
    for seed in range(5):
        before, *_between, after = (step.ndcg for step in simulate_feedback(QUERIES, error=0.5, seed=seed))
        gains.append(after - before)
    assert abs(float(np.mean(gains))) < 0.1


@pytest.mark.parametrize("by", ["account", "address"])
def test_a_burst_moves_nothing_more_than_one_vote(by: str) -> None:
    one, many = burst(QUERIES[0], target=int(QUERIES[0].listing_ids[0]), by=by)
    assert one == many < 0


def test_a_burst_against_something_else_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no answer"):
        burst(QUERIES[0], target=-5)


def test_another_way_of_using_feedback_can_be_measured() -> None:
    ignored = simulate_feedback(QUERIES, rescore=lambda number, _said: QUERIES[number].scores)
    assert len({step.ndcg for step in ignored}) == 1
