"""`feira evaluate words` and `all`, on small catalogues laid out as the public ones are."""

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from feira.cli import evaluate
from feira.core.evaluation.splits import is_held_out
from feira.core.testing.photos import photo_bytes
from tests.cli.conftest import Call

Give = Callable[..., None]
COLOURS = {"Red": (200, 40, 40), "Green": (40, 160, 60), "Blue": (40, 70, 200)}


def write_table(path: Path, columns: str, rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns.split())
        writer.writerows(rows)


def keys(prefix: str, *, held_out: int, others: int) -> list[str]:
    """Return names of which so many are held out."""
    names = [f"{prefix}{number}" for number in range(2_000)]
    kept = [name for name in names if is_held_out(name)][:held_out]
    return kept + [name for name in names if not is_held_out(name)][:others]


@pytest.fixture
def data(tmp_path: Path, settings_of: Give) -> Path:
    """Plain pictures named by their colour: products, stickers, captioned photos, and clothes in folders."""
    settings_of(data_dir=tmp_path / "data", engine_url="http://127.0.0.1:9", database_url="", encoder="")
    folder = tmp_path / "catalogues"
    for name in ("fashion-products", "stickers", "photos"):
        (folder / name).mkdir(parents=True)
    products, stickers, captions = [], [], []
    for number, key in enumerate(keys("p", held_out=24, others=60)):
        colour = list(COLOURS)[number % 3]
        picture(folder / "fashion-products" / f"{key}.jpg", colour, number)
        title = f"{colour} {'Shirt' if number % 2 else 'Hat'}"
        products.append([key, "Women", "Shirt" if number % 2 else "Hat", colour, title, f"{key}.jpg"])
    for number, key in enumerate(keys("s", held_out=6, others=12)):
        colour = list(COLOURS)[number % 3]
        picture(folder / "stickers" / f"{key}.jpg", colour, 300 + number)
        stickers.append([f"{key}.jpg", key, f"{colour} dot".lower(), f"{colour};round".lower()])
    for number, colour in enumerate(COLOURS):
        picture(folder / "photos" / f"{number}.jpg", colour, 600 + number)
        captions.append([f"{number}.jpg", f"A wall in {colour.lower()}."])
        for part, count in (("train", 4), ("test", 1)):
            for place in range(count):
                path = folder / "clothing" / part / colour / f"{place}.jpg"
                path.parent.mkdir(parents=True, exist_ok=True)
                picture(path, colour, 900 + 10 * number + place + (5 if part == "test" else 0))
    write_table(
        folder / "fashion-products" / "products.csv",
        "id gender articleType baseColour productDisplayName file",
        products,
    )
    write_table(folder / "stickers" / "stickers.csv", "file codepoints name keywords", stickers)
    write_table(folder / "photos" / "captions.csv", "file caption", captions)
    return folder


def picture(path: Path, colour: str, seed: int) -> None:
    red, green, blue = COLOURS[colour]
    path.write_bytes(photo_bytes(colour=(red + seed % 17, green, blue + seed % 13), seed=seed))


def test_an_encoder_is_taught_the_other_titles_and_then_asked_in_words(data: Path, call: Call) -> None:
    said = call(evaluate.app, "words", "--data", str(data), "--encoder", "descriptors", "--json")
    assert said.code == 0, said.err
    rows = json.loads(said.out)
    found = {(row["task"], row["way"], row["metric"]): row["value"] for row in rows}
    assert {row["taught_by"] for row in rows} == {"72 titles and names"}
    # Six titles stand for 24 photos of three colours: by colour alone every second answer is right.
    assert found["products", "title → photo", "recall@10"] == 1.0
    assert found["colour + kind", "titles only", "precision@10 (capped)"] == 1.0
    assert found["everyday photos", "caption → photo", "recall@1"] == 1.0
    assert all(0.0 <= value <= 1.0 for value in found.values())


def test_everything_is_measured_in_one_go(data: Path, call: Call) -> None:
    said = call(evaluate.app, "all", "--data", str(data), "--encoder", "descriptors", "--json")
    assert said.code == 0, said.err
    figures = json.loads(said.out)
    assert set(figures) == {"similar", "words", "feedback", "colours"}
    assert figures["similar"][0]["queries"] == 3
    moved = {row["way"]: row["value"] for row in figures["feedback"] if row["metric"] == "moved"}
    assert set(moved.values()) == {1.0}, "five hundred votes of one person or address count as one"
    assert [row["method"] for row in figures["colours"]] == ["foreground", "whole picture"]


def test_people_read_it_as_tables_with_a_column_for_each_encoder(data: Path, call: Call) -> None:
    said = call(evaluate.app, "all", "--data", str(data), "--encoder", "descriptors").out
    assert "descriptors-v1" in said
    assert "title → photo" in said


def test_a_folder_without_the_catalogues_is_refused_at_once(tmp_path: Path, data: Path, call: Call) -> None:
    said = call(evaluate.app, "all", "--data", str(tmp_path), "--encoder", "descriptors")
    assert said.code != 0
    assert "no photos in class folders" in said.err
