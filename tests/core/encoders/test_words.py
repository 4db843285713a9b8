"""The built-in words: texts in any language become vectors that can be told apart, and English ones mean something."""

from importlib.resources import files
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from feira.core.encoders.protocol import TextEmbedder
from feira.core.encoders.words.encoder import (
    FILE,
    WordsEncoder,
    builtin_words,
    pack_words,
    packed_rows,
    signature_of,
    unpacked_rows,
)
from feira.core.encoders.words.tokens import MAX_WORDS, pieces_of, words_of
from feira.core.learning.packing import PackCorrupt, pack

RNG = np.random.default_rng(3)


@pytest.fixture(scope="module")
def words() -> WordsEncoder:
    return builtin_words()


def likeness(words: WordsEncoder, first: str, second: str) -> float:
    one, other = words.embed_texts([first, second])
    return float(one @ other)


def test_rows_are_unit_rows_in_the_order_of_the_texts(words: WordsEncoder) -> None:
    rows = words.embed_texts(["a red dress", "a cat in a park"])
    assert isinstance(words, TextEmbedder)
    assert rows.shape == (2, words.text_dim)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(rows[1], words.embed_texts(["a cat in a park"])[0])
    assert words.text_id.startswith("words-v1@")


def test_a_text_that_says_nothing_is_a_row_of_zeros(words: WordsEncoder) -> None:
    assert not words.embed_texts(["", "  ", "?!…", "\ud800"]).any()
    assert words.embed_texts([]).shape == (0, words.text_dim)


@pytest.mark.parametrize(
    ("query", "near", "far"),
    [
        ("trousers", "jeans", "kettle"),
        ("winter coat", "warm jacket", "summer dress"),
        ("cat in a park", "kitten on the grass", "office chair"),
        ("sneakers", "running shoes", "wine glass"),
        ("Women's T-Shirt", "tshirt for women", "men's watch"),
    ],
)
def test_like_things_lie_closer_than_unlike_ones(words: WordsEncoder, query: str, near: str, far: str) -> None:
    assert likeness(words, query, near) > likeness(words, query, far) + 0.15


@pytest.mark.parametrize(
    ("right", "wrong", "other"),
    [("jacket", "jackt", "lamp"), ("handbag", "hanbag", "shorts"), ("sunglasses", "sunglases", "carpet")],
)
def test_a_typo_lies_near_its_word(words: WordsEncoder, right: str, wrong: str, other: str) -> None:
    assert likeness(words, right, wrong) > 0.3
    assert likeness(words, right, wrong) > likeness(words, other, wrong) + 0.15


def test_words_of_another_language_are_told_apart_and_their_forms_are_alike(words: WordsEncoder) -> None:
    portuguese = ["vestido", "camisa", "saia", "gato", "vermelho", "azul", "praia", "sapatos"]
    rows = words.embed_texts(portuguese)
    likenesses = (rows @ rows.T)[np.triu_indices(len(rows), 1)]
    assert likenesses.max() < 0.6
    assert likeness(words, "vestido", "vestidos") > 0.6
    assert likeness(words, "camisão", "camisao") == pytest.approx(1.0)
    assert likeness(words, "红色连衣裙", "红色裙子") > likeness(words, "红色连衣裙", "绿色外套")


def test_the_file_is_small(words: WordsEncoder) -> None:
    assert len((files("feira.core.encoders.words") / FILE).read_bytes()) < 3_000_000
    assert words.vocabulary > 15_000


@given(st.text(max_size=300))
def test_any_text_is_taken(text: str) -> None:
    row = builtin_words().embed_texts([text])[0]
    assert np.isfinite(row).all()
    assert bool(row.any()) == bool(words_of(text))


def test_a_long_text_costs_no_more_than_its_first_words() -> None:
    assert len(words_of("word " * 100_000)) <= MAX_WORDS
    assert max(map(len, words_of("x" * 100_000))) <= 40


def test_words_are_folded() -> None:
    assert words_of("ÇANTA çanta Straße v-neck x-ray") == ["canta", "canta", "strasse", "vneck", "xray"]
    assert words_of("don't — ❤️ 3,50") == ["don", "t", "❤", "3", "50"]


def test_pieces_overlap_and_mark_the_ends() -> None:
    assert pieces_of("cap") == ["<ca", "cap", "ap>", "<cap", "cap>", "<cap>"]
    assert pieces_of("a") == ["<a>"]


@given(st.integers(1, 9), st.integers(1, 20))
def test_four_bits_keep_rows_nearly_as_they_are(dim: int, count: int) -> None:
    table = np.random.default_rng(dim * 100 + count).normal(size=(count, dim)).astype(np.float32)
    codes, scales = packed_rows(table)
    again = unpacked_rows(codes, scales, dim)
    assert codes.shape == (count, (dim + 1) // 2)
    assert np.abs(again - table).max() <= 0.75 * np.abs(table).max()
    assert np.linalg.norm(again - table) < 0.2 * np.linalg.norm(table)


def test_signatures_depend_on_the_pieces_alone() -> None:
    first, second = signature_of(["abc", "bcd"], 32), signature_of(["bcd", "abc"], 32)
    np.testing.assert_array_equal(first, second)
    assert np.linalg.norm(first) == pytest.approx(1.0)


def test_known_words_have_rows_of_their_own_and_long_rows_count_more() -> None:
    table = np.zeros((2 + 4, 4), np.float32)
    table[0, 0], table[1, 1] = 0.1, 1.0
    encoder = WordsEncoder(pack_words(["the", "hat"], table, buckets=4, facts={}))
    row = encoder.embed_texts(["the hat"])[0]
    assert row[1] > 0.99
    assert 0 < row[0] < 0.2


@pytest.mark.parametrize(
    "content",
    [b"nothing", pack("words 1", {"dim": 4}, {}), pack("words 2", {}, {})],
    ids=["damaged", "incomplete", "another version"],
)
def test_bytes_that_are_no_table_are_refused(content: bytes) -> None:
    with pytest.raises(PackCorrupt):
        WordsEncoder(content)


def test_a_table_of_another_shape_is_refused() -> None:
    arrays: dict[str, NDArray[Any]] = {
        "words": np.frombuffer(b"hat\ncap", dtype=np.uint8),
        "codes": np.zeros((5, 2), np.uint8),
        "scales": np.zeros(5, np.float16),
    }
    with pytest.raises(PackCorrupt, match="shape"):
        WordsEncoder(pack("words 1", {"dim": 4, "buckets": 4}, arrays))
    with pytest.raises(ValueError, match="5 rows for 2 words"):
        pack_words(["hat", "cap"], np.zeros((5, 4), np.float32), buckets=4, facts={})
