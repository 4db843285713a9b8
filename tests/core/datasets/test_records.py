"""A record of a data set holds what a file can hold, and nothing that could leave its folder."""

import dataclasses
import json
from typing import Any

import pytest

from feira.core.datasets import layout
from feira.core.datasets.canonical import canonical_json
from feira.core.datasets.errors import InvalidRecord
from feira.core.datasets.records import ImageFile, Prediction, Record, Score, Tag, Variant, record_key

DIGEST = "ab" * 32
KEY = record_key(listing="listing-1", photo_sha256=DIGEST)


def image(path: str, **changes: Any) -> ImageFile:
    return ImageFile(**{"path": path, "sha256": DIGEST, "bytes": 10, "width": 4, "height": 3, **changes})


def record(**changes: Any) -> Record:
    values: dict[str, Any] = {
        "key": KEY,
        "listing": "listing-1",
        "photo_sha256": DIGEST,
        "seller": "s-1",
        "title": "Sapatos à venda",
        "category": "clothing/shoes",
        "image": image(layout.image_path(KEY)),
    }
    return Record(**{**values, **changes})


FULL = record(
    label="shoes",
    split="train",
    price_minor=1250,
    currency="EUR",
    published_at="2026-03-01T12:00:00+02:00",
    attributes={"size": 42, "weight": 1.5, "sole": "rubber", "new": True},
    tags=(Tag("colour", "red", 0.5, "machine"),),
    colours=("red",),
    variants=(Variant(1, image(layout.variant_path(KEY, 1)), ({"operation": "flip", "drawn": {"flipped": True}},)),),
    predictions=(Prediction("eye-1", (Score("shoes", 0.75), Score("boots", 0.25)), variant=1),),
)


@pytest.mark.parametrize("each", [record(), FULL])
def test_a_record_travels_as_json(each: Record) -> None:
    assert Record.from_facts(json.loads(canonical_json(each.facts()))) == each


def test_a_key_belongs_to_a_photo_on_a_listing() -> None:
    others = {
        record_key(listing="listing-2", photo_sha256=DIGEST),
        record_key(listing="listing-1", photo_sha256="cd" * 32),
    }
    assert len({KEY, *others}) == 3
    assert record_key(listing="listing-1", photo_sha256=DIGEST) == KEY == "81136880d0d9050c93545520528085aa"


def test_moments_are_kept_in_utc() -> None:
    assert FULL.published_at == "2026-03-01T10:00:00Z"
    assert record(published_at="2026-03-01T10:00:00Z").published_at == "2026-03-01T10:00:00Z"


def test_files_are_numbered_from_the_photo() -> None:
    assert [(number, each.path) for number, each in FULL.files()] == [
        (0, f"images/{KEY[:2]}/{KEY}.jpg"),
        (1, f"augmentation/{KEY[:2]}/{KEY}-01.jpg"),
    ]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"key": "../../etc"}, "key is"),
        ({"key": "a.b"}, "key is"),
        ({"key": "Ab12"}, "key is"),
        ({"photo_sha256": "xyz"}, "photo_sha256"),
        ({"split": "Train set"}, "split is"),
        ({"split": "all"}, "split is"),
        ({"price_minor": 5}, "currency"),
        ({"currency": "EUR"}, "price"),
        ({"price_minor": 5, "currency": "eur"}, "currency is"),
        ({"price_minor": -1, "currency": "EUR"}, "below zero"),
        ({"label": " "}, "label is empty"),
        ({"published_at": "yesterday"}, "ISO 8601"),
        ({"published_at": "2026-03-01T12:00:00"}, "without a time zone"),
        ({"variants": (Variant(2, image("a/b.jpg")), Variant(1, image("a/c.jpg")))}, "ascending"),
    ],
)
def test_what_no_data_set_can_hold_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidRecord, match=says):
        record(**changes)


@pytest.mark.parametrize(
    "path",
    ["/etc/a.jpg", "../a.jpg", "a/../b.jpg", "a\\b.jpg", "-rf.jpg", ".a.jpg", "a//b.jpg", "a", "a\n.jpg", "C:/a.jpg"],
)
def test_a_path_cannot_leave_its_folder(path: str) -> None:
    with pytest.raises(InvalidRecord, match="path is"):
        image(path)


@pytest.mark.parametrize("changes", [{"bytes": 0}, {"width": 0}, {"sha256": DIGEST.upper()}])
def test_a_file_has_bytes_pixels_and_a_digest(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidRecord):
        image("images/ab/abc.jpg", **changes)


@pytest.mark.parametrize("change", [{"title": 5}, {"image": None}, {"tags": "red"}, {"key": "../x"}])
def test_facts_of_another_form_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidRecord):
        Record.from_facts({**FULL.facts(), **change})


def test_a_record_is_not_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        FULL.title = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("labels", "folders"),
    [
        (["boots", "shoes"], ["boots", "shoes"]),
        (["Boots", "Shoes & more"], ["boots", "shoes-more"]),
        (["clothing/shoes", "✨"], ["0-clothing-shoes", "1"]),
        (["A b", "a-b"], ["0-a-b", "1-a-b"]),
        (["Zebra", "ant"], ["0-zebra", "1-ant"]),
        (
            [str(number) for number in range(11)],
            ["00-0", "01-1", "02-2", "03-3", "04-4", "05-5", "06-6", "07-7", "08-8", "09-9", "10-10"],
        ),
    ],
)
def test_folders_sort_as_their_labels_do(labels: list[str], folders: list[str]) -> None:
    made = layout.label_folders(labels)
    assert list(made) == labels
    assert list(made.values()) == folders == sorted(set(folders))
