"""Every text can be read in every language: complete catalogues, and pages that use them."""

import html
import io
import re
from collections.abc import Callable, Iterator
from gettext import GNUTranslations
from html.parser import HTMLParser
from typing import Any

import pytest
from babel.messages.catalog import Catalog, Message
from django.conf import settings
from django.core import mail
from django.test import Client
from django.utils.translation import deactivate, override

from feira.core.errors import InvalidImage
from feira.core.images.wire import _REASONS
from feira.shop.accounts.models import Account
from feira.shop.listings.models import Listing
from feira.shop.photos.refusals import SENTENCES, refusal_text
from scripts.update_translations import (
    LANGUAGES,
    catalogue_path,
    compiled,
    forms_of,
    is_translated,
    read_catalogue,
    texts_of_allauth,
    texts_of_shop,
    updated,
    written,
)
from tests.factories import make_listing

each_language = pytest.mark.parametrize("language", LANGUAGES)
PLACEHOLDER = re.compile(r"%(?:\(\w+\))?[sd]|\{\w*\}|%%")
PORTUGUESE = {"Accept-Language": "pt-PT,pt;q=0.9,en;q=0.5"}
# Texts of one short word are often part of another text or of somebody's data; they prove nothing.
TELLING = 8


def messages_of(catalogue: Catalog) -> dict[tuple[str | None, str], Message]:
    found = {}
    for message in catalogue:
        if message.id:
            found[message.context, message.id if isinstance(message.id, str) else message.id[0]] = message
    return found


def strings_of(catalogue: Catalog) -> dict[tuple[str | None, str], tuple[str, ...]]:
    return {key: forms_of(message) for key, message in messages_of(catalogue).items()}


def entries_in(compiled_catalogue: bytes) -> dict[Any, str]:
    """Return the entries as Django reads them, without the header that names the version of Babel."""
    entries: dict[Any, str] = vars(GNUTranslations(io.BytesIO(compiled_catalogue)))["_catalog"]
    return {key: string for key, string in entries.items() if key}


@pytest.fixture(autouse=True)
def _other_tests_are_in_english() -> Iterator[None]:
    """Forget the language of the last request, which Django leaves behind in its thread."""
    yield
    deactivate()


def test_there_is_a_catalogue_for_every_language_but_english() -> None:
    assert {"en", *LANGUAGES} == {code for code, _name in settings.LANGUAGES}


def test_texts_are_found_in_templates_and_in_python() -> None:
    texts = {text.id: places for text, places in texts_of_shop().items()}
    assert "feira/frontend/templates/base.html" in texts["Skip to the content"]
    assert texts[("%(count)s listing", "%(count)s listings")] == ["feira/shop/search/presenting.py"]
    assert "feira/shop/storefront/forms.py" in texts["What would a buyer type to find it?"]
    assert ("Sold", "several") in {(text.id, text.context) for text in texts_of_shop()}
    assert "Are you sure you want to sign out?" in {text.id for text in texts_of_allauth()}


@each_language
def test_every_text_of_the_shop_is_in_the_catalogue(language: str) -> None:
    catalogue = read_catalogue(catalogue_path(language))
    assert not [text for text in texts_of_shop() if catalogue.get(text.id, text.context) is None]


@each_language
def test_every_entry_is_used_and_translated(language: str) -> None:
    catalogue = read_catalogue(catalogue_path(language))
    entries = messages_of(catalogue).values()
    assert not [entry.id for entry in entries if not is_translated(entry)]
    assert not [entry.id for entry in entries if entry.fuzzy]
    assert not list(catalogue.obsolete)
    known = {(text.id, text.context) for text in {*texts_of_shop(), *texts_of_allauth()}}
    assert not [entry.id for entry in entries if (entry.id, entry.context) not in known]


@each_language
def test_placeholders_survive_translation(language: str) -> None:
    for entry in messages_of(read_catalogue(catalogue_path(language))).values():
        ids = [entry.id] if isinstance(entry.id, str) else list(entry.id)
        strings = forms_of(entry)
        assert len(strings) == len(ids)
        for asked, said in zip(ids, strings, strict=True):
            wanted = sorted(PLACEHOLDER.findall(asked))
            # A language without a form for "exactly one" may name the number where English does not.
            assert sorted(PLACEHOLDER.findall(said)) in (wanted, sorted(PLACEHOLDER.findall(ids[-1]))), asked


@each_language
def test_plural_forms_are_those_that_django_uses(language: str) -> None:
    catalogue = read_catalogue(catalogue_path(language))
    assert catalogue.num_plurals == 2
    assert all(len(forms_of(message)) == 2 for message in messages_of(catalogue).values() if message.pluralizable)


@each_language
def test_the_compiled_catalogue_is_up_to_date(language: str) -> None:
    path = catalogue_path(language)
    committed = entries_in(path.with_suffix(".mo").read_bytes())
    assert committed == entries_in(compiled(read_catalogue(path)))
    assert len(committed) > 300


@each_language
def test_the_script_keeps_translations_and_names_new_texts(language: str) -> None:
    known = read_catalogue(catalogue_path(language))
    assert strings_of(updated(language, known)) == strings_of(known)
    known.delete("Skip to the content")
    again = updated(language, known).get("Skip to the content")
    assert again is not None
    assert not is_translated(again)
    assert written(updated(language, known)) == written(updated(language, known))


