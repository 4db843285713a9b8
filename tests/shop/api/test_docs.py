"""Swagger UI and ReDoc in a real browser: drawn from our own files alone, within the Content-Security-Policy."""

import os
import shutil
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import Error as BrowserError
from pytest_django.live_server_helper import LiveServer
from rest_framework.test import APIClient

from feira.shop.accounts.models import Account
from feira.shop.accounts.services import issue_token
from tests.factories import make_account


@pytest.fixture
def browser() -> Iterator[Browser]:
    """The machine's Chromium, else Playwright's own."""
    path = next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
    )
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        except BrowserError:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip("needs Chromium: install it, or run `playwright install chromium`")
        yield browser
        browser.close()


@pytest.fixture
def ana(transactional_db: None) -> Account:
    return make_account(display_name="Ana of the docs")


@pytest.fixture
def secret(ana: Account) -> str:
    return issue_token(account=ana, name="docs")[1]


class Watched:
    """A page of the browser, with every address it asked for and everything it complained about."""

    def __init__(self, browser: Browser) -> None:
        self.page: Page = browser.new_context().new_page()
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on(
            "console",
            lambda message: self.complaints.append(message.text) if message.type in ("error", "warning") else None,
        )

    def hosts(self) -> set[str]:
        return {urlsplit(url).netloc for url in self.asked if not url.startswith(("data:", "blob:"))}


@pytest.mark.browser
def test_swagger_shows_the_api_and_tries_requests_with_a_token(
    secret: str, live_server: LiveServer, browser: Browser
) -> None:
    watched = Watched(browser)
    page = watched.page
    page.goto(f"{live_server.url}/api/v1/docs/")
    page.get_by_text("Post a listing", exact=True).wait_for()
    page.get_by_role("button", name="Authorize").first.click()
    bearer = page.locator(".auth-container").filter(has_text="Bearer")
    bearer.locator("input").fill(secret)
    bearer.get_by_role("button", name="Apply credentials").click()
    page.locator(".modal-ux").get_by_role("button", name="Close").first.click()
    operation = page.locator("#operations-me-me")
    operation.get_by_text("Read one's own account").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    operation.get_by_text("Ana of the docs").first.wait_for()
    assert watched.complaints == []
    assert watched.hosts() == {urlsplit(live_server.url).netloc}


@pytest.mark.browser
def test_redoc_shows_the_api(transactional_db: None, live_server: LiveServer, browser: Browser) -> None:
    watched = Watched(browser)
    page = watched.page
    page.goto(f"{live_server.url}/api/v1/redoc/")
    page.get_by_role("heading", name="Post a listing").wait_for()
    page.get_by_placeholder("Search").fill("hearts")
    page.wait_for_timeout(500)  # the search runs in a worker
    assert watched.complaints == []
    assert watched.hosts() == {urlsplit(live_server.url).netloc}


@pytest.mark.django_db
def test_only_the_readers_may_draw_with_styles_of_their_own() -> None:
    client = APIClient()
    policies = {
        path: client.get(f"/api/v1/{path}")["Content-Security-Policy"] for path in ("docs/", "redoc/", "categories/")
    }
    assert "'unsafe-inline'" not in policies["categories/"]
    for path in ("docs/", "redoc/"):
        directives = dict(part.strip().split(" ", 1) for part in policies[path].split(";"))
        assert directives["style-src"] == "'self' 'unsafe-inline'"
        assert "script-src" not in directives
        assert directives["default-src"] == "'self'"


@pytest.mark.django_db
def test_redoc_is_sent_without_the_address_of_its_logo() -> None:
    bundle = APIClient().get("/api/v1/redoc/bundle.js")
    assert len(bundle.content) > 500_000
    assert b"cdn.redoc.ly" not in bundle.content
    assert "max-age=86400" in bundle["Cache-Control"]
