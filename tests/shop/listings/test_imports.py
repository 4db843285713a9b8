"""A source becomes listings: every readable row once, every other with its reason."""

import csv
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pyarrow as pa
import pytest

from feira.core.errors import SourceError
from feira.core.testing.photos import photo_bytes
from feira.shop.jobs import services as jobs
from feira.shop.listings.imports import ROWS_PER_JOB, import_progress, refused_rows, start_import
from feira.shop.listings.models import Category, ImportRun, Listing
from feira.shop.listings.records import read_records, with_defaults
from feira.shop.photos.models import Photo

ROWS = [
    {"id": "1", "title": "Red hat", "category": "Clothing > Hats", "price": "12.50", "photos": "a.jpg|b.png"},
    {"id": "2", "title": "Blue hat", "category": "Clothing > Hats", "price": "7", "photo": "b.png", "attr:size": "M"},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.jpg").write_bytes(photo_bytes((200, 30, 30)))
    (tmp_path / "b.png").write_bytes(photo_bytes((30, 30, 200), format="PNG"))
    (tmp_path / "bad.jpg").write_bytes(b"not a photo")
    return tmp_path


def write(folder: Path, kind: str, rows: list[dict[str, str]]) -> Path:
    path = folder / f"listings.{kind}"
    names = list(dict.fromkeys(name for row in rows for name in row))
    if kind == "csv":
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(rows)
    elif kind == "jsonl":
        path.write_text("\n".join(json.dumps(row) for row in rows))
    else:
        columns = {name: [row.get(name) for row in rows] for name in names}
        pa.parquet.write_table(pa.table(columns), path)
    return path


def run_import(source: Path) -> ImportRun:
    run = start_import(source=str(source), records=read_records(source), seller_name="Importer")
    jobs.run_until_idle(queues=["imagery"])
    return run


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_rows_become_live_listings(folder: Path, kind: str) -> None:
    run = run_import(write(folder, kind, ROWS))
    assert import_progress(run).done == 2
    red, blue = Listing.objects.order_by("pk")
    assert (red.title, red.state, str(red.price), red.category.path) == ("Red hat", "live", "12.50", "clothing/hats")
    assert red.listing_photos.count() == 2
    assert [value.value_text for value in blue.attribute_values.all()] == ["M"]
    assert red.seller.name == "Importer"


@pytest.mark.django_db
def test_folders_become_categories_and_splits_do_not(tmp_path: Path) -> None:
    for place in ("train/hats/1.jpg", "test/hats/2.jpg", "train/t-shirt/3.jpg"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_bytes(photo_bytes())
    records = list(read_records(tmp_path))
    assert [record.fields["category"] for record in records] == [["Hats"], ["Hats"], ["T-shirt"]]
    assert [record.key for record in records] == ["test/hats/2.jpg", "train/hats/1.jpg", "train/t-shirt/3.jpg"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"photos": "bad.jpg"}, "not a photo"),
        ({"photos": "missing.jpg"}, "cannot be read"),
        ({"photos": ""}, "names no photo"),
        ({"price": "cheap"}, "plain number"),
        ({"price": "NaN"}, "zero or more"),
        ({"title": ""}, "title"),
        ({"condition": "broken"}, "condition"),
    ],
)
def test_a_bad_row_is_refused_with_its_reason_and_the_rest_is_imported(
    folder: Path, change: dict[str, str], reason: str
) -> None:
    run = run_import(write(folder, "csv", [ROWS[1], {**ROWS[0], **change}]))
    progress = import_progress(run)
    assert (progress.done, progress.refused, progress.waiting) == (1, 1, 0)
    ((key, why),) = refused_rows(run)
    assert key == "1"
    assert reason in why
    assert Photo.objects.count() == 1


