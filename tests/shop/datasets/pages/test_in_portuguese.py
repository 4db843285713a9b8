"""Who reads Portuguese finds no English on the pages of data sets."""

import html
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils.translation import deactivate, override

from feira.core.augment import InvalidRecipe, Recipe
from feira.settings import load_settings
from feira.shop.accounts.models import Account
from feira.shop.datasets import estimating, services
from feira.shop.datasets.asked import Asked, Filters, Predictions, asked_from_json
from feira.shop.datasets.checking import checked
from feira.shop.datasets.errors import BadRequestError
from feira.shop.datasets.recipe_refusals import refusal_of
from tests.factories import make_listing
from tests.frontend.test_translations import PORTUGUESE, english_on
from tests.shop.datasets.pages.test_asking import PLAIN

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _other_tests_are_in_english() -> Iterator[None]:
    """Forget the language of the last request, which Django leaves behind in its thread."""
    yield
    deactivate()


def test_the_empty_list_and_the_form_are_portuguese(pages: Client) -> None:
    make_listing()
    for address in ("/datasets/", "/datasets/new/"):
        shown = pages.get(address, headers=PORTUGUESE).text
        assert '<html lang="pt">' in shown
        assert english_on(shown) == []
    assert "Pequenos cortes" in shown


def test_a_data_set_and_its_work_are_portuguese(pages: Client, analyst: Account) -> None:
    make_listing()
    number = services.ask_for_dataset(Asked(), by=analyst).pk
    for address in ("/datasets/", f"/datasets/{number}/", f"/datasets/{number}/items/"):
        assert english_on(pages.get(address, headers=PORTUGUESE).text) == []
    assert "Conjunto de dados" in pages.get("/datasets/", headers=PORTUGUESE).text


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"words": "unicorn"}, "Nenhuma foto passa todos os filtros: sem `words` há fotos que passam (1)."),
        ({"min_price": "9000", "words": "unicorn"}, "sem nenhum deles há fotos que passam (1). Retire vários."),
        ({"formats": ["imagefolder"], "label": ""}, "O formato imagefolder dá às pastas o nome das classes."),
        ({"target": "ftp://elsewhere/x"}, "Não se pode entregar nada aí."),
    ],
)
def test_what_is_to_be_changed_is_said_in_portuguese(fields: dict[str, Any], reason: str, pages: Client) -> None:
    make_listing()
    answer = pages.post("/datasets/new/", PLAIN | fields, headers=PORTUGUESE)
    assert answer.status_code == 422
    assert reason in html.unescape(answer.text)


