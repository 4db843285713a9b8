"""Words meet pictures through the names of the classes that an encoder's classifier knows."""

import numpy as np
import pytest

from feira.core.encoders.class_names import ClassDirections, ClassNames
from feira.core.encoders.heads import NOTHING, Head, Heads
from feira.core.encoders.words.encoder import builtin_words
from feira.core.errors import DimensionMismatch

NAMES = ("shoe", "table lamp", "cat")
WEIGHTS = (np.eye(5, dtype=np.float32)[:3] + 7.0).astype(np.float32)


def test_a_query_points_where_the_class_of_its_meaning_lies() -> None:
    way = ClassNames(ClassDirections.of_weights(NAMES, WEIGHTS), builtin_words())
    queries = way.to_image_space(builtin_words().embed_texts(["sneakers", "desk light", "kitten"]))
    photos = np.eye(5, dtype=np.float32)[:3]
    assert (queries @ photos.T).argmax(axis=1).tolist() == [0, 1, 2]
    np.testing.assert_allclose(np.linalg.norm(queries, axis=1), 1, atol=1e-6)


def test_what_all_classes_share_says_nothing() -> None:
    directions = ClassDirections.of_weights(NAMES, WEIGHTS)
    np.testing.assert_allclose(directions.rows.sum(axis=0), 0, atol=1e-6)
    assert not ClassDirections.of_weights(("one",), WEIGHTS[:1]).rows.any()


def test_all_heads_together_know_more_and_nothing_is_no_class() -> None:
    kinds = Head(("cat", NOTHING), WEIGHTS[:2], np.zeros(2, np.float32))
    colours = Head(("blue", "red"), WEIGHTS[1:], np.zeros(2, np.float32))
    lone = Head(("only",), WEIGHTS[:1], np.zeros(1, np.float32))
    directions = ClassDirections.of_heads(Heads("eye@1", {"kind": kinds, "colour": colours, "lone": lone}))
    assert directions.names == ("blue", "red", "cat")
    assert directions.rows.shape == (3, 5)


def test_vectors_of_another_text_encoder_are_refused() -> None:
    way = ClassNames(ClassDirections.of_weights(NAMES, WEIGHTS), builtin_words())
    with pytest.raises(DimensionMismatch):
        way.to_image_space(np.ones((1, 3), np.float32))
    assert not way.to_image_space(np.zeros((1, builtin_words().text_dim), np.float32)).any()
