"""Measuring words against pictures."""

from collections.abc import Sequence
from itertools import product as every_pair
from pathlib import Path

import numpy as np
import pytest

from feira.core.evaluation.attributes import attribute_queries, capped_precision, fused, ranked_by_titles
from feira.core.evaluation.catalogues import Product
from feira.core.evaluation.composed import colour_swaps, kind_swaps
from feira.core.evaluation.crossing import cross
from feira.core.evaluation.words import Reads, measure_attributes, measure_composed
from feira.core.types import Matrix

EYE = np.eye(4, dtype=np.float32)


def product(number: int, kind: str, colour: str, gender: str = "Men") -> Product:
    return Product(key=str(number), title=f"{colour} {kind}", kind=kind, colour=colour, gender=gender, path=Path())


def test_a_perfect_model_finds_everything_first() -> None:
    found = cross(EYE, "abcd", EYE, "abcd")
    assert (found.recall_at_1, found.recall_at_10, found.mrr) == (1.0, 1.0, 1.0)


def test_a_model_that_answers_everything_alike_finds_nothing_first() -> None:
    same = np.ones((4, 1), dtype=np.float32)
    found = cross(same, "abcd", same, "abcd")
    assert found.recall_at_1 == 0.0
    assert found.mrr == pytest.approx(0.25)


def test_either_of_two_things_with_the_query_s_key_is_right() -> None:
    found = cross(EYE[[1]], ["hat"], EYE, ["hat", "hat", "shoe", "coat"])
    assert found.recall_at_1 == 1.0


def test_a_query_without_an_answer_is_refused() -> None:
    with pytest.raises(ValueError, match="not in the gallery"):
        cross(EYE[[0]], ["sofa"], EYE, "abcd")


def test_attribute_queries_need_enough_products() -> None:
    products = [product(n, "Jeans", "Blue") for n in range(3)] + [product(9, "Hat", "Red")]
    assert attribute_queries(products) == {"blue jeans": {0, 1, 2}}
    assert capped_precision([0, 3, 1, 2], {0, 1, 2}, k=2) == 0.5


def test_titles_are_ranked_by_how_much_of_the_query_they_have() -> None:
    assert ranked_by_titles(["blue jeans", '"'], ["Red hat", "Blue hat", "Blue jeans"])[0] == [2, 1]


def test_fusing_puts_first_what_both_have() -> None:
    assert fused([1, 2, 3], [3, 4])[0] == 3


def test_swaps_change_one_fact_and_keep_the_other() -> None:
    products = [
        product(0, "Shirt", "Blue"),
        product(1, "Shirt", "Red"),
        product(2, "Shirt", "Red", "Women"),
        product(3, "Jeans", "Blue"),
    ]
    to_red = next(swap for swap in colour_swaps(products) if swap.source == 0)
    assert (to_red.old, to_red.new, to_red.kept) == ("blue", "red", "shirt")
    assert (to_red.words, to_red.relevant) == ("red shirt", frozenset({1}))
    to_jeans = next(swap for swap in kind_swaps(products) if swap.source == 0)
    assert (to_jeans.new, to_jeans.words, to_jeans.relevant) == ("jeans", "blue jeans", frozenset({3}))
    assert not [swap for swap in colour_swaps(products) if swap.source == 2]
    assert colour_swaps(products) == colour_swaps(products)


def ideal(products: list[Product]) -> tuple[dict[str, int], Matrix]:
    """Return a space with one axis per word, and the products in it: what a perfect model of both would see."""
    axes = {word: place for place, word in enumerate(sorted({w for p in products for w in p.title.lower().split()}))}
    return axes, np.stack([read_by(axes)([product.title])[0] for product in products])


def read_by(axes: dict[str, int]) -> Reads:
    def read(texts: Sequence[str]) -> Matrix:
        rows = np.zeros((len(texts), len(axes)), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            row[[axes[word] for word in text.lower().split() if word in axes]] = 1
        unit: Matrix = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
        return unit

    return read


def test_a_perfect_model_gets_full_marks_at_everything_but_what_the_photo_alone_cannot_know() -> None:
    colours, kinds = ("Red", "Blue", "Green"), ("Shirt", "Jeans", "Hat")
    products = [product(n, kind, colour) for n, (kind, colour) in enumerate([*every_pair(kinds, colours)] * 4)]
    axes, images = ideal(products)
    read = read_by(axes)
    marks = {
        (m.task, m.way): m.value
        for m in [*measure_attributes(products, images, read), *measure_composed(products, images, read)]
    }
    assert marks["colour + kind", "pictures only"] == marks["colour + kind", "fused"] == 1.0
    assert marks["other colour", "photo changed by words"] == 1.0
    assert marks["other colour", "photo only"] < 1.0