def test_too_much_is_told_with_the_comma_of_the_language(pages: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    make_listing()
    changed = load_settings().model_copy(update={"dataset_max_bytes": 1})
    monkeypatch.setattr(estimating, "load_settings", lambda: changed)
    shown = pages.post("/datasets/new/estimate/", PLAIN, headers=PORTUGUESE).text
    assert "Daqui resultariam cerca de 0,0 GB, e um conjunto de dados tem no máximo 0,0 GB." in shown
    deactivate()
    assert "About 0.0 GB would come of this" in pages.post("/datasets/new/estimate/", PLAIN).text


def test_what_is_named_and_is_not_there_is_told_in_portuguese() -> None:
    asked = Asked(filters=Filters(category="no/where"), label="tag:mood", predictions=Predictions(model="torch:../x"))
    with override("pt"), pytest.raises(BadRequestError) as refused:
        checked(asked)
    assert refused.value.errors == {
        "filters.category": "Não existe a categoria 'no/where'. Escolha uma da loja, como clothing/shoes.",
        "label": "Nenhum anúncio tem uma etiqueta do grupo 'mood'. Experimente tag:colour.",
        "predictions.model": "Indique uma pasta dentro da pasta de modelos, como em torch:shoes-2.",
    }


OPERATION = "Operação 1 (resize) da receita: "


@pytest.mark.parametrize(
    ("recipe", "reason"),
    [
        (
            '{"operations": [{"operation": "resize", "size": 50000}]}',
            OPERATION + "`size`: 50000; indique dois números inteiros de 1 a 4096 píxeis, o menor primeiro, ou um só.",
        ),
        (
            '{"operations": [{"operation": "resize", "turn": 1}]}',
            OPERATION + "`turn` não é um campo seu; indique alguns de operation, probability, side, size.",
        ),
        ('{"operations": [{}]}', "Operação 1 da receita: `operation`: em falta; indique um de flip, rotate, crop,"),
        ('{"operations": [3]}', "Operação 1 da receita: é outra coisa; indique um objeto como {"),
        ("{}", "`operations` falta ou é outra coisa; indique uma lista de 20 operações, no máximo."),
        ("[]", "A receita é outra coisa; indique um objeto com `operations`."),
        ("{", "A receita não é JSON; indique um objeto JSON com `operations`."),
        ('{"operations": [], "seed": -1}', "`seed` da receita: -1; indique um número inteiro de 0 a 9007199254740991."),
        ('{"operations": [], "version": 2}', "`version` da receita: 2; indique o número 1."),
        ('{"operations": [], "name": "x"}', "`name` não é um campo de uma receita; indique alguns de operations,"),
    ],
)
def test_what_is_wrong_with_a_recipe_stands_beside_its_field_in_portuguese(
    recipe: str, reason: str, pages: Client
) -> None:
    make_listing()
    answer = pages.post("/datasets/new/", PLAIN | {"recipe": "paste", "recipe_json": recipe}, headers=PORTUGUESE)
    assert answer.status_code == 422
    beside = re.search(r'id="id_recipe_json_error".*?</ul>', html.unescape(answer.text), re.DOTALL)
    assert beside is not None
    assert reason in beside[0]


def test_problems_of_the_api_have_a_code_for_programs_and_portuguese_for_people(pages: Client) -> None:
    address, kind = "/api/v1/datasets/recipes/preview/", "application/json"
    sent = {"recipe": {"operations": [{"operation": "flip", "probability": 2}]}}
    problem = pages.post(address, sent, content_type=kind, headers=PORTUGUESE).json()
    assert (problem["status"], problem["code"], problem["field"]) == (422, "invalid_recipe", "probability")
    assert (problem["place"], problem["operation"], problem["complaint"], problem["given"]) == (0, "flip", "value", "2")
    assert problem["expects"] == {"code": "number", "least": 0, "most": 1}
    assert problem["detail"] == "Operação 1 (flip) da receita: `probability`: 2; indique um número de 0 a 1."
    assert "give a number from 0 to 1" in pages.post(address, sent, content_type=kind).json()["detail"]


@pytest.mark.parametrize(
    ("given", "where", "reason"),
    [
        ({"filters": {"similar_to": "7"}}, "filters.similar_to", "indique um número inteiro ou null, não um texto."),
        ({"filters": 3}, "filters", "indique um objeto, não um número inteiro."),
        ({"formats": "folder"}, "formats", "indique uma lista, não um texto."),
        ({"split": {"by": "mood"}}, "split.by", "'mood' não é uma das palavras possíveis."),
        ({"filters": {"published_since": "soon"}}, "filters.published_since", "uma data e hora como 2026-11-01T00:00"),
        ({"filters": {"min_price": "cheap"}}, "filters.min_price", "indique um número, não um texto."),
    ],
)
def test_a_value_of_the_wrong_kind_is_told_in_portuguese(given: dict[str, Any], where: str, reason: str) -> None:
    with override("pt"), pytest.raises(BadRequestError) as refused:
        asked_from_json(given)
    assert reason in refused.value.errors[where]


def test_what_is_wrong_with_an_image_rule_is_told_in_portuguese() -> None:
    for given, where, reason in (
        ({"fit": "round"}, "image.fit", "`fit` da regra das imagens: 'round'; indique um de original, longest,"),
        ({"size": 0}, "image.size", "indique um número inteiro de 1 a 4096 píxeis, ou null."),
        ({"fit": "original", "size": 7}, "image.size", "indique null onde `fit` é original."),
        ({"colour": 1}, "image.colour", "`colour` não é um campo de uma regra das imagens;"),
    ):
        with override("pt"), pytest.raises(BadRequestError) as refused:
            checked(asked_from_json({"image": given}))
        assert reason in refused.value.errors[where]


def test_the_sentences_are_those_of_core_where_nothing_is_translated() -> None:
    wrong: list[Any] = [
        {"operations": [{"operation": "crop", "area": [2, 3]}]},
        {"operations": [{"operation": "resize", "size": 0.5}]},
        {"operations": [{"operation": "crop", "size": "x"}]},
        {"operations": [{"operation": "flip", "direction": "up"}]},
        {"operations": 3, "seed": 1},
        {"seed": "x", "operations": []},
        {"operations": [], "version": 7},
        [],
    ]
    for given in wrong:
        with pytest.raises(InvalidRecipe) as caught:
            Recipe.from_json(given)
        said, core = refusal_of(caught.value), caught.value.message
        assert said.partition("; give ")[2] == core.partition("; give ")[2]
        assert caught.value.field in said or caught.value.field == "recipe"
