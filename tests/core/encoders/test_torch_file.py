"""PyTorch files keep the promises of an encoder: exported programs and TorchScript."""

import warnings
from pathlib import Path

import numpy as np
import pytest

from feira.core.encoders.manifest import read_manifest
from feira.core.encoders.protocol import Encoder
from feira.core.errors import EncoderError, ManifestError, Misconfigured
from feira.core.testing.encoder_conformance import EncoderConformance
from feira.core.testing.photos import photo_pixels
from feira.engine.registry import list_models, open_encoder
from tests.core.encoders.tiny_models import DIM, SIDE, Facts, dual_facts, write_folder

pytest.importorskip("torch", reason="needs the extra feira[torch]")

import torch

from feira.core.encoders.torch_file import TorchEncoder


class Eye(torch.nn.Module):
    """A small network whose answer is named."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.filters = torch.nn.Conv2d(3, 16, 4, stride=4)
        self.head = torch.nn.Linear(16 * 16, DIM)

    def forward(self, pixels: torch.Tensor) -> dict[str, torch.Tensor]:
        seen = torch.nn.functional.avg_pool2d(torch.relu(self.filters(pixels)), 2)
        return {"other": seen, "embedding": self.head(seen.flatten(1))}


def torch_folder(folder: Path, kind: str, *, batch: int | None = None) -> Path:
    """Write a model folder with an exported program (`pt2`) or TorchScript (`pt`)."""
    folder.mkdir(parents=True)
    network, example = Eye().eval(), torch.zeros(batch or 2, 3, SIDE, SIDE)
    if kind == "pt2":
        free = None if batch else {"pixels": {0: torch.export.Dim("batch")}}
        torch.export.save(torch.export.export(network, (example,), dynamic_shapes=free), folder / "model.pt2")
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            torch.jit.trace(network, example, strict=False).save(folder / "model.pt")  # type: ignore[no-untyped-call]
    facts: Facts = dual_facts()
    del facts["text"]
    facts["input"].update(file=f"model.{kind}", shape=[batch or "batch", 3, SIDE, SIDE])
    return write_folder(folder, facts)


@pytest.fixture(scope="module", params=["pt2", "pt"])
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TorchEncoder:
    """An exported program, then TorchScript."""
    return TorchEncoder(torch_folder(tmp_path_factory.mktemp("models") / "tiny", request.param))


class TestTorchEncoder(EncoderConformance):
    @pytest.fixture
    def encoder(self, tiny: Encoder) -> Encoder:
        return tiny


def test_the_registry_opens_it_and_the_network_alone_answers_the_same(tmp_path: Path) -> None:
    torch_folder(tmp_path / "tiny", "pt2")
    assert [(card.kind, card.fault) for card in list_models(tmp_path) if card.path] == [("torch", "")]
    encoder = open_encoder("tiny", models_dir=tmp_path)
    photo = photo_pixels((200, 90, 10), (70, 50), "dots")
    side = read_manifest(tmp_path / "tiny").image
    assert side is not None
    with torch.inference_mode():
        expected = Eye().eval()(torch.from_numpy(side.pixels.prepare([photo])))["embedding"].numpy()[0]
    assert np.abs(encoder.encode_images([photo])[0] - expected / np.linalg.norm(expected)).max() < 1e-5


def test_a_program_for_one_photo_at_a_time_is_given_one_at_a_time(tmp_path: Path) -> None:
    fixed = TorchEncoder(torch_folder(tmp_path / "one", "pt2", batch=1))
    free = TorchEncoder(torch_folder(tmp_path / "any", "pt2"))
    photos = [photo_pixels((20 * place, 90, 10), (70, 50), "dots") for place in range(3)]
    assert np.abs(fixed.encode_images(photos) - free.encode_images(photos)).max() < 1e-5


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    for kind in ("pt2", "pt"):
        folder = torch_folder(tmp_path / kind, kind)
        (folder / f"model.{kind}").write_bytes(b"nothing")
        facts = dual_facts()
        del facts["text"]
        facts["input"]["file"] = f"model.{kind}"
        with pytest.raises(ManifestError, match="cannot be loaded by PyTorch"):
            TorchEncoder(write_folder(folder, facts))


def test_a_network_that_fails_is_an_error_with_its_name(tmp_path: Path) -> None:
    folder = torch_folder(tmp_path / "tiny", "pt2", batch=1)
    facts = dual_facts()
    del facts["text"]
    facts["input"]["file"] = "model.pt2"
    encoder = TorchEncoder(write_folder(folder, facts))  # says that any number may be given
    with pytest.raises(EncoderError, match="tiny-dual@"):
        encoder.encode_images([photo_pixels()] * 3)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no GPU"):
        TorchEncoder(torch_folder(tmp_path / "tiny", "pt"), device="cuda")
