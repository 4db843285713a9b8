"""A sentence encoder from a model folder."""

import json

import numpy as np
import pytest

from feira.core.encoders.protocol import TextEmbedder
from feira.core.encoders.sentence import SentenceEncoder
from feira.core.errors import ManifestError
from tests.shared_files import SHARED, needs_shared

MINILM = SHARED / "models/minilm"


@pytest.fixture(scope="module")
def minilm() -> SentenceEncoder:
    return SentenceEncoder(MINILM)


@needs_shared("models/minilm")
def test_texts_of_like_meaning_lie_close(minilm: SentenceEncoder) -> None:
    rows = minilm.embed_texts(["a warm coat for winter", "thick jacket against the cold", "chocolate cake"])
    assert isinstance(minilm, TextEmbedder)
    assert rows.shape == (3, minilm.text_dim) == (3, 384)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    assert rows[0] @ rows[1] > 0.6
    assert rows[0] @ rows[2] < 0.3


@needs_shared("models/minilm")
def test_rows_keep_the_order_of_the_texts_whatever_their_length(minilm: SentenceEncoder) -> None:
    texts = ["a very long title with many words about one blue linen shirt", "shirt", "blue linen shirt"] * 15
    rows = minilm.embed_texts(texts)
    for place in range(3):
        np.testing.assert_allclose(rows[place], minilm.embed_texts([texts[place]])[0], atol=1e-4)
        np.testing.assert_allclose(rows[place::3], np.tile(rows[place], (15, 1)), atol=1e-4)


@needs_shared("models/minilm")
def test_a_text_without_words_is_a_row_of_zeros(minilm: SentenceEncoder) -> None:
    rows = minilm.embed_texts(["", "red", " ?! "])
    assert [bool(row.any()) for row in rows] == [False, True, False]
    assert minilm.embed_texts([]).shape == (0, 384)


@needs_shared("models/minilm")
def test_its_id_names_its_weights(minilm: SentenceEncoder) -> None:
    sha256 = json.loads((MINILM / "model.json").read_text())["files"]["model.onnx"]["sha256"]
    assert minilm.text_id == f"all-MiniLM-L6-v2@{sha256[:8]}"


@needs_shared("models/mobilenet_v2")
def test_a_model_of_pictures_is_no_sentence_encoder() -> None:
    with pytest.raises(ManifestError, match="no model of texts alone"):
        SentenceEncoder(SHARED / "models/mobilenet_v2")
