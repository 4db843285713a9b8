from pathlib import Path

import pytest

from feira.core.errors import SourceError
from feira.core.evaluation.colours import evaluate_colours, labelled_pictures
from feira.core.evaluation.splits import is_held_out
from feira.core.testing.photos import photo_bytes
from tests.shared_files import SHARED, needs_shared

LOOKS = {"Maroon": (200, 20, 20), "Navy Blue": (20, 40, 160), "Multi": (30, 140, 50)}


def catalogue(folder: Path, numbers: range) -> None:
    (folder / "images").mkdir(parents=True)
    lines = ["id,baseColour,file"]
    for number in numbers:
        colour = list(LOOKS)[number % 3]
        (folder / f"images/{number}.jpg").write_bytes(photo_bytes(colour=LOOKS[colour]))
        lines.append(f"{number},{colour},images/{number}.jpg")
    (folder / "products.csv").write_text("\n".join([*lines, "900000,NA,images/none.jpg"]))


def test_stated_colours_are_compared_with_what_is_seen_on_either_side_of_the_split(tmp_path: Path) -> None:
    catalogue(tmp_path / "shop", range(60))
    held, rest = (labelled_pictures(tmp_path / "shop", held_out=held_out) for held_out in (True, False))
    assert len(held) + len(rest) == 60
    assert all(is_held_out(picture.path.stem) for picture in held)
    result = evaluate_colours(rest)
    assert result.top1 == 1.0
    assert result.by_colour == {"red": 1.0, "blue": 1.0}
    assert result.products == sum(picture.colour != "multicolour" for picture in rest)
    assert result.multicolour_recall == 0.0


def test_a_folder_without_such_a_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="There is no products"):
        labelled_pictures(tmp_path, held_out=True)
    (tmp_path / "products.csv").write_text("id,file\n1550,a.jpg\n")
    with pytest.raises(SourceError, match="baseColour"):
        labelled_pictures(tmp_path, held_out=True)


@needs_shared("data/fashion-products")
def test_looking_at_the_thing_alone_names_catalogue_colours_far_better_than_the_whole_picture() -> None:
    pictures = labelled_pictures(SHARED / "data/fashion-products", held_out=True)[::4]
    shown, whole = (evaluate_colours(pictures, with_foreground=with_it) for with_it in (True, False))
    assert shown.top1 > 0.5
    assert shown.top2 > 0.7
    assert shown.top1 > whole.top1 + 0.2
