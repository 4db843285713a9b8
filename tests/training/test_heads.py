"""Heads are fitted on what is known, say nothing of what they cannot know, and are as sure as they are right."""

import numpy as np
import pytest

from feira.core.encoders.heads import Heads
from feira.core.types import Matrix
from feira.training.heads import fit_heads, score_heads
from feira.training.photos import Source
from feira.training.views import PhotoFacts

DIM = 12
ARTICLES = ("Tshirts", "Dresses", "Watches")


def rows_near(centres: Matrix, places: list[int], *, seed: int, spread: float) -> Matrix:
    noise = np.random.default_rng(seed).normal(scale=spread, size=(len(places), DIM))
    rows = centres[places] + noise
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def facts(places: list[int], *, share_unseen: int) -> list[PhotoFacts]:
    """Three articles and, at place 3, stickers; every so manieth photo is kept for validation."""
    photos = []
    for number, place in enumerate(places):
        source: Source = "stickers" if place == 3 else "products"
        labels = {"group": "Objects"} if place == 3 else {"article": ARTICLES[place]}
        photos.append(PhotoFacts(f"{number}", source, labels, "", number % share_unseen == 0, 0, 0))
    return photos


@pytest.fixture(scope="module")
def centres() -> Matrix:
    return np.eye(4, DIM, dtype=np.float32)


@pytest.fixture(scope="module")
def heads(centres: Matrix) -> Heads:
    places = [number % 4 for number in range(240)]
    return fit_heads(rows_near(centres, places, seed=1, spread=0.3), facts(places, share_unseen=6), encoder_id="eye@1")


def test_classes_get_the_names_that_sellers_would_use(heads: Heads) -> None:
    assert heads.classes("kind") == ("dress", "t-shirt", "watch")
    assert "gender" not in heads.names  # nobody knew any


def test_new_photos_get_their_kind_and_stickers_get_none(heads: Heads, centres: Matrix) -> None:
    answers = heads.classify(centres, least=0.5)
    assert [answer["kind"][0][0] for answer in answers[:3]] == ["t-shirt", "dress", "watch"]
    assert answers[3]["kind"] == []


def test_it_is_as_sure_as_it_is_right(heads: Heads, centres: Matrix) -> None:
    places = [number % 3 for number in range(600)]
    rows = rows_near(centres, places, seed=2, spread=0.3)
    score = score_heads(heads, rows, facts(places, share_unseen=1))["kind"]
    assert score.photos == 600
    assert score.accuracy > 0.7
    assert abs(score.accuracy - score.confidence) < 0.1


def test_a_class_with_few_examples_is_not_learned(centres: Matrix) -> None:
    places = [0] * 30 + [1] * 30 + [2] * 4
    heads = fit_heads(
        rows_near(centres, places, seed=3, spread=0.1), facts(places, share_unseen=99), encoder_id="eye@1"
    )
    assert heads.classes("kind") == ("dress", "t-shirt")