@pytest.mark.django_db
def test_what_a_refused_row_would_have_made_is_made_by_the_next_that_needs_it(folder: Path) -> None:
    refused = {**ROWS[0], "title": "", "seller": "Agnes", "attr:size": "M"}
    run = run_import(write(folder, "csv", [refused, {**refused, "id": "3", "title": "Green hat"}]))
    assert import_progress(run).done == 1
    listing = Listing.objects.get()
    assert (listing.seller.name, listing.category.path) == ("Agnes", "clothing/hats")
    assert [value.value_text for value in listing.attribute_values.all()] == ["M"]


@pytest.mark.django_db
def test_a_refused_row_leaves_no_category_behind(folder: Path) -> None:
    run_import(write(folder, "csv", [{**ROWS[0], "title": ""}]))
    assert not Category.objects.exists()


@pytest.mark.django_db
def test_many_rows_of_one_job_cost_a_few_queries_each(
    folder: Path, django_assert_max_num_queries: Callable[[int], AbstractContextManager[None]]
) -> None:
    rows = [{**ROWS[1], "id": str(number)} for number in range(ROWS_PER_JOB)]
    source = write(folder, "csv", rows)
    start_import(source=str(source), records=read_records(source), seller_name="Importer")
    with django_assert_max_num_queries(60 + 4 * ROWS_PER_JOB):
        jobs.run_until_idle(queues=["imagery"])
    assert Listing.objects.count() == ROWS_PER_JOB


@pytest.mark.django_db
def test_importing_again_goes_on_and_doubles_nothing(folder: Path) -> None:
    source = write(folder, "csv", ROWS[:1])
    run_import(source)
    run = run_import(write(folder, "csv", ROWS))
    assert import_progress(run).done == 2
    assert Listing.objects.count() == 2


@pytest.mark.django_db
def test_a_refused_row_is_tried_again_with_what_the_source_says_now(folder: Path) -> None:
    run_import(write(folder, "csv", [{**ROWS[0], "price": "cheap"}]))
    run = run_import(write(folder, "csv", ROWS[:1]))
    assert import_progress(run).done == 1
    assert refused_rows(run) == []


@pytest.mark.django_db
def test_photos_without_a_price_take_the_one_given(folder: Path) -> None:
    (folder / "bad.jpg").unlink()
    run = start_import(
        source="folder", records=with_defaults(read_records(folder), {"price": "7.50"}), seller_name="Importer"
    )
    jobs.run_until_idle(queues=["imagery"])
    assert import_progress(run).done == 2
    assert {str(price) for price in Listing.objects.values_list("price", flat=True)} == {"7.50"}


def test_a_folder_without_photos_is_no_source(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no photo"):
        list(read_records(tmp_path))


@pytest.mark.django_db
def test_two_starts_at_once_do_each_row_once(folder: Path) -> None:
    source = write(folder, "csv", ROWS)
    for _start in range(2):
        start_import(source=str(source), records=read_records(source), seller_name="Importer")
    jobs.run_until_idle(queues=["imagery"])
    assert Listing.objects.count() == 2


def test_imported_photos_can_be_found(work_done: Callable[[], None], folder: Path) -> None:
    run_import(write(folder, "csv", ROWS))
    work_done()
    assert Photo.objects.filter(searchable=True, embeddings__isnull=False).count() == 3


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.txt", b"", "none of"),
        ("x.jsonl", b"{not json", "Line 1"),
        ("x.jsonl", b"[1]", "not a JSON object"),
        ("x.jsonl", b"[" * 200_000, "nested too deeply"),
        ("x.jsonl", b'{"title": "\\ud800"}', "half a character"),
        ("x.csv", b'title\n"\xff\xfe', "not a valid CSV"),
        ("x.parquet", b"PAR1 nonsense", "not a valid Parquet"),
    ],
)
def test_a_source_that_is_no_source_is_named(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=says):
        list(read_records(tmp_path / name))


def test_a_missing_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no file or folder"):
        list(read_records(tmp_path / "nowhere.csv"))
