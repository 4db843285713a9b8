"""Each format is opened by the library it is for, and holds the photos and facts that went in."""

import gc
import hashlib
import io
import json
import re
import sys
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import webdataset
from PIL import Image

from feira.core.datasets.closing import Format
from feira.core.datasets.columns import COLUMN_TYPES, columns_of, samples_of
from feira.core.datasets.dataset import Summary
from feira.core.datasets.layout import image_path
from feira.core.datasets.records import Record
from feira.core.testing.photos import photo_bytes
from tests.core.datasets.made import Photos, make_records, write_dataset

COUNT = 40
FORMATS: tuple[Format, ...] = ("files", "webdataset", "parquet", "imagefolder")
Written = tuple[Path, list[Record], Photos]


def mlcroissant() -> Any:
    """Return the library, whose log must not hold on to pytest's stream: it would close it for everybody later."""
    library = import_module("mlcroissant")
    import_module("absl.logging").get_absl_handler().python_handler.setStream(sys.__stderr__)
    return library


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Format], Written]:
    """Return a function that writes the same records in a format, once."""
    records, photos = make_records(COUNT)
    folders: dict[Format, Path] = {}

    def write(kind: Format) -> Written:
        if kind not in folders:
            folders[kind] = tmp_path_factory.mktemp(kind)
            write_dataset(folders[kind], kind, records, photos)
        return folders[kind], records, photos

    return write


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return `datasets.load_dataset`, which keeps its copies in the test's folder and asks nobody."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    datasets = import_module("datasets")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()
    return lambda *names, **options: datasets.load_dataset(*names, cache_dir=str(tmp_path / "cache"), **options)


def rows_of(records: Sequence[Record], split: str) -> dict[tuple[str, int], dict[str, Any]]:
    classes = {label: number for number, label in enumerate(Summary.of(records).labels)}
    return {
        (record.key, sample.number): columns_of(sample, classes=classes)
        for record in records
        if record.split == split
        for sample in samples_of(record)
    }


def test_the_columns_are_those_that_are_announced() -> None:
    records, _ = make_records(4)
    for record in records:
        for sample in samples_of(record):
            columns = columns_of(sample, classes={record.label or "": 0})
            assert list(columns) == list(COLUMN_TYPES)


