"""Long embeddings get a projection once there are enough of them, and only if it keeps the neighbours."""

import numpy as np
import pytest
from django.utils import timezone

from feira.core.learning.pca import Projection
from feira.shop.jobs import services as jobs
from feira.shop.learning import projections
from feira.shop.learning.models import LearnedPart
from feira.shop.learning.projections import encoder_to_shorten, fit_projection_of
from feira.shop.learning.selectors import live_part
from feira.shop.learning.tasks import shorten_long_embeddings
from feira.shop.photos.models import Embedding, Photo

pytestmark = pytest.mark.django_db
ENCODER = "long@1"


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"LEAST_PHOTOS": 60, "REDUCED_DIM": 24, "QUERIES": 20, "LONGER_THAN": 48}.items():
        monkeypatch.setattr(projections, name, value)


def embed(count: int, *, dim: int = 64, within: int = 20, encoder_id: str = ENCODER) -> None:
    """Store embeddings that lie within so many directions."""
    rng = np.random.default_rng(count)
    directions = np.linalg.qr(np.random.default_rng(1).standard_normal((dim, dim)))[0][:within]
    rows = rng.standard_normal((count, within)) @ directions
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    now = timezone.now()
    facts = {"format": "JPEG", "byte_size": 1, "width": 1, "height": 1, "created_at": now}
    photos = Photo.objects.bulk_create([Photo(digest=f"{n:064}", **facts) for n in range(count)])
    Embedding.objects.bulk_create(
        [
            Embedding(photo=photo, encoder_id=encoder_id, vector=row.astype("<f2").tobytes())
            for photo, row in zip(photos, rows, strict=True)
        ]
    )


def test_only_long_embeddings_of_many_photos_without_a_projection_are_shortened() -> None:
    embed(70, dim=48, encoder_id="short@1")
    embed(59)
    assert encoder_to_shorten() is None
    embed(5)
    assert encoder_to_shorten() == ENCODER
    LearnedPart.objects.create(part="projection", about=ENCODER, version=1, content=b"", state="refused")
    assert encoder_to_shorten() is None


def test_the_job_fits_one_that_serves_at_once_and_keeps_the_neighbours() -> None:
    embed(120)
    shorten_long_embeddings()
    shorten_long_embeddings()
    jobs.run_until_idle()
    live = live_part("projection", ENCODER)
    assert live is not None
    projection = Projection.unpack(bytes(live.content))
    assert (projection.dim, projection.reduced_dim, live.version) == (64, 24, 1)
    assert live.report["overlap_at_10"] >= 0.95
    assert live.made_from == {"photos": 90, "held_out": 30, "dim": 64}
    again = fit_projection_of(ENCODER)
    assert bytes(again.content) == bytes(live.content)
    assert again.state == LearnedPart.State.REFUSED  # there is one that serves already


def test_one_that_loses_the_neighbours_is_refused_with_its_figure() -> None:
    embed(120, within=64)
    fitted = fit_projection_of(ENCODER)
    assert fitted.state == LearnedPart.State.REFUSED
    assert fitted.report["overlap_at_10"] < 0.8
    assert live_part("projection", ENCODER) is None
