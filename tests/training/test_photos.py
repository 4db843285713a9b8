"""What is trained on, and above all what never is."""

from pathlib import Path

import pytest

from feira.core.errors import Refused
from feira.core.evaluation.splits import is_held_out
from feira.training.photos import gather, gather_held_out


def test_every_collection_is_gathered_with_what_is_known(data: Path) -> None:
    photos = gather(data, drawn=3, seed=7)
    by_key = {photo.key: photo for photo in photos}
    assert {photo.source for photo in photos} == {"clothing", "products", "stickers", "drawn"}
    assert by_key["clothing/train-hat-0"].labels == {"garment": "hat"}
    product = next(photo for photo in photos if photo.source == "products")
    assert product.labels == {"article": "Tshirts", "colour": "Navy Blue", "gender": "Men"}  # nothing about its use
    assert product.words.startswith("Shirt")
    drawn = [photo for photo in photos if photo.source == "drawn"]
    assert len(drawn) == 3
    assert all(photo.read().startswith(b"\xff\xd8") for photo in drawn)


def test_nothing_held_out_is_trained_on(data: Path) -> None:
    photos = gather(data, drawn=0, seed=7)
    products = {photo.key.removeprefix("products/") for photo in photos if photo.source == "products"}
    stickers = {photo.key.rpartition("/")[2] for photo in photos if photo.source == "stickers"}
    assert not any(is_held_out(name) for name in products | stickers)
    assert not any("test" in photo.key for photo in photos)


def test_a_picture_that_is_held_out_under_one_id_is_not_trained_on_under_another(data: Path) -> None:
    photos = [photo for photo in gather(data, drawn=0, seed=7) if photo.source == "products"]
    taught = {photo.read() for photo in photos}
    kept = {photo.read() for photo in gather_held_out(data) if photo.source == "products"}
    assert kept
    assert taught.isdisjoint(kept)


def test_both_drawings_of_a_sticker_are_on_the_same_side(data: Path) -> None:
    photos = [photo for photo in gather(data, drawn=0, seed=7) if photo.source == "stickers"]
    sides: dict[str, set[bool]] = {}
    for photo in photos:
        sides.setdefault(photo.key.rpartition("/")[2], set()).add(photo.is_validation)
    assert sides
    assert all(len(side) == 1 for side in sides.values())


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused):
        gather(tmp_path, drawn=0, seed=7)
