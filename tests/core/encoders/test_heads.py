"""Classifier heads: names with confidences, kept in a file, read by one encoder's embeddings alone."""

from pathlib import Path

import numpy as np
import pytest

from feira.core.encoders.heads import NOTHING, Head, Heads
from feira.core.errors import DimensionMismatch, ManifestError

# Three directions: a hat, a shoe, and what the head has nothing to say of.
KIND = Head(("", "hat", "shoe"), np.diag([4.0, 4.0, 4.0]).astype(np.float32), np.zeros(3, dtype=np.float32))
COLOUR = Head(("blue", "red"), np.eye(2, 3, dtype=np.float32), np.array([0.0, 0.5], dtype=np.float32))


@pytest.fixture
def heads() -> Heads:
    return Heads("eye@1", {"kind": KIND, "colour": COLOUR})


def test_the_best_name_comes_first_with_its_confidence(heads: Heads) -> None:
    (answer,) = heads.classify(np.array([[0, 1, 0]], dtype=np.float32))
    assert list(answer) == ["colour", "kind"]
    assert [name for name, _ in answer["kind"]] == ["hat", "shoe"]
    assert answer["kind"][0][1] == pytest.approx(np.exp(4) / (np.exp(4) + 2), abs=1e-6)


def test_what_it_has_nothing_to_say_of_gets_no_name_that_it_is_sure_of(heads: Heads) -> None:
    rows = np.array([[1, 0, 0], [0, 0, 1]], dtype=np.float32)
    none, shoe = heads.classify(rows, least=0.3)
    assert none["kind"] == []
    assert [name for name, _ in shoe["kind"]] == ["shoe"]
    assert NOTHING not in heads.classes("kind")


def test_no_more_names_come_than_are_asked_for(heads: Heads) -> None:
    (answer,) = heads.classify(np.array([[0, 1, 0]], dtype=np.float32), top=1)
    assert [len(names) for names in answer.values()] == [1, 1]


def test_no_rows_give_no_answers(heads: Heads) -> None:
    assert heads.classify(np.empty((0, 3), dtype=np.float32)) == []


def test_a_file_gives_the_same_answers(heads: Heads, tmp_path: Path) -> None:
    path = tmp_path / "heads.npz"
    path.write_bytes(heads.pack())
    kept = Heads.open(path)
    rows = np.random.default_rng(5).normal(size=(7, 3)).astype(np.float32)
    assert (kept.encoder_id, kept.names, kept.dim) == ("eye@1", ("colour", "kind"), 3)
    for one, other in zip(heads.classify(rows), kept.classify(rows), strict=True):
        assert {head: [name for name, _ in found] for head, found in one.items()} == {
            head: [name for name, _ in found] for head, found in other.items()
        }


def test_rows_of_another_encoder_are_refused(heads: Heads) -> None:
    with pytest.raises(DimensionMismatch) as caught:
        heads.classify(np.zeros((1, 5), dtype=np.float32))
    assert (caught.value.facts["expected"], caught.value.facts["got"]) == (3, 5)


def test_heads_of_two_encoders_cannot_be_one(heads: Heads) -> None:
    other = Head(("a", "b"), np.zeros((2, 5), dtype=np.float32), np.zeros(2, dtype=np.float32))
    with pytest.raises(ManifestError):
        Heads("eye@1", {"kind": KIND, "other": other})


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x05\x06" + bytes(18)])
def test_a_file_that_holds_no_heads_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "heads.npz"
    path.write_bytes(content)
    with pytest.raises(ManifestError):
        Heads.open(path)
    with pytest.raises(ManifestError):
        Heads.open(tmp_path / "nowhere.npz")
