"""The public catalogues, read as they are."""

from pathlib import Path

import pytest

from feira.core.errors import SourceError
from feira.core.evaluation.catalogues import read_captioned, read_products, read_stickers
from tests.shared_files import SHARED, needs_shared


@needs_shared("data/fashion-products")
def test_products_part_into_two_that_share_nothing() -> None:
    held_out, others = (read_products(SHARED / "data/fashion-products", held_out=which) for which in (True, False))
    assert (len(held_out), len(others)) == (905, 5041)
    assert not {product.key for product in held_out} & {product.key for product in others}
    assert all(product.path.is_file() for product in held_out[:20])


@needs_shared("data/stickers")
def test_both_drawings_of_a_sticker_fall_on_the_same_side() -> None:
    held_out, others = (read_stickers(SHARED / "data/stickers", held_out=which) for which in (True, False))
    assert (len(held_out), len(others)) == (318, 1734)
    assert not {sticker.key for sticker in held_out} & {sticker.key for sticker in others}
    assert "" not in {word for sticker in others for word in sticker.keywords}


@needs_shared("data/photos")
def test_captions_are_gathered_by_photo() -> None:
    photos = read_captioned(SHARED / "data/photos")
    assert (len(photos), sum(len(photo.captions) for photo in photos)) == (710, 3550)


def test_another_folder_is_refused_with_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        read_products(tmp_path)
    (tmp_path / "products.csv").write_text("name,price\nhat,3\n")
    with pytest.raises(SourceError, match="no column 'id'"):
        read_products(tmp_path)
