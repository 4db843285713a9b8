"""Heads learned from a shop's own photos: right, calibrated, the same every time, and open to what people only deny."""

import csv
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from feira.core.encoders.descriptors import DescriptorEncoder
from feira.core.encoders.heads import Heads
from feira.core.errors import ManifestError
from feira.core.evaluation.similar import encoded_photos
from feira.core.learning.head_fit import Examples, fair_shares, fit_head, heads_in, pack_heads
from feira.core.learning.minimise import minimise
from feira.core.types import Matrix
from tests.shared_files import SHARED, needs_shared

DIM = 8
NAMES = ("boat", "car", "mug")


def clouds(counts: tuple[int, ...], *, spread: float = 0.6, seed: int = 0) -> tuple[Matrix, NDArray[np.int64]]:
    """Return unit rows around one axis per class, and the class of each."""
    rng = np.random.default_rng(seed)
    classes = np.repeat(np.arange(len(counts)), counts)
    rows = np.eye(DIM)[classes] + spread * rng.standard_normal((len(classes), DIM))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), classes


def taught(rows: Matrix, classes: NDArray[np.int64], *, names: int = 3) -> Examples:
    possible = np.eye(names, dtype=bool)[classes]
    return Examples(rows, possible, np.arange(len(rows)), np.ones(len(rows)))


@given(seed=st.integers(0, 2**16), dim=st.integers(1, 6))
def test_a_quadratic_function_is_smallest_where_its_slope_ends(seed: int, dim: int) -> None:
    rng = np.random.default_rng(seed)
    half = rng.standard_normal((dim, dim))
    curved, target = half @ half.T + np.eye(dim), rng.standard_normal(dim)
    found = minimise(lambda x: (0.5 * float(x @ curved @ x) - float(target @ x), curved @ x - target), np.zeros(dim))
    np.testing.assert_allclose(found, np.linalg.solve(curved, target), atol=1e-4)


def test_descent_ends_early_when_told_to() -> None:
    class Enough(Exception):
        pass

    def tick() -> None:
        raise Enough

    with pytest.raises(Enough):
        fit_head(taught(*clouds((9, 9, 9))), NAMES, tick=tick)


def test_what_is_taught_is_known_and_the_same_every_time() -> None:
    examples = taught(*clouds((60, 60, 60), spread=0.4))
    first, again = (fit_head(examples, NAMES, seed=3) for _time in range(2))
    rows, classes = clouds((200, 200, 200), spread=0.4, seed=1)
    said = first.head.confidences(rows)
    assert (said.argmax(axis=1) == classes).mean() > 0.9
    np.testing.assert_array_equal(first.head.weights, again.head.weights)
    np.testing.assert_array_equal(first.confidences, again.confidences)


def test_confidence_means_what_it_says() -> None:
    fitted = fit_head(taught(*clouds((200, 200, 200), spread=1.0)), NAMES)
    rows, classes = clouds((3000, 3000, 3000), spread=1.0, seed=1)
    said = fitted.head.confidences(rows)
    right = said.argmax(axis=1) == classes
    assert 0.6 < right.mean() < 0.9  # hard enough for a doubt
    assert abs(said.max(axis=1).mean() - right.mean()) < 0.04
    for low in (0.4, 0.6, 0.8):
        among = (said.max(axis=1) >= low) & (said.max(axis=1) < low + 0.2)
        assert abs(said[among].max(axis=1).mean() - right[among].mean()) < 0.08


def test_rare_classes_taken_whole_are_still_called_rare() -> None:
    """Trained on as many of each, told the rates, a head says on the whole how common each class is."""
    whole, classes = clouds((4000, 400, 100), spread=1.2)
    taken = fair_shares(np.bincount(classes), 300)
    places = np.concatenate([np.flatnonzero(classes == number)[:count] for number, count in enumerate(taken)])
    fitted = fit_head(taught(whole[places], classes[places]), NAMES, rates=taken / np.bincount(classes))
    fresh, _ = clouds((8000, 800, 200), spread=1.2, seed=1)
    np.testing.assert_allclose(fitted.head.confidences(fresh).mean(axis=0), [0.889, 0.089, 0.022], atol=0.05)
    blind = fit_head(taught(whole[places], classes[places]), NAMES)
    assert blind.head.confidences(fresh).mean(axis=0)[0] < 0.75


