"""What every answer carries: a policy, a reference, and errors that people and programs understand."""

import re

import pytest
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from pytest_django import Settings

from feira.core.errors import EngineUnavailable, Refused
from feira.shop.config import urls
from feira.shop.web.middleware import server_error

pytestmark = pytest.mark.django_db

PAGES = ["/", "/search/", "/account/login/", "/account/signup/", "/no-such-page/"]


def broken(request: HttpRequest) -> HttpResponse:
    """Fail as nobody foresaw."""
    raise RuntimeError("a secret of the house")


def refusing(request: HttpRequest) -> HttpResponse:
    """Refuse deliberately."""
    raise Refused("This stall is closed. Come back on Monday.", weekday="Monday")


def away(request: HttpRequest) -> HttpResponse:
    """Miss the engine."""
    raise EngineUnavailable("The engine is away. Try again in a minute.")


def forbidden(request: HttpRequest) -> HttpResponse:
    """Forbid, as Django does."""
    raise PermissionDenied


VIEWS = {"broken": broken, "refusing": refusing, "away": away, "forbidden": forbidden}
urlpatterns = [
    *[path(f"{name}/", view) for name, view in VIEWS.items()],
    *[path(f"api/v1/{name}/", view) for name, view in VIEWS.items()],
    *urls.urlpatterns,
]
handler500 = server_error


@pytest.fixture
def forgiving(client: Client, settings: Settings) -> Client:
    """Return a client that is shown error pages, on a shop with pages that fail."""
    settings.ROOT_URLCONF = __name__
    client.raise_request_exception = False
    return client


def directives(policy: str) -> dict[str, str]:
    """Take a Content-Security-Policy apart."""
    return {name: rest for name, _space, rest in (part.strip().partition(" ") for part in policy.split(";"))}


@pytest.mark.parametrize("address", PAGES)
def test_every_page_forbids_inline_code_other_sites_and_being_framed(client: Client, address: str) -> None:
    answer = client.get(address)
    policy = directives(answer["Content-Security-Policy"])
    assert policy["default-src"] == "'self'"
    assert policy["object-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["form-action"] == "'self'"
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert "http" not in answer["Content-Security-Policy"]
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"


def test_the_api_documents_may_style_themselves_inline_but_run_nothing(client: Client) -> None:
    policy = directives(client.get("/api/v1/docs/")["Content-Security-Policy"])
    style = policy.pop("style-src")
    assert "http" not in style
    assert all("unsafe" not in rest for rest in policy.values())


def test_each_answer_has_a_reference_of_its_own(client: Client) -> None:
    references = [client.get("/")["X-Request-ID"] for _again in range(3)]
    assert len(set(references)) == 3
    assert all(re.fullmatch(r"[0-9a-f]{12}", reference) for reference in references)


def test_a_visitor_cannot_choose_the_reference(client: Client) -> None:
    assert client.get("/", headers={"X-Request-ID": "forged\nline"})["X-Request-ID"] != "forged\nline"


def test_a_failure_is_answered_with_the_reference_of_its_log_line_and_no_secret(forgiving: Client) -> None:
    answer = forgiving.get("/broken/")
    assert answer.status_code == 500
    assert answer["X-Request-ID"] in answer.text
    assert "a secret of the house" not in answer.text


def test_programs_get_a_failure_as_a_problem_document(forgiving: Client) -> None:
    answer = forgiving.get("/api/v1/broken/")
    assert (answer.status_code, answer["Content-Type"]) == (500, "application/problem+json")
    problem = answer.json()
    assert problem["reference"] == answer["X-Request-ID"]
    assert problem["code"] == "internal"
    assert "a secret of the house" not in answer.text


def test_a_refusal_is_a_page_for_people_and_a_document_for_programs(forgiving: Client) -> None:
    page = forgiving.get("/refusing/")
    assert page.status_code == Refused.http_status
    assert "This stall is closed. Come back on Monday." in page.text
    assert "<html" in page.text
    answer = forgiving.get("/api/v1/refusing/")
    assert (answer.status_code, answer["Content-Type"]) == (Refused.http_status, "application/problem+json")
    problem = answer.json()
    assert problem["detail"] == "This stall is closed. Come back on Monday."
    assert problem["weekday"] == "Monday"
    assert problem["status"] == Refused.http_status
    assert problem["type"].endswith(problem["code"])


def test_an_engine_that_is_away_is_not_the_visitors_fault(forgiving: Client) -> None:
    assert forgiving.get("/away/").status_code == 503
    assert forgiving.get("/api/v1/away/").json()["status"] == 503


def test_forbidden_is_said_in_words(forgiving: Client) -> None:
    answer = forgiving.get("/forbidden/")
    assert answer.status_code == 403
    assert "<h1" in answer.text


def test_a_wrong_address_leads_home(client: Client) -> None:
    answer = client.get("/no-such-page/")
    assert answer.status_code == 404
    assert 'href="/"' in answer.text
    assert "<h1" in answer.text


def test_a_wrong_address_of_the_api_is_a_problem_document(client: Client) -> None:
    answer = client.get("/api/v1/no-such-thing/")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert answer.json()["code"] == "not_found"


def test_nothing_of_a_wrong_address_is_run_or_shown_raw(client: Client) -> None:
    assert "<script>alert" not in client.get("/<script>alert(1)</script>/").text


@pytest.mark.parametrize("language", ["en", "pt", "xx", "en;q=broken"])
def test_pages_come_in_any_language_asked_for(client: Client, language: str) -> None:
    answer = client.get("/", headers={"Accept-Language": language})
    assert answer.status_code == 200
    assert f'<html lang="{"pt" if language == "pt" else "en"}">' in answer.text


def test_figures_are_for_this_machine_only(client: Client) -> None:
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="203.0.113.9").status_code == 403
    assert client.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 403


def test_the_web_process_says_that_it_is_alive_and_ready(client: Client) -> None:
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").json() == {"ready": True, "migrations_waiting": 0}
