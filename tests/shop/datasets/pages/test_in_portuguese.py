"""Who reads Portuguese finds no English on the pages of data sets."""

import html
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils.translation import deactivate, override

from feira.settings import load_settings
from feira.shop.accounts.models import Account
from feira.shop.datasets import estimating, services
from feira.shop.datasets.asked import Asked, Filters, Predictions
from feira.shop.datasets.checking import checked
from feira.shop.datasets.errors import BadRequestError
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
