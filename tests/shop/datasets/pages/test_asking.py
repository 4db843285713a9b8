"""The form: anybody of the team can fill it, it says what comes of it first, and it asks for just that."""

import json
from datetime import datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from feira.core.augment.fields import Choice
from feira.core.augment.kinds import KINDS
from feira.core.augment.presets import PRESETS
from feira.core.augment.recipe import Recipe
from feira.shop.datasets.asked import Asked, Filters, Predictions, Split, asked_from_json
from feira.shop.datasets.checking import checked
from feira.shop.datasets.form_initial import initial_from_asked
from feira.shop.datasets.forms import DataSetForm
from feira.shop.datasets.models import DatasetRequest
from feira.shop.datasets.recipe_forms import RecipeForm, initial_of
from feira.shop.datasets.recipe_words import CHOICES, OPERATIONS, SETTINGS
from feira.shop.datasets.recipe_words import PRESETS as PRESET_WORDS
from feira.shop.listings.models import Attribute
from feira.shop.listings.services import ensure_attribute, ensure_choice
from tests.factories import make_category, make_listing

pytestmark = pytest.mark.django_db

PLAIN: dict[str, Any] = {
    "photos": "all",
    "label": "category",
    "split_by": "none",
    "fit": "longest",
    "image_size": "64",
    "image_format": "jpeg",
    "recipe": "none",
    "formats": ["folder"],
}


def asked_by(**fields: Any) -> Asked:
    """Return what a form with these fields asks for."""
    form = DataSetForm(PLAIN | fields)
    assert form.is_valid(), form.errors
    return asked_from_json(form.asked())


def test_every_field_reaches_the_request() -> None:
    shoes = make_category("Clothing", "Shoes")
    material = ensure_attribute(code="material", kind=Attribute.Kind.CHOICE, category=shoes)
    for value in ("felt", "leather"):
        ensure_choice(attribute=material, value=value)
    asked = asked_by(
        words="red -boots",
        category="clothing/shoes",
        conditions=["new", "good"],
        colours=["red"],
        attr_material=["felt"],
        min_price="2.50",
        max_price="20",
        seller="ana",
        similar_to="7",
        most_similar="12",
        published_since="2026-01-02",
        published_until="2026-02-03",
        photos="cover",
        most_photos="40",
        split_by="seller",
        train="60",
        validation="0",
        test="40",
        split_seed="4",
        fit="square",
        image_size="96",
        image_format="webp",
        image_quality="70",
        recipe="light",
        variants="2",
        recipe_seed="9",
        model="live",
        classes="on",
        embeddings="on",
        formats=["parquet", "folder"],
    )
    zone = timezone.get_current_timezone()
    assert asked.filters == Filters(
        words="red -boots",
        category="clothing/shoes",
        conditions=("new", "good"),
        colours=("red",),
        attributes={"material": ("felt",)},
        min_price=asked.filters.min_price,
        max_price=asked.filters.max_price,
        seller="ana",
        similar_to=7,
        most_similar=12,
        published_since=datetime(2026, 1, 2, tzinfo=zone),
        published_until=datetime(2026, 2, 3, tzinfo=zone),
    )
    assert (str(asked.filters.min_price), str(asked.filters.max_price)) == ("2.50", "20")
    assert (asked.photos, asked.most_photos) == ("cover", 40)
    assert asked.split == Split(by="seller", ratios={"train": 0.6, "test": 0.4}, seed=4)
    assert asked.rule.as_json() == {"fit": "square", "size": 96, "format": "webp", "quality": 70}
    assert asked.recipe == PRESETS["light"].changed(seed=9, variants=2)
    assert asked.predictions == Predictions(model="live", classes=True, embeddings=True)
    assert asked.formats == ("folder", "parquet")
    again = DataSetForm(_posted(initial_from_asked(asked)))
    assert again.is_valid(), again.errors
    assert asked_from_json(again.asked()) == asked


def _posted(initial: dict[str, Any]) -> dict[str, Any]:
    """Return what a browser sends for a form that was filled like this."""
    return {name: value for name, value in initial.items() if value is not None and value is not False}


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_survives_the_form_of_operations(name: str) -> None:
    recipe = PRESETS[name]
    form = RecipeForm(
        {name: value for name, value in initial_of(recipe).items() if value is not None and value is not False}
    )
    assert form.is_valid(), form.errors
    assert Recipe.from_json({"operations": form.operations()}) == recipe


def test_operations_happen_in_the_order_of_their_numbers() -> None:
    fields = {
        "op_flip_on": "on",
        "op_flip_place": "2",
        "op_blur_on": "on",
        "op_blur_place": "1",
        "op_blur_chance": "25",
    }
    asked = asked_by(recipe="own", variants="1", **fields)
    assert asked.recipe is not None
    assert [each.name for each in asked.recipe.operations] == ["blur", "flip"]
    assert asked.recipe.operations[0].probability == 0.25