class Shown(HTMLParser):
    """Collects what a reader sees or hears: text, and the attributes that are spoken or shown later."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._is_code = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_code = tag in ("script", "style")
        spoken = ("aria-label", "alt", "title", "placeholder", "content")
        self.parts += [value for name, value in attrs if value and (name in spoken or name.startswith("data-"))]

    def handle_endtag(self, tag: str) -> None:
        self._is_code = False

    def handle_data(self, data: str) -> None:
        if not self._is_code:
            self.parts.append(" ".join(data.split()))


def shown_by(page: str) -> set[str]:
    found = Shown()
    found.feed(page)
    found.close()
    return {html.unescape(part).strip(" :.") for part in found.parts}


def english_on(page: str) -> list[str]:
    """Return the English texts on a page that have a Portuguese one."""
    shown = shown_by(page)
    known = messages_of(read_catalogue(catalogue_path("pt")))
    english = [key[1] for key, entry in known.items() if entry.string != key[1] and len(key[1]) >= TELLING]
    return [text for text in english if " ".join(text.split()).strip(" :.") in shown]


@pytest.fixture
def seen(db: None, client: Client) -> Callable[[str], str]:
    """Return a function that reads a page as somebody whose browser asks for Portuguese."""

    def read(address: str) -> str:
        answer = client.get(address, headers=PORTUGUESE)
        assert answer.status_code in (200, 404)
        assert '<html lang="pt">' in answer.text
        return answer.text

    return read


@pytest.mark.parametrize(
    "address",
    ["/", "/search/", "/search/?q=red&min_price=5.50", "/search/?q=nothing+like+it", "/account/login/",
     "/account/signup/", "/account/password/reset/", "/nowhere/"],
)  # fmt: skip
def test_pages_for_everybody_are_portuguese(seen: Callable[[str], str], address: str) -> None:
    make_listing(title="Red coat", price="12.50")
    page = seen(address)
    assert "Saltar para o conteúdo" in page
    assert english_on(page) == []


@pytest.mark.parametrize(
    "address",
    ["/sell/", "/account/profile/", "/account/email/", "/account/password/change/", "/account/logout/", "/liked/",
     "/my/listings/"],
)  # fmt: skip
def test_pages_of_an_account_are_portuguese(
    seen: Callable[[str], str], client: Client, account: Account, address: str
) -> None:
    client.force_login(account)
    assert english_on(seen(address)) == []


def test_a_listing_is_portuguese_but_for_what_its_seller_wrote(seen: Callable[[str], str]) -> None:
    page = seen(make_listing(title="Red coat", price="12.50").get_absolute_url())
    assert english_on(page) == []
    assert "Red coat" in page
    assert "12,50" in page
    assert "Bom" in page


def test_the_english_of_a_page_would_be_noticed(db: None, client: Client) -> None:
    assert "Skip to the content" in english_on(client.get("/", headers={"Accept-Language": "en"}).text)


def test_a_price_in_the_address_stays_in_its_field(seen: Callable[[str], str]) -> None:
    make_listing(price="12.50")
    assert 'name="min_price" min="0" step="any" inputmode="decimal" value="5.50"' in seen("/search/?min_price=5.50")


def test_facets_and_counts_are_portuguese(db: None, client: Client) -> None:
    make_listing()
    one = client.get("/search/", headers=PORTUGUESE)
    assert one.context["total_text"] == "1 anúncio"
    assert [facet["name"] for facet in one.context["facets"]][:2] == ["Categoria", "Estado"]
    none = client.get("/search/?q=nothing+like+it", headers=PORTUGUESE)
    assert none.context["total_text"] == "0 anúncios"


def test_a_refused_photo_is_explained_in_portuguese(client: Client, account: Account) -> None:
    client.force_login(account)
    answer = client.post("/sell/photo/", {"photo": io.BytesIO(b"no photo")}, headers=PORTUGUESE)
    assert answer.status_code == 422
    assert "Este ficheiro não é uma foto que consigamos ler." in answer.text


def test_every_reason_to_refuse_a_photo_has_a_sentence() -> None:
    assert SENTENCES.keys() == _REASONS
    for reason in SENTENCES:
        refusal = InvalidImage("The core's own words.", reason=reason)
        english = refusal_text(refusal)
        with override("pt"):
            assert refusal_text(refusal) not in (english, refusal.message)
    assert refusal_text(InvalidImage("Words.", reason="unheard_of")) == "Words."


def test_a_wrong_listing_is_explained_beside_its_field_in_portuguese(client: Client, account: Account) -> None:
    client.force_login(account)
    listing = make_listing(publish=False, photo_count=0)
    facts = {
        "title": "Coat",
        "category": listing.category_id,
        "price": "5",
        "currency": "EUR",
        "condition": Listing.Condition.GOOD,
        "stock": "1",
    }
    answer = client.post("/sell/", facts | {"publish": "1"}, headers=PORTUGUESE)
    assert answer.status_code == 422
    assert "Junte pelo menos uma foto antes de publicar." in answer.text


def test_mail_about_an_account_is_portuguese(client: Client, account: Account) -> None:
    client.post("/account/password/reset/", {"email": account.email}, headers=PORTUGUESE)
    assert "redefinir a sua palavra-passe" in " ".join(mail.outbox[0].body.split())


def test_the_footer_switches_the_language_and_keeps_the_page(db: None) -> None:
    client = Client(enforce_csrf_checks=True)
    page = client.get("/search/?q=red")
    assert 'action="/i18n/setlang/"' in page.text
    token = client.cookies[settings.CSRF_COOKIE_NAME].value
    answer = client.post(
        "/i18n/setlang/",
        {"language": "pt", "csrfmiddlewaretoken": token},
        headers={"Referer": "http://testserver/search/?q=red"},
    )
    assert (answer.status_code, answer.headers["Location"]) == (302, "http://testserver/search/?q=red")
    assert '<html lang="pt">' in client.get("/search/?q=red").text
