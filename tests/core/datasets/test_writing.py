"""Writers refuse what they cannot write, in words, and hold little however much they write."""

import hashlib
import io
import json
import sys
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from feira.core.datasets.closing import Format, closing_files
from feira.core.datasets.dataset import Dataset, Summary, in_order
from feira.core.datasets.errors import DatasetEmpty, FileGone, FormatUnavailable, InvalidRecord, LabelMissing, PhotoGone
from feira.core.datasets.folders import folder_files, folder_metadata
from feira.core.datasets.opening import Opener, read_image
from feira.core.datasets.parquet import part_bytes, plan_parts
from feira.core.datasets.records import ImageFile, Record
from feira.core.datasets.shards import plan_shards, shard_bytes
from feira.core.datasets.written import FileFacts, Watched
from tests.core.datasets.made import describe, make_records, write_dataset

FORMATS: tuple[Format, ...] = ("files", "webdataset", "parquet", "imagefolder")


@pytest.mark.parametrize("kind", FORMATS)
def test_nothing_is_no_data_set(kind: Format) -> None:
    with pytest.raises(DatasetEmpty, match="Ask for more"):
        next(closing_files(Dataset(describe(), list), kind, list))


def test_a_data_set_without_labels_splits_and_predictions_is_one(tmp_path: Path) -> None:
    records, photos = make_records(5, label=None, split=None, predictions=(), price_minor=None, currency=None)
    for kind in ("files", "webdataset", "parquet"):
        write_dataset(tmp_path / kind, kind, records, photos)
        card = (tmp_path / kind / "README.md").read_text()
        assert "| photos without a label | 5 |" in card
        assert "## Labels" not in card
        assert not (tmp_path / kind / "labels.json").exists()
        assert not (tmp_path / kind / "predictions.jsonl").exists()
    assert [path.name for path in (tmp_path / "webdataset").glob("*.tar")] == ["all-000000.tar"]
    assert [path.name for path in (tmp_path / "parquet/data").iterdir()] == ["all-00000.parquet"]


def test_an_image_folder_needs_a_label_for_each_photo() -> None:
    records, _ = make_records(6)
    records[3] = replace(records[3], label=None)
    labels = Summary.of(records).labels
    with pytest.raises(LabelMissing, match=records[3].key) as caught:
        list(folder_files(records, labels))
    assert caught.value.code == "label_missing"
    with pytest.raises(LabelMissing):
        list(folder_metadata(records, labels, split=records[3].split))


def test_a_shard_gives_a_photo_without_a_label_no_class() -> None:
    records, photos = make_records(2)
    records[1] = replace(records[1], label=None, split=records[0].split)
    content = b"".join(shard_bytes(records, photos, Summary.of(records).labels))
    assert content.count(b".cls\0") == sum(len(record.files()) for record in records)
    assert b"-1" in content[content.index(f"{records[1].key}.cls".encode()) + 512 :][:2]


@pytest.mark.parametrize("kind", ["webdataset", "parquet"])
@pytest.mark.parametrize("fault", ["gone", "shorter", "longer", "other"])
def test_a_photo_that_went_or_changed_meanwhile_is_named(kind: str, fault: str) -> None:
    records, photos = make_records(6)
    lost = records[4].image

    def open_image(image: ImageFile) -> BinaryIO:
        content = photos(image).read()
        if image != lost:
            return io.BytesIO(content)
        if fault == "gone":
            raise FileNotFoundError("no such file")
        return io.BytesIO({"shorter": content[:-1], "longer": content + b"x", "other": content[::-1]}[fault])

    write = shard_bytes if kind == "webdataset" else part_bytes
    with pytest.raises(PhotoGone, match=lost.path) as caught:
        list(write(records, open_image, Summary.of(records).labels))
    assert caught.value.facts == {"path": lost.path}
    assert isinstance(caught.value, FileGone)
    assert read_image(records[0].image, open_image) == photos(records[0].image).read()


def _closed(records: list[Record], photos: Opener) -> list[bytes]:
    return [b"".join(file) for file in closing_files(Dataset(describe(), lambda: records), "files", list)]


WRITERS: list[Callable[[list[Record], Opener], Iterable[Any]]] = [
    lambda records, _: plan_shards(records, ["boots"]),
    lambda records, _: plan_parts(records),
    lambda records, photos: shard_bytes(records, photos, ["boots"]),
    lambda records, photos: part_bytes(records, photos, ["boots"]),
    lambda records, _: folder_files(records, ["boots"]),
    _closed,
]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("order", [slice(None, None, -1), [0, 0]])
def test_records_come_in_order_and_once(
    write: Callable[[list[Record], Opener], Iterable[Any]], order: slice | list[int]
) -> None:
    records, photos = make_records(3, label="boots")
    given = records[order] if isinstance(order, slice) else [records[place] for place in order]
    with pytest.raises(InvalidRecord, match="ascending order"):
        list(write(given, photos))
    assert list(in_order(records)) == records