def test_every_operation_and_setting_has_a_name_that_is_translated() -> None:
    assert OPERATIONS.keys() == KINDS.keys()
    fields = [field for kind in KINDS.values() for field in kind.fields]
    assert SETTINGS.keys() == {field.name for field in fields}
    assert CHOICES.keys() == {choice for field in fields if isinstance(field, Choice) for choice in field.choices}
    assert PRESET_WORDS.keys() == PRESETS.keys()


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"min_price": "9", "max_price": "3"}, "max_price"),
        ({"split_by": "hash", "train": "50", "validation": "10", "test": "10"}, "test"),
        ({"recipe": "own"}, "recipe"),
        ({"recipe": "own", "op_blur_on": "on", "op_blur_radius_low": "9", "op_blur_radius_high": "1"}, "recipe"),
        ({"recipe": "paste", "recipe_json": "{"}, "recipe_json"),
        ({"recipe": "paste", "recipe_json": '{"operations": [{"operation": "explode"}]}'}, "recipe_json"),
        ({"formats": []}, "formats"),
        ({"formats": ["imagefolder"], "label": ""}, "label"),
        ({"category": "no/where"}, "category"),
        ({"target": "ftp://elsewhere/x"}, "target"),
        ({"words": "nothing-like-it"}, None),
    ],
)
def test_what_cannot_be_is_told_beside_its_field_and_nothing_is_asked(
    fields: dict[str, Any], wrong: str | None, pages: Client
) -> None:
    make_listing()
    answer = pages.post("/datasets/new/", PLAIN | fields)
    assert answer.status_code == 422
    form = answer.context["form"]
    assert list(form.errors) == [wrong or "__all__"]
    assert not DatasetRequest.objects.exists()
    shown = pages.post("/datasets/new/estimate/", PLAIN | fields).text
    # Where it may be put is a question of whoever asks, not of how much it is.
    assert ("Something is to be changed first" in shown) == (wrong != "target")


def test_the_estimate_counts_before_any_work(pages: Client) -> None:
    for title in ("Red shoes", "Blue shoes"):
        make_listing(title=title, photo_count=2)
    shown = pages.post("/datasets/new/estimate/", PLAIN | {"recipe": "light", "variants": "3"}).text
    assert "4 photos" in shown
    assert "of 2 listings" in shown
    assert "16 pictures" in shown
    assert "ready in" in shown
    assert not DatasetRequest.objects.exists()


def test_without_scripts_the_estimate_comes_by_a_button(pages: Client) -> None:
    make_listing()
    answer = pages.post("/datasets/new/", PLAIN | {"check": "1"})
    assert answer.status_code == 200
    assert "1 photo" in answer.text
    assert not DatasetRequest.objects.exists()


def test_asking_leads_to_the_data_set(pages: Client) -> None:
    make_listing()
    answer = pages.post("/datasets/new/", PLAIN | {"name": "Shoes"})
    made = DatasetRequest.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/datasets/{made.pk}/")
    assert (made.name, made.requested_by_id) == ("Shoes", int(pages.session["_auth_user_id"]))
    assert asked_from_json(made.asked) == checked(asked_by())


def test_a_search_and_an_earlier_data_set_fill_the_form(pages: Client) -> None:
    make_listing()
    form = pages.get("/datasets/new/?q=red&category=clothing/shoes&min_price=3").context["form"]
    assert (form["words"].value(), form["category"].value(), form["min_price"].value()) == ("red", "clothing/shoes", 3)
    pages.post("/datasets/new/", PLAIN | {"name": "Shoes", "most_photos": "1"})
    like = pages.get(f"/datasets/new/?like={DatasetRequest.objects.get().pk}").context["form"]
    assert (like["name"].value(), like["most_photos"].value(), like["image_size"].value()) == ("Shoes", 1, 64)


def test_a_recipe_is_shown_on_photos_of_the_shop(pages: Client) -> None:
    for number in range(4):
        make_listing(title=f"Shoe {number}", colour=(40 * number, 90, 60))
    fields = PLAIN | {"recipe": "strong", "variants": "3"}
    answer = pages.post("/datasets/new/preview/", fields, headers={"HX-Request": "true"})
    assert "<html" not in answer.text
    assert answer.text.count("<img ") == 3 * 4
    assert answer.text.count("data:image/webp;base64,") == 3 * 4
    assert len({row["pictures"][1]["src"] for row in answer.context["rows"]}) == 3
    recipe = Recipe.from_json(json.loads(answer.context["recipe_json"]))
    assert recipe == PRESETS["strong"].changed(variants=3)
    assert "<html" in pages.post("/datasets/new/preview/", fields).text
    nothing = pages.post("/datasets/new/preview/", fields | {"words": "unicorn"}, headers={"HX-Request": "true"})
    assert "nothing to show" in nothing.text