def test_unseen_rows_are_judged_by_fits_that_did_not_see_them_or_their_group() -> None:
    """Classes that are drawn by lot cannot be known of unseen rows, however well they are learned by heart."""
    rng = np.random.default_rng(5)
    rows = rng.standard_normal((40, 64)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    twice = np.concatenate([rows, rows])
    classes = np.tile(rng.integers(0, 2, 40), 2)
    examples = Examples(twice, np.eye(2, dtype=bool)[classes], np.tile(np.arange(40), 2), np.ones(80))
    fitted = fit_head(examples, ("a", "b"))
    assert sorted(fitted.unseen.tolist()) == list(range(80))
    right = fitted.confidences.argmax(axis=1) == classes[fitted.unseen]
    assert right.mean() < 0.7
    alone = Examples(twice, np.eye(2, dtype=bool)[classes], np.arange(80), np.ones(80))
    leaked = fit_head(alone, ("a", "b"))
    assert (leaked.confidences.argmax(axis=1) == classes[leaked.unseen]).mean() > 0.85


def test_a_no_teaches_too() -> None:
    """Of the third class nobody ever said yes: all that is known is that these photos show none of the others."""
    rows, classes = clouds((80, 80, 80), spread=0.3)
    possible = np.eye(3, dtype=bool)[classes]
    denied = np.flatnonzero(classes == 2)
    possible[denied] = [False, False, True]
    possible[denied[::2]] = [False, True, True]  # "no boat"
    possible[denied[1::2]] = [True, False, True]  # "no car"
    fitted = fit_head(Examples(rows, possible, np.arange(len(rows)), np.ones(len(rows))), NAMES)
    fresh, truth = clouds((100, 100, 100), spread=0.3, seed=1)
    assert (fitted.head.confidences(fresh).argmax(axis=1) == truth).mean() > 0.9


@given(
    counts=st.lists(st.integers(0, 500), min_size=1, max_size=8).map(lambda each: np.array(each, dtype=np.int64)),
    most=st.integers(0, 1200),
)
def test_fair_shares_fill_what_may_be_taken_and_part_no_class_before_a_larger_one(
    counts: NDArray[np.int64], most: int
) -> None:
    shares = fair_shares(counts, most)
    assert (shares <= counts).all()
    assert shares.sum() <= most
    cut = shares < counts
    if cut.any():
        assert most - shares.sum() < np.count_nonzero(cut)
        assert len(set(shares[cut].tolist())) == 1
        assert shares[~cut].max(initial=0) <= shares[cut][0]
    else:
        assert counts.sum() <= most


def test_heads_are_packed_upon_others_of_which_those_of_the_same_name_give_way() -> None:
    head = fit_head(taught(*clouds((9, 9, 9))), NAMES).head
    other = fit_head(taught(*clouds((9, 9, 9), seed=7)), NAMES).head
    first = pack_heads("eye@1", {"thing": head, "colour": head})
    second = pack_heads("eye@1", {"thing": other, "brand": other}, upon=first)
    found = heads_in(second)
    assert sorted(found) == ["brand", "colour", "thing"]
    np.testing.assert_array_equal(found["thing"].weights, other.weights)  # nothing is lost on the way
    np.testing.assert_array_equal(found["colour"].bias, head.bias)
    assert Heads.unpack(second).encoder_id == "eye@1"
    with pytest.raises(ManifestError):
        pack_heads("eye@1", {"thing": head}, upon=b"damaged")


@pytest.mark.parametrize("names", [("one",), ("a", "b")])
def test_too_few_or_other_classes_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="two or more"):
        fit_head(taught(*clouds((9, 9, 9))), names)


def test_examples_that_do_not_fit_together_are_refused() -> None:
    rows = np.ones((3, DIM), np.float32)
    with pytest.raises(ValueError, match="as many entries"):
        Examples(rows, np.ones((3, 2), bool), np.arange(2), np.ones(3))
    with pytest.raises(ValueError, match="leave it out"):
        Examples(rows, np.zeros((3, 2), bool), np.arange(3), np.ones(3))
    with pytest.raises(ValueError, match="one group"):
        fit_head(Examples(rows, np.ones((3, 2), bool), np.zeros(3, np.int64), np.ones(3)), ("a", "b"))


@needs_shared("data/fashion-products")
def test_real_products_are_told_apart_by_colours_and_edges_alone() -> None:
    """Eight kinds of thing, thirty photos of each to learn from and thirty others to be judged by."""
    folder = SHARED / "data" / "fashion-products"
    with (folder / "products.csv").open(newline="") as lines:
        products = list(csv.DictReader(lines))
    names = sorted(name for name, _count in Counter(row["articleType"] for row in products).most_common(8))
    chosen = [row for name in names for row in [one for one in products if one["articleType"] == name][:60]]
    rows = encoded_photos([folder / row["file"] for row in chosen], DescriptorEncoder())
    classes = np.array([names.index(row["articleType"]) for row in chosen])
    learn, judge = np.arange(0, len(rows), 2), np.arange(1, len(rows), 2)
    fitted = fit_head(taught(rows[learn], classes[learn], names=len(names)), names)
    said = fitted.head.confidences(rows[judge])
    right = said.argmax(axis=1) == classes[judge]
    assert right.mean() > 0.5  # an eighth by chance
    assert abs(said.max(axis=1).mean() - right.mean()) < 0.1