def test_the_manifest_wants_files_in_order_too() -> None:
    records, _ = make_records(3)
    files = [FileFacts("b.jpg", "ab" * 32, 1), FileFacts("a.jpg", "ab" * 32, 1)]
    *_others, manifest = (
        (file, b"".join(file) if file.path != "manifest.json" else b"")
        for file in closing_files(Dataset(describe(), lambda: records), "files", lambda: files)
    )
    assert manifest[0].path == "manifest.json"
    with pytest.raises(InvalidRecord, match=r"a\.jpg came after b\.jpg"):
        list(manifest[0])


def test_a_file_has_facts_only_when_it_is_written() -> None:
    file = Watched("a.txt", [b"ab", b"c"])
    with pytest.raises(RuntimeError, match=r"a\.txt"):
        file.facts  # noqa: B018 - asked for too early
    assert b"".join(file) == b"abc"
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert file.facts == FileFacts("a.txt", digest, 3, 0x352441C2)


def test_parquet_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(FormatUnavailable, match="feira\\[parquet\\]"):
        part_bytes([], lambda _: io.BytesIO(), [])


def test_words_of_sellers_cannot_write_the_card(tmp_path: Path) -> None:
    label = "boots | <script>alert(1)</script>\n# Title [x](http://x)"
    records, photos = make_records(3, label=label, split=None)
    write_dataset(tmp_path, "files", records, photos)
    card = (tmp_path / "README.md").read_text()
    assert "<script>" not in card.replace("\\<", "")
    assert "\n# Title" not in card
    assert r"boots \| \<script\>" in card


def test_the_summary_counts() -> None:
    records, _ = make_records(40)
    summary = Summary.of(iter(records))
    assert (summary.photos, summary.variants, summary.predictions, summary.unlabelled) == (40, 28, 10, 0)
    assert summary.by_split == {"test": 10, "train": 30}
    assert summary.labels == sorted(summary.labels) == ["Sapatos à mão", "boots", "trainers"]
    assert sum(sum(splits.values()) for splits in summary.by_label.values()) == 40
    assert (summary.newest, summary.endings) == ("2026-03-28T10:00:00Z", ("jpg",))
    assert summary.bytes == sum(image.bytes for record in records for _, image in record.files())


PHOTO = bytes(20_000)
PHOTO_SHA256 = hashlib.sha256(PHOTO).hexdigest()


def endless(count: int) -> Iterator[Record]:
    for number in range(count):
        yield Record(
            key=f"{number:08}",
            listing=f"l{number}",
            photo_sha256="ab" * 32,
            seller="s",
            title="Boots",
            category="shoes",
            image=ImageFile(f"images/00/{number:08}.jpg", PHOTO_SHA256, len(PHOTO), 4, 3),
            label="boots",
            split="train",
        )


def _write_shards(count: int) -> int:
    return sum(len(chunk) for chunk in shard_bytes(endless(count), lambda _: io.BytesIO(PHOTO), ["boots"]))


def _write_closing(count: int) -> int:
    files = closing_files(Dataset(describe(), lambda: endless(count)), "files", list)
    return sum(len(chunk) for file in files for chunk in file)


def _plan(count: int) -> int:
    return sum(piece.records for piece in plan_shards(endless(count), ["boots"]))


@pytest.mark.parametrize("write", [_write_shards, _write_closing, _plan])
def test_memory_does_not_grow_with_the_photos(write: Callable[[int], int]) -> None:
    def peak(count: int) -> int:
        tracemalloc.start()
        assert write(count) >= count
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(5)  # what is imported and cached once
    assert peak(1500) < peak(100) + 60_000


def test_a_table_is_written_a_row_group_at_a_time() -> None:
    chunks = list(part_bytes(endless(350), lambda _: io.BytesIO(PHOTO), ["boots"]))
    assert len(chunks) == 5  # four row groups and what closes the file
    assert max(map(len, chunks)) < 101 * (len(PHOTO) + 500)


def test_the_card_shows_a_request_as_json(tmp_path: Path) -> None:
    records, photos = make_records(3)
    write_dataset(tmp_path, "files", records, photos)
    card = (tmp_path / "README.md").read_text()
    block = card.split("```json\n")[1].split("\n```")[0]
    assert json.loads(block) == describe().request