@pytest.mark.parametrize("kind", FORMATS)
def test_the_manifest_lists_every_other_file_with_its_digest(
    kind: Format, written: Callable[[Format], Written]
) -> None:
    folder, _, _ = written(kind)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    listed = {each["path"]: (each["bytes"], each["sha256"]) for each in manifest["files"]}
    found = {
        path.relative_to(folder).as_posix(): (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in folder.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
    assert listed == found
    assert list(listed) == sorted(listed)
    assert manifest["content_hash"] == "3f2a" * 16


@pytest.mark.parametrize("kind", FORMATS)
def test_metadata_has_every_photo(kind: Format, written: Callable[[Format], Written]) -> None:
    folder, records, _ = written(kind)
    metadata = json.loads((folder / "metadata.json").read_bytes())
    assert [Record.from_facts(facts) for facts in metadata["records"]] == records
    assert metadata["labels"] == json.loads((folder / "labels.json").read_bytes()) == Summary.of(records).labels
    lines = [json.loads(line) for line in (folder / "predictions.jsonl").read_bytes().splitlines()]
    assert Counter(line["key"] for line in lines) == Counter(r.key for r in records for _ in r.predictions)
    assert all(line["scores"][0] == {"label": line["label"], "confidence": line["confidence"]} for line in lines)


def test_loose_files_are_the_photos(written: Callable[[Format], Written]) -> None:
    folder, records, photos = written("files")
    for record in records:
        for _, image in record.files():
            assert (folder / image.path).read_bytes() == photos(image).read()
            with Image.open(folder / image.path) as picture:
                assert picture.size == (image.width, image.height)


# webdataset leaves its files to the collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("split", ["train", "test"])
def test_webdataset_reads_the_shards(written: Callable[[Format], Written], split: str) -> None:
    folder, records, _ = written("webdataset")
    shards = sorted(str(path) for path in folder.glob(f"{split}-*.tar"))
    assert len(shards) > 1
    assert all(Path(shard).stat().st_size <= 60_000 for shard in shards)
    samples = list(webdataset.WebDataset(shards, shardshuffle=False).decode("pil"))
    gc.collect()
    rows = rows_of(records, split)
    assert {(sample["json"]["key"], sample["json"]["variant"]): sample["json"] for sample in samples} == rows
    for sample in samples:
        assert sample["cls"] == sample["json"]["label"]
        assert sample["jpg"].size == (sample["json"]["width"], sample["json"]["height"])
    assert len({sample["__key__"] for sample in samples}) == len(samples) == len(rows)


def test_datasets_reads_the_shards(written: Callable[[Format], Written], load: Callable[..., Any]) -> None:
    folder, records, _ = written("webdataset")
    for split in ("train", "test"):
        loaded = load(str(folder), split=split)
        assert {(each["json"]["key"], each["json"]["variant"]): each["json"] for each in loaded} == rows_of(
            records, split
        )
        assert loaded[0]["jpg"].size == (loaded[0]["json"]["width"], loaded[0]["json"]["height"])


def test_datasets_reads_shards_whose_first_samples_lack_most_fields(tmp_path: Path, load: Callable[..., Any]) -> None:
    bare: dict[str, Any] = {"attributes": {}, "tags": (), "colours": (), "variants": (), "predictions": ()}
    records, photos = make_records(12)
    records = [Record.from_facts(record.facts() | bare | {"published_at": None}) for record in records[:8]] + records[
        8:
    ]
    write_dataset(tmp_path / "bare", "webdataset", records, photos)
    loaded = load(str(tmp_path / "bare"))
    found = [each["json"] for split in loaded for each in loaded[split]]
    assert {(each["key"], each["variant"]): each for each in found} == rows_of(records, "train") | rows_of(
        records, "test"
    )


def test_datasets_reads_the_tables_with_images_and_classes(
    written: Callable[[Format], Written], load: Callable[..., Any]
) -> None:
    folder, records, _ = written("parquet")
    for split in ("train", "test"):
        loaded = load(str(folder), split=split)
        rows = rows_of(records, split)
        assert {(each["key"], each["variant"]): {**each, "image": None} for each in loaded} == {
            name: {"image": None, **row} for name, row in rows.items()
        }
        first = loaded[0]
        assert first["image"].size == (first["width"], first["height"])
        assert loaded.features["label"].names == Summary.of(records).labels
        assert loaded.features["label"].int2str(first["label"]) == first["label_name"]
        torch = loaded.select_columns(["image", "label"]).with_format("torch")[0]
        assert tuple(torch["image"].shape) == (3, first["height"], first["width"])
        # Compared: the tables without their card, as somebody would load one file.
        alone = load("parquet", data_files=str(folder / f"data/{split}-*.parquet"), split="train")
        assert alone.features == loaded.features


def test_pyarrow_finds_the_very_bytes_in_bounded_row_groups(written: Callable[[Format], Written]) -> None:
    folder, records, _ = written("parquet")
    digests = {image.sha256 for record in records for _, image in record.files()}
    found = set()
    for path in sorted((folder / "data").iterdir()):
        file = pq.ParquetFile(path)
        assert all(file.metadata.row_group(number).num_rows <= 100 for number in range(file.num_row_groups))
        for row in file.read().to_pylist():
            assert hashlib.sha256(row["image"]["bytes"]).hexdigest() == row["sha256"]
            found.add(row["sha256"])
    assert found == digests


def test_datasets_reads_the_image_folder(written: Callable[[Format], Written], load: Callable[..., Any]) -> None:
    folder, records, _ = written("imagefolder")
    for loaded in (load(str(folder)), load("imagefolder", data_dir=str(folder))):
        assert set(loaded) == {"train", "test"}
        for split in loaded:
            rows = rows_of(records, split)
            assert len(loaded[split]) == len(rows)
            for each in loaded[split]:
                row = rows[each["key"], each["variant"]]
                assert (each["label"], each["label_name"]) == (row["label"], row["label_name"])
                assert each["image"].size == (row["width"], row["height"])
                assert json.loads(each["facts"])["title"] == row["title"]


def image_folder(root: Path) -> tuple[list[str], list[tuple[Path, int]]]:
    """Do what torchvision's `ImageFolder` does (which has no build for every machine): sorted folders are classes."""
    classes = sorted(entry.name for entry in root.iterdir() if entry.is_dir())
    found = [
        (path, number)
        for number, name in enumerate(classes)
        for path in sorted((root / name).rglob("*"))
        if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp")
    ]
    return classes, found


def test_the_image_folder_keeps_the_contract_of_torchvision(written: Callable[[Format], Written]) -> None:
    folder, records, _ = written("imagefolder")
    by_name = {sample.name: record for record in records for sample in samples_of(record)}
    labels = Summary.of(records).labels
    for split in ("train", "test"):
        classes, found = image_folder(folder / split)
        assert classes == ["0-sapatos-a-mao", "1-boots", "2-trainers"]
        assert all((folder / split / name).is_dir() for name in classes)
        assert {path.stem for path, _ in found} == {name for name, record in by_name.items() if record.split == split}
        assert all(by_name[path.stem].label == labels[number] for path, number in found)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("kind", FORMATS)
def test_croissant_is_valid_and_its_record_sets_load(
    kind: Format, written: Callable[[Format], Written], caplog: pytest.LogCaptureFixture
) -> None:
    folder, records, _ = written(kind)
    croissant = mlcroissant().Dataset(jsonld=str(folder / "croissant.json"))
    issues = croissant.metadata.ctx.issues
    assert (list(issues.errors), list(issues.warnings)) == ([], [])
    assert not [message for message in caplog.messages if "context" in message]
    photos = {each["photos/key"].decode(): each for each in croissant.records("photos")}
    assert list(photos) == [record.key for record in records]
    for record in records:
        each = photos[record.key]
        assert each["photos/title"].decode() == record.title
        assert each["photos/label"].decode() == record.label
        assert (each["photos/price_minor"], each["photos/width"]) == (record.price_minor, record.image.width)
        assert [colour.decode() for colour in each["photos/colours"]] == list(record.colours)
    said = Counter(each["predictions/key"].decode() for each in croissant.records("predictions"))
    assert said == Counter(record.key for record in records for _ in record.predictions)
    sizes = Counter((record.key, (image.width, image.height)) for record in records for _, image in record.files())
    sets = {record_set.id for record_set in croissant.metadata.record_sets}
    if kind == "parquet":
        assert _pictures(croissant.records("table"), "table") == sizes
    elif kind == "webdataset":
        assert sets == {"photos", "predictions"}
    else:
        assert _pictures(croissant.records("images"), "images") == sizes


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_croissant_shows_the_pictures_that_its_readers_know(tmp_path: Path) -> None:
    made, photos = make_records(4, variants=(), predictions=())
    records = []
    for record, ending in zip(made, ("jpg", "png", "webp", "png"), strict=True):
        content = photo_bytes((200, 60, 40), (20, 30), {"jpg": "JPEG"}.get(ending, ending.upper()))
        image = photos.keep(image_path(record.key, ending=ending), content, (20, 30))
        records.append(replace(record, image=image))
    write_dataset(tmp_path, "files", records, photos)
    croissant = mlcroissant().Dataset(jsonld=str(tmp_path / "croissant.json"))
    assert {each.id for each in croissant.metadata.record_sets} == {"photos", "images-jpg", "images-png"}
    found = {ending: _pictures(croissant.records(f"images-{ending}"), f"images-{ending}") for ending in ("jpg", "png")}
    assert found == {
        ending: Counter((record.key, (20, 30)) for record in records if record.image.ending == ending)
        for ending in found
    }
    assert len(list(croissant.records("photos"))) == 4


def _pictures(found: Iterator[dict[str, Any]], name: str) -> Counter[tuple[str, tuple[int, int]]]:
    return Counter((each[f"{name}/key"].decode(), each[f"{name}/image"].size) for each in found)


# webdataset leaves its files to the collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("kind", FORMATS)
def test_what_the_card_says_about_loading_works(
    kind: Format, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, load: Callable[..., Any]
) -> None:
    records, photos = make_records(10)
    write_dataset(tmp_path / "shoes-3f2a", kind, records, photos)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(import_module("datasets").config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    card = (tmp_path / "shoes-3f2a/README.md").read_text()
    known: dict[str, Any] = {}
    for code in re.findall(r"```python\n(.*?)```", card, re.DOTALL):
        # torchvision has no build for every machine; PyTorch is an extra.
        if "torchvision" not in code and ("torch.utils" not in code or find_spec("torch")):
            exec(code, known)  # noqa: S102 - that is what a reader of the card does
    if kind == "files":
        assert known["image"].size == (known["record"]["image"]["width"], known["record"]["image"]["height"])
        if "Photos" in known:
            shown, label = known["Photos"](Path("shoes-3f2a"))[0]
            assert shown.mode == "RGB"
            assert label in range(len(Summary.of(records).labels))
    elif kind == "webdataset":
        assert known["sample"]["cls"] == known["sample"]["json"]["label"]
    else:
        assert len(known["photos"]) == len(rows_of(records, "train"))
    known.clear()
    gc.collect()


def test_shards_are_tars_that_say_nothing_of_their_maker(written: Callable[[Format], Written]) -> None:
    folder, _, _ = written("webdataset")
    for shard in folder.glob("*.tar"):
        with tarfile.open(fileobj=io.BytesIO(shard.read_bytes())) as tar:
            for member in tar:
                assert (member.mtime, member.uid, member.gid, member.uname, member.gname) == (0, 0, 0, "", "")
