"""A snapshot is all or nothing: what is opened is what was written, or it is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from feira.core.errors import SnapshotCorrupt
from feira.core.index.base import CodedIndex
from feira.core.index.exact import ExactIndex
from feira.core.index.inverted import InvertedIndex
from feira.core.index.scalar import ScalarIndex
from feira.core.index.snapshot import SnapshotManifest, open_snapshot, read_manifest, write_snapshot
from feira.core.learning.pca import fit_projection

Kind = type[ExactIndex] | type[ScalarIndex] | type[InvertedIndex]
KINDS = [ExactIndex, ScalarIndex, InvertedIndex]


def filled(kind: Kind = ScalarIndex, *, count: int = 5, dim: int = 8) -> CodedIndex:
    rows = np.random.default_rng(count).standard_normal((count, dim)).astype(np.float32)
    index = kind(dim)
    index.add(range(count, 0, -1), rows / np.linalg.norm(rows, axis=1, keepdims=True))
    return index


def opened_snapshot(root: Path) -> tuple[CodedIndex, SnapshotManifest]:
    stored = open_snapshot(root)
    assert stored is not None
    return stored


def current_folder(root: Path) -> Path:
    return root / (root / "CURRENT").read_text()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [0, 5])
def test_what_is_opened_is_what_was_written(tmp_path: Path, kind: Kind, count: int) -> None:
    index = filled(kind, count=count)
    written = write_snapshot(tmp_path / "new", index, encoder_id="histogram-64", seq=17)
    opened, manifest = opened_snapshot(tmp_path / "new")
    assert manifest == written == read_manifest(tmp_path / "new")
    assert (manifest.encoder_id, manifest.seq, manifest.count, manifest.dim) == ("histogram-64", 17, count, 8)
    assert type(opened) is kind
    assert opened.checksum() == index.checksum()


def test_nothing_stored_yet_is_not_an_error(tmp_path: Path) -> None:
    assert open_snapshot(tmp_path / "never") is None
    assert read_manifest(tmp_path) is None


def test_the_newest_write_counts_even_if_the_log_began_anew(tmp_path: Path) -> None:
    write_snapshot(tmp_path, filled(count=5), encoder_id="a", seq=900)
    write_snapshot(tmp_path, filled(count=3), encoder_id="a", seq=4)
    opened, manifest = opened_snapshot(tmp_path)
    assert (len(opened), manifest.seq) == (3, 4)


def test_old_snapshots_and_remains_of_crashes_are_deleted(tmp_path: Path) -> None:
    (tmp_path / ".unfinished-000000000001-dead").mkdir()
    for seq in range(1, 6):
        write_snapshot(tmp_path, filled(count=seq), encoder_id="a", seq=seq)
    folders = sorted(path.name.partition("-")[0] for path in tmp_path.iterdir() if path.is_dir())
    assert folders == ["000000000004", "000000000005"]


@pytest.mark.parametrize("where", ["save", "rename"])
def test_a_crash_while_writing_leaves_the_old_snapshot_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    write_snapshot(tmp_path, filled(count=5), encoder_id="a", seq=1)

    def crash(*_args: object, **_facts: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        if where == "save":
            patch.setattr(ScalarIndex, "save", crash)
        else:
            patch.setattr(Path, "replace", crash)
        with pytest.raises(OSError, match="disk full"):
            write_snapshot(tmp_path, filled(count=3), encoder_id="a", seq=2)
    opened, manifest = opened_snapshot(tmp_path)
    assert (len(opened), manifest.seq) == (5, 1)


@pytest.mark.parametrize("name", ["ids.npy", "codes.npy", "manifest.json"])
@pytest.mark.parametrize("damage", ["missing", "cut", "flipped"])
def test_a_damaged_file_is_refused(tmp_path: Path, name: str, damage: str) -> None:
    write_snapshot(tmp_path, filled(), encoder_id="a", seq=1)
    path = current_folder(tmp_path) / name
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(content[:-3])
    else:
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(SnapshotCorrupt) as caught:
        open_snapshot(tmp_path)
    assert caught.value.code == "snapshot_corrupt"
    assert str(tmp_path) in caught.value.message


@pytest.mark.parametrize(
    ("key", "value"), [("format_version", 2), ("kind", "magic"), ("count", 4), ("dim", 9), ("checksum", "0" * 64)]
)
def test_a_manifest_that_does_not_fit_is_refused(tmp_path: Path, key: str, value: object) -> None:
    write_snapshot(tmp_path, filled(ExactIndex), encoder_id="a", seq=1)
    path = current_folder(tmp_path) / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(SnapshotCorrupt):
        open_snapshot(tmp_path)


@pytest.mark.parametrize("pointer", ["", "../elsewhere", ".unfinished-1", "000000000009-gone"])
def test_a_pointer_to_nowhere_is_refused(tmp_path: Path, pointer: str) -> None:
    write_snapshot(tmp_path, filled(), encoder_id="a", seq=1)
    (tmp_path / "CURRENT").write_text(pointer)
    with pytest.raises(SnapshotCorrupt):
        open_snapshot(tmp_path)


def test_arrays_with_code_inside_are_refused(tmp_path: Path) -> None:
    """Pickled objects must never be loaded, even when the checksums were made to fit."""
    filled().save(tmp_path)
    np.save(tmp_path / "codes.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(SnapshotCorrupt):
        ScalarIndex(8).fill_from(tmp_path)


def test_a_projection_is_part_of_the_snapshot_and_of_its_checksum(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).standard_normal((300, 96)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    projection = fit_projection(rows, reduced_dim=64)
    index = ScalarIndex(96, projection)
    index.add(range(300), rows)
    write_snapshot(tmp_path, index, encoder_id="a", seq=3)
    opened, manifest = opened_snapshot(tmp_path)
    assert (manifest.projection, opened.dim, opened.checksum()) == (projection.version, 96, index.checksum())
    assert opened.search(rows[:3], 5) == index.search(rows[:3], 5)
    plain = ScalarIndex(96)
    plain.add(range(300), rows)
    assert plain.checksum() != index.checksum()
    path = current_folder(tmp_path) / "projection.bin"
    path.write_bytes(path.read_bytes()[:-2] + b"xx")
    with pytest.raises(SnapshotCorrupt, match=r"projection\.bin"):
        open_snapshot(tmp_path)


def test_lists_that_do_not_belong_to_the_codes_are_refused(tmp_path: Path) -> None:
    filled(InvertedIndex).save(tmp_path)
    np.save(tmp_path / "lists.npy", np.full(5, 7, dtype=np.int32))
    with pytest.raises(SnapshotCorrupt):
        InvertedIndex(8).fill_from(tmp_path)
