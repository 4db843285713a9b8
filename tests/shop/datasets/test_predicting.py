"""Predictions by a checkpoint, through PyTorch's DataLoader."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from feira.settings import load_settings
from feira.shop.datasets import checkpoints, selectors, services
from feira.shop.datasets.blobs import snapshot_store
from feira.shop.datasets.errors import BadRequestError
from feira.shop.jobs import services as jobs
from tests.shop.datasets.conftest import request_for

torch = pytest.importorskip("torch")
LABELS = ["red", "green", "blue"]


@pytest.fixture
def models_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A models folder with a network that says which channel is strongest and returns the three means."""

    class Strongest(torch.nn.Module):  # type: ignore[misc, name-defined] # torch is not always there to be read
        def forward(self, pixels):  # type: ignore[no-untyped-def]
            means = pixels.mean(dim=(2, 3))
            return means * 20, means

    folder = tmp_path / "models" / "strongest"
    folder.mkdir(parents=True)
    any_number = {"pixels": {0: torch.export.Dim("pictures")}}
    program = torch.export.export(Strongest(), (torch.zeros(2, 3, 16, 16),), dynamic_shapes=any_number)
    torch.export.save(program, str(folder / checkpoints.CHECKPOINT_NAME))
    config = {"size": 16, "labels": LABELS, "mean": [0, 0, 0], "std": [1, 1, 1]}
    (folder / checkpoints.CONFIG_NAME).write_text(json.dumps(config))
    monkeypatch.setattr(type(load_settings()), "resolved_models_dir", lambda _self: folder.parent)
    return folder.parent


@pytest.mark.usefixtures("catalogue", "models_dir")
def test_a_checkpoint_sees_every_picture() -> None:
    asked = request_for(predictions={"model": "torch:strongest", "embeddings": True})
    request = services.ask_for_dataset(asked, by=None)
    jobs.run_until_idle()
    found = selectors.dataset(request.pk)
    assert found is not None
    snapshot = found.snapshot
    assert snapshot is not None
    store = snapshot_store(snapshot.folder)
    files = {file.path: file.sha256 for file in snapshot.files.all()}
    embeddings = np.load(io.BytesIO(store.get(files["embeddings.npy"])))
    for place, row in enumerate(snapshot.rows.order_by("position")):
        picture = Image.open(io.BytesIO(store.get(row.images[0]["sha256"]))).convert("RGB")
        means = np.asarray(picture, np.float64).mean(axis=(0, 1)) / 255
        (said,) = row.predictions
        assert said["model"] == "torch:strongest"
        assert said["scores"][0]["label"] == LABELS[int(means.argmax())]
        assert np.allclose(embeddings[place], means, atol=0.02)
    # The name alone does not say what a checkpoint answers: its digest is part of the hash.
    (encoder,) = snapshot.identity["encoders"]
    assert encoder == f"torch:strongest@{checkpoints.digest_of('torch:strongest')}"


@pytest.mark.usefixtures("catalogue", "models_dir")
def test_a_checkpoint_that_is_not_there_is_refused() -> None:
    with pytest.raises(BadRequestError) as caught:
        services.ask_for_dataset(request_for(predictions={"model": "torch:weakest"}), by=None)
    assert "There is no checkpoint.pt2" in caught.value.errors["predictions.model"]
