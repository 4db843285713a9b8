"""What every text side must keep; inherit `TextConformance` in a test module and give it your encoder."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from feira.core.encoders.protocol import TextEncoder

_CLOSE = 1e-5
_TEXTS = [
    "red dress",
    "blue boots",
    "a wooden chair",
    "camera",
    "A",
    "red boots with a very long description " * 30,
    "Größe 38, schön",
    "赤いドレス",
    "42",
    "dress red",
    *[f"a chair with {number} legs" for number in range(40)],
]


class TextConformance:
    """Promises of `feira.core.encoders.protocol.TextEncoder`.

    A subclass overrides `texts_of` as a pytest fixture that returns the encoder under test.
    """

    @pytest.fixture
    def texts_of(self) -> TextEncoder:
        """The encoder under test."""
        raise NotImplementedError("Override the `texts_of` fixture with the encoder under test.")

    def test_rows_of_texts_are_unit_float32(self, texts_of: TextEncoder) -> None:
        assert isinstance(texts_of, TextEncoder)
        rows = texts_of.encode_texts(_TEXTS)
        assert rows.dtype == np.float32
        assert rows.shape[0] == len(_TEXTS)
        assert np.abs(np.linalg.norm(rows, axis=1) - 1).max() < _CLOSE

    def test_no_texts_give_no_rows(self, texts_of: TextEncoder) -> None:
        rows = texts_of.encode_texts([])
        assert rows.dtype == np.float32
        assert rows.shape == (0, texts_of.encode_texts(["a"]).shape[1])

    def test_a_text_has_the_same_row_alone_and_in_company(self, texts_of: TextEncoder) -> None:
        together = texts_of.encode_texts(_TEXTS)
        alone = np.concatenate([texts_of.encode_texts([text]) for text in _TEXTS])
        assert np.abs(alone - together).max() < _CLOSE
        assert np.abs(texts_of.encode_texts(_TEXTS[::-1])[::-1] - together).max() < _CLOSE

    def test_different_texts_have_different_rows(self, texts_of: TextEncoder) -> None:
        red, blue = texts_of.encode_texts(["red dress", "blue boots"])
        assert red @ blue < 0.999

    def test_a_text_of_any_length_is_answered(self, texts_of: TextEncoder) -> None:
        rows = texts_of.encode_texts(["", " ", "x" * 100_000, "dress " * 50_000, "\x00\n"])
        assert np.isfinite(rows).all()

    def test_two_threads_do_not_disturb_each_others_texts(self, texts_of: TextEncoder) -> None:
        expected = [texts_of.encode_texts(_TEXTS[start:]) for start in range(4)]
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda turn: texts_of.encode_texts(_TEXTS[turn % 4 :]), range(12)))
        assert all(np.abs(answer - expected[turn % 4]).max() < _CLOSE for turn, answer in enumerate(answers))
