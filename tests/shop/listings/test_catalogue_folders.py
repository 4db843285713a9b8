"""Catalogues that somebody else laid out: their columns find their fields by rules."""

import csv
from pathlib import Path

import pytest

from feira.core.errors import SourceError
from feira.core.testing.photos import photo_bytes
from feira.shop.jobs import services as jobs
from feira.shop.listings.columns import as_fields, parse_own_rules
from feira.shop.listings.imports import picture_name, start_import
from feira.shop.listings.models import Listing
from feira.shop.listings.records import read_records, table_in, with_defaults
from feira.shop.listings.selectors import ListingFilter, live_listings
from feira.shop.listings.tagging import tag_listings
from feira.shop.listings.tags import tags_of
from feira.shop.search.text_index import text_index
from feira.shop.search.words import parse_words
from tests.shared_files import SHARED, needs_shared

STICKERS = """file,set,emoji,codepoints,name,keywords,group,width,height
noto/emoji_u1f431.png,noto,🐱,1f431,cat face,cat face;pet;Meow;black,Animals & Nature,64,80
noto/emoji_u1f34a.png,noto,🍊,1f34a,tangerine,fruit;mandarin,Food & Drink,64,80
"""
PRODUCTS = """id,gender,masterCategory,subCategory,articleType,baseColour,season,year,usage,productDisplayName,file
1550,Unisex,Sporting Goods,Sports Equipment,Footballs,Navy Blue,Fall,2010,Sports,Trainer Football,images/1550.jpg
1551,Women,Personal Care,Skin,Skin,NA,,2010,,Hand Cream,images/1551.jpg
"""


@pytest.fixture
def stickers(tmp_path: Path) -> Path:
    (tmp_path / "noto").mkdir()
    for name, colour in (("emoji_u1f431", (240, 200, 60)), ("emoji_u1f34a", (240, 130, 20))):
        (tmp_path / f"noto/{name}.png").write_bytes(photo_bytes(colour, format="PNG"))
    (tmp_path / "stickers.csv").write_text(STICKERS, encoding="utf-8")
    return tmp_path


def run_import(folder: Path) -> list[Listing]:
    records = with_defaults(read_records(folder), {"price": "1"})
    start_import(source=str(folder), records=records, seller_name="Importer")
    jobs.run_until_idle(queues=["imagery"])
    return list(Listing.objects.select_related("category").order_by("pk"))


@pytest.mark.django_db
def test_a_folder_of_stickers_becomes_a_shop_that_words_can_search(stickers: Path) -> None:
    cat, tangerine = run_import(stickers)
    assert (cat.title, cat.category.path, str(cat.price)) == ("cat face", "animals-nature", "1.00")
    names = [(tag["group"], tag["name"], tag["source"]) for tag in tags_of([cat.pk])[cat.pk]]
    assert names == [
        ("colour", "black", "import"),
        ("keyword", "cat face", "import"),
        ("keyword", "meow", "import"),
        ("keyword", "pet", "import"),
    ]
    found = {word: text_index().best(live_listings(), parse_words(f'"{word}"'), most=9) for word in ("meow", "fruit")}
    assert found == {"meow": [cat.pk], "fruit": [tangerine.pk]}
    assert list(live_listings(ListingFilter(colours=("black",)))) == [cat]


@pytest.mark.django_db
def test_a_listing_keeps_the_names_it_had_where_it_came_from(stickers: Path) -> None:
    cat, _tangerine = run_import(stickers)
    assert (cat.reference, cat.picture_name) == ("noto/emoji_u1f431.png", "emoji_u1f431")
    assert run_import(stickers) == [cat, _tangerine]  # again is the same


@pytest.mark.django_db
def test_the_machine_adds_to_imported_tags_and_changes_none(stickers: Path) -> None:
    _cat, tangerine = run_import(stickers)
    tag_listings([tangerine.pk])
    sources = {tag["name"]: tag["source"] for tag in tags_of([tangerine.pk])[tangerine.pk]}
    assert sources == {"orange": "machine", "fruit": "import", "mandarin": "import"}


@pytest.mark.django_db
def test_a_catalogue_of_products_has_categories_attributes_and_colours(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for number in (1550, 1551):
        (tmp_path / f"images/{number}.jpg").write_bytes(photo_bytes((200, 30, 30)))
    (tmp_path / "products.csv").write_text(PRODUCTS, encoding="utf-8")
    football, cream = run_import(tmp_path)
    assert (football.title, football.reference) == ("Trainer Football", "1550")
    assert football.category.path == "sporting-goods/sports-equipment/footballs"
    assert cream.category.path == "personal-care/skin"
    values = {value.attribute.code: value.value_text for value in football.attribute_values.all()}
    assert values == {"colour": "Navy Blue", "gender": "Unisex", "season": "Fall", "usage": "Sports", "year": "2010"}
    tag_listings([football.pk, cream.pk])
    assert [tag["name"] for tag in tags_of([football.pk])[football.pk]] == ["blue"]  # as stated, whatever is seen
    assert [tag["name"] for tag in tags_of([cream.pk])[cream.pk]] == ["red"]  # stated as NA, so it is looked at


def test_our_own_column_names_go_before_other_peoples() -> None:
    fields = as_fields({"title": "Ours", "name": "Theirs", "category": "A > B", "articleType": "C", "attr:colour": "x"})
    assert (fields["title"], fields["category"], fields["attributes"]) == ("Ours", "A > B", {"colour": "x"})


def test_own_rules_go_before_all_and_take_their_column_away() -> None:
    rules = parse_own_rules(["Bezeichnung=title", "name=attr:series", "Bild=photos"])
    fields = as_fields({"Bezeichnung": "Lampe", "name": "Retro", "Bild": "a.jpg", "title": ""}, rules)
    assert fields == {"title": "Lampe", "attributes": {"series": "Retro"}, "photos": "a.jpg"}


@pytest.mark.parametrize("rule", ["title", "=title", "x=headline", "x=attr:", "x="])
def test_a_rule_that_says_nothing_is_refused(rule: str) -> None:
    with pytest.raises(SourceError, match="COLUMN=FIELD"):
        parse_own_rules([rule])


def test_a_table_without_photos_leaves_the_folder_a_folder_of_photos(stickers: Path) -> None:
    (stickers / "stickers.csv").write_text("licence,source\nMIT,here\n")
    assert table_in(stickers) is None
    assert [record.fields["title"] for record in read_records(stickers)] == ["Noto", "Noto"]


def test_two_tables_are_one_too_many(stickers: Path) -> None:
    (stickers / "more.csv").write_text(STICKERS, encoding="utf-8")
    with pytest.raises(SourceError, match=r"more\.csv, stickers\.csv"):
        list(read_records(stickers))


@pytest.mark.parametrize(
    ("reference", "name"),
    [("/a/b/1f600.png", "1f600"), ("C:\\x\\cat.jpeg", "cat"), ("https://example.org/p/7.webp?w=3", "7"), ("", "")],
)
def test_a_picture_is_called_by_its_file(reference: str, name: str) -> None:
    assert picture_name(reference) == name


@needs_shared("data/stickers")
def test_every_sticker_is_read_with_a_title_a_category_and_tags() -> None:
    folder = SHARED / "data/stickers"
    records = list(read_records(folder))
    with (folder / "stickers.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [record.key for record in records] == [row["file"] for row in rows]
    assert [record.fields["title"] for record in records] == [row["name"] for row in rows]
    assert all(Path(record.fields["photos"][0]).is_file() for record in records)
    assert all(record.fields["category"] and record.fields["tags"] for record in records)
