"""A dual encoder keeps the promises of both protocols, and its manifest decides what it sees and reads."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import tokenizers
from numpy.typing import NDArray
from onnx import TensorProto

from feira.core.encoders.dual import DualEncoder
from feira.core.encoders.onnx import OnnxEncoder
from feira.core.encoders.protocol import Encoder, TextEncoder
from feira.core.errors import ManifestError
from feira.core.testing.encoder_conformance import EncoderConformance
from feira.core.testing.photos import photo_pixels
from feira.core.testing.text_conformance import TextConformance
from tests.core.encoders import tiny_models
from tests.core.encoders.tiny_models import Facts, dual_folder, text_model, write_folder


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> DualEncoder:
    return DualEncoder(dual_folder(tmp_path_factory.mktemp("models") / "tiny"))


class TestDualEncoder(EncoderConformance, TextConformance):
    @pytest.fixture
    def encoder(self, tiny: Encoder) -> Encoder:
        return tiny

    @pytest.fixture
    def texts_of(self, tiny: TextEncoder) -> TextEncoder:
        return tiny


def by_hand(folder: Path, text: str, *, length: int | None) -> NDArray[np.float32]:
    """The text side worked out with the libraries alone."""
    reader = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    ids = reader.encode(text).ids
    mask = [1] * len(ids) + [0] * ((length or 0) - len(ids))
    ids += [0] * ((length or 0) - len(ids))
    session = onnxruntime.InferenceSession(str(folder / "text.onnx"), providers=["CPUExecutionProvider"])
    feeds = {"input_ids": np.array([ids]), "attention_mask": np.array([mask])}
    (tokens,) = session.run(["tokens"], feeds)
    row = tokens[0, : sum(mask)].sum(axis=0)
    unit: NDArray[np.float32] = row / np.linalg.norm(row)
    return unit


def test_words_are_read_as_tokenizer_and_model_alone_would_read_them(tmp_path: Path) -> None:
    folder = dual_folder(tmp_path / "tiny")
    (row,) = DualEncoder(folder).encode_texts(["A wooden chair with blue boots"])
    assert np.abs(row - by_hand(folder, "A wooden chair with blue boots", length=16)).max() < 1e-6


@pytest.mark.parametrize("pool", ["mean", "first", "last"])
def test_rows_per_token_become_one_row(tmp_path: Path, pool: str) -> None:
    def change(facts: Facts) -> None:
        facts["text"]["output"] = {"name": "tokens", "pool": pool}
        facts["text"]["padding"] = "longest"

    folder = dual_folder(tmp_path / "tiny", change=change)
    # A longer text in the same batch brings padding, which must not count.
    row = DualEncoder(folder).encode_texts(["red dress", "a camera with a wooden chair"])[0]
    reader = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    session = onnxruntime.InferenceSession(str(folder / "text.onnx"), providers=["CPUExecutionProvider"])
    ids = np.array([reader.encode("red dress").ids])
    ((tokens,),) = session.run(["tokens"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})
    expected = {"mean": tokens.mean(axis=0), "first": tokens[0], "last": tokens[-1]}[pool]
    assert np.abs(row - expected / np.linalg.norm(expected)).max() < 1e-6


def test_a_long_text_is_cut_and_keeps_its_end_mark(tmp_path: Path) -> None:
    folder = dual_folder(tmp_path / "tiny")
    long, cut = DualEncoder(folder).encode_texts(["dress " * 200, "dress " * 14])
    assert np.array_equal(long, cut)


def test_texts_are_cleaned_as_the_manifest_says(tmp_path: Path) -> None:
    folder = dual_folder(tmp_path / "tiny", change=lambda facts: facts["text"].update(clean="canonical"))
    plain, marked = DualEncoder(folder).encode_texts(["red dress", "Red, dress!!"])
    assert np.array_equal(plain, marked)


@pytest.mark.parametrize("whole", [TensorProto.INT32, TensorProto.INT64])
def test_whole_numbers_of_either_width_and_token_types_are_given(tmp_path: Path, whole: int) -> None:
    def change(facts: Facts) -> None:
        facts["text"]["inputs"]["types"] = "token_type_ids"

    folder = dual_folder(tmp_path / "tiny")
    text_model(folder / "text.onnx", types=True, whole=whole)
    facts = tiny_models.dual_facts()
    (row,) = DualEncoder(write_folder(folder, facts, change=change)).encode_texts(["red boots"])
    assert row.shape == (tiny_models.DIM,)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda facts: facts["text"]["inputs"].update(ids="ids"), "ids"),
        (lambda facts: facts["text"]["inputs"].pop("mask"), "attention_mask"),
        (lambda facts: facts["text"]["output"].update(name="sentence"), "sentence"),
        (lambda facts: facts["text"].update(file="other.onnx"), "other.onnx"),
        (lambda facts: facts["text"].update(tokenizer="vocab.json"), "vocab.json"),
        (lambda facts: facts["text"].update(max_tokens=1), "max_tokens"),
        (lambda facts: facts["text"].update(padding="left"), "left"),
        (lambda facts: facts["text"].update(clean="html"), "html"),
        (lambda facts: facts["text"]["output"].update(pool="spatial"), "spatial"),
        (lambda facts: facts["text"]["output"].update(shape=["batch", 7]), "one space has one length"),
        (lambda facts: facts.pop("text"), "no text side"),
    ],
)
def test_a_text_side_that_makes_no_sense_is_refused(tmp_path: Path, change: tiny_models.Change, said: str) -> None:
    with pytest.raises(ManifestError) as caught:
        DualEncoder(dual_folder(tmp_path / "tiny", change=change))
    assert said in caught.value.message


def test_a_tokenizer_that_is_none_is_refused(tmp_path: Path) -> None:
    folder = dual_folder(tmp_path / "tiny")
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(ManifestError, match=r"tokenizer\.json cannot be loaded"):
        DualEncoder(write_folder(folder, tiny_models.dual_facts()))


def test_the_image_side_alone_can_be_opened(tmp_path: Path, tiny: DualEncoder) -> None:
    folder = dual_folder(tmp_path / "tiny")
    eye = OnnxEncoder(folder)
    assert not isinstance(eye, TextEncoder)
    photo = photo_pixels((10, 120, 240), (80, 64), "checks")
    assert np.array_equal(eye.encode_images([photo]), tiny.encode_images([photo]))
    assert eye.encoder_id == tiny.encoder_id
