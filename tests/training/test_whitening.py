"""What tells photos of one class apart counts for less, and only where that helps."""

import numpy as np
import pytest
import torch

from feira.training import whitening
from feira.training.examination import examine
from feira.training.network import Eye
from feira.training.recipe import Recipe
from feira.training.views import PhotoFacts, Views
from feira.training.whitening import whitened

SIZE = 32


@pytest.fixture
def views() -> Views:
    """Shirts are a little redder than shoes, and all are lit very differently; every fifth is for validation."""
    rng = np.random.default_rng(5)
    photos, pixels = [], []
    for number in range(120):
        article = ("shirt", "shoe")[number % 2]
        facts = PhotoFacts(f"products/{number}", "products", {"article": article}, "", number % 5 == 0, number, 1)
        light, red = rng.uniform(60, 200), 3 if article == "shirt" else -3
        grain = rng.normal(0, 25, (SIZE, SIZE, 3))
        photos.append(facts)
        pixels.append(np.clip(grain + light + np.array([red, 0, -red]), 0, 255).astype(np.uint8))
    nothing = np.zeros((120, 1), np.float16)
    return Views(photos, np.stack(pixels), nothing, nothing)


@pytest.fixture(params=range(3))
def eye(request: pytest.FixtureRequest) -> Eye:
    torch.manual_seed(request.param)
    return Eye(Recipe.quick()).eval()


def test_classes_are_told_apart_better(eye: Eye, views: Views) -> None:
    before, after = (examine(of, views, size=SIZE).overall for of in (eye, whitened(eye, views, size=SIZE)))
    assert after > before


def test_nothing_is_changed_where_it_does_harm(eye: Eye, views: Views, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = whitened(eye, views, size=SIZE)
    assert not torch.equal(changed.project.weight, eye.project.weight)
    monkeypatch.setattr(whitening, "_POWER", 8.0)  # what tells photos of one class apart counts for more
    kept = whitened(eye, views, size=SIZE)
    assert examine(kept, views, size=SIZE).overall >= examine(eye, views, size=SIZE).overall
    assert torch.equal(kept.project.weight, eye.project.weight)
