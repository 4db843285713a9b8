"""Names of PyTorch libraries: refused clearly where one is missing, the library's own answers where it is not."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from feira.core.encoders.golden import probe_images
from feira.core.encoders.protocol import TextEncoder
from feira.core.errors import Misconfigured
from feira.core.testing.encoder_conformance import EncoderConformance
from feira.core.testing.text_conformance import TextConformance
from feira.engine.registry import open_encoder
from tests.core.encoders.tiny_models import tokenizer

pytest.importorskip("torch", reason="needs the extra feira[torch]")

import torch

from feira.core.encoders.torch_names import NamedEncoder, Sees, Wrapped, open_named, timm_pixels


class Eye(torch.nn.Module):
    """A small network as a library might hold it."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.filters = torch.nn.Conv2d(3, 8, 4, stride=4)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.adaptive_avg_pool2d(torch.relu(self.filters(pixels)), 3)


TIMM = {
    "input_size": (3, 32, 32),
    "mean": (0.485, 0.456, 0.406),
    "std": (0.229, 0.224, 0.225),
    "interpolation": "bicubic",
    "crop_pct": 0.95,
    "crop_mode": "center",
}


class TestNamedEncoder(EncoderConformance):
    @pytest.fixture(scope="session")
    @staticmethod
    def tiny() -> NamedEncoder:
        return NamedEncoder(
            "timm:tiny", Wrapped(sees=Sees(Eye(), lambda network, pixels: network(pixels)), pixels=timm_pixels(TIMM))
        )

    @pytest.fixture
    def encoder(self, tiny: NamedEncoder) -> NamedEncoder:
        return tiny


def test_its_id_names_the_weights_and_changes_with_them() -> None:
    pixels = timm_pixels(TIMM)
    wrapped = [Wrapped(sees=Sees(Eye(), lambda network, x: network(x)), pixels=pixels) for _ in range(3)]
    with torch.no_grad():
        wrapped[2].sees.network.filters.bias[0] += 1  # type: ignore[index,union-attr,operator]
    first, same, other = (NamedEncoder("timm:tiny", one).encoder_id for one in wrapped)
    assert first == same != other
    assert first.startswith("timm:tiny@")


def test_a_librarys_figures_of_a_picture_become_ours() -> None:
    pixels = timm_pixels(TIMM)
    assert (pixels.size, pixels.crop, pixels.crop_share, pixels.resize) == (32, "centre square", 0.95, "bicubic")
    assert pixels.mean == pytest.approx((123.675, 116.28, 103.53))
    with pytest.raises(Misconfigured, match="random"):
        timm_pixels({**TIMM, "interpolation": "random"})


@pytest.mark.parametrize("name", ["timm:", "keras:resnet", "timm", ":x"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(Misconfigured, match="no name of a library's model"):
        open_named(name)


def test_a_library_that_is_missing_is_named_with_how_to_install_it(tmp_path: Path) -> None:
    try:
        import open_clip  # type: ignore[import-not-found] # noqa: F401, PLC0415
    except ImportError:
        with pytest.raises(Misconfigured, match="pip install open_clip_torch"):
            open_encoder("open_clip:ViT-B-32/openai", models_dir=tmp_path)


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny CLIP with random weights, saved as the library saves its own."""
    transformers: Any = pytest.importorskip("transformers", reason="runs where transformers is installed")
    folder = tmp_path_factory.mktemp("clip")
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    texts = {**small, "vocab_size": 60, "max_position_embeddings": 16, "eos_token_id": 3, "pad_token_id": 0}
    pictures = {**small, "image_size": 32, "patch_size": 8}
    torch.manual_seed(0)
    config = transformers.CLIPConfig(text_config=texts, vision_config=pictures, projection_dim=24)
    transformers.CLIPModel(config).save_pretrained(folder)
    processor = {
        "image_processor_type": "CLIPImageProcessor",
        "do_center_crop": True,
        "size": {"shortest_edge": 40},
        "crop_size": {"height": 32, "width": 32},
        "resample": 3,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    tokenizer(folder / "tokenizer.json")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]", "model_max_length": 16})
    )
    return folder


class TestTransformers(EncoderConformance, TextConformance):
    @pytest.fixture
    def encoder(self, clip_folder: Path) -> NamedEncoder:
        return open_named(f"transformers:{clip_folder}")

    @pytest.fixture
    def texts_of(self, encoder: NamedEncoder) -> TextEncoder:
        assert isinstance(encoder, TextEncoder)
        return encoder


def test_the_library_alone_answers_the_same(clip_folder: Path) -> None:
    import transformers  # type: ignore[import-not-found] # noqa: PLC0415

    encoder = open_named(f"transformers:{clip_folder}")
    model = transformers.CLIPModel.from_pretrained(clip_folder).eval()
    with torch.inference_mode():
        answer = model.get_image_features(pixel_values=torch.from_numpy(encoder.pixels.prepare(probe_images())))
    rows = getattr(answer, "pooler_output", answer).numpy()
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    assert np.abs(rows - encoder.encode_images(probe_images())).max() < 1e-5
