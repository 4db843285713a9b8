"""A real browser, and a witness who notes whatever a page should not do."""

import os
import shutil
from collections.abc import Collection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Playwright, Request

SYSTEM_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 20_000


def chromium_of(playwright: Playwright) -> str:
    """Return the system's Chromium, else the one that Playwright downloaded; without either skip, in CI fail."""
    for name in SYSTEM_BROWSERS:
        if found := shutil.which(name):
            return found
    own = playwright.chromium.executable_path
    if Path(own).exists():
        return own
    missing = f"needs a browser: none of {', '.join(SYSTEM_BROWSERS)} is installed, and nothing is at {own}"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)


class Witness:
    """Notes console errors, script errors, breaches of the security policy and requests that leave the shop.

    Args:
        refusals: HTTP statuses that the story expects; the browser writes them to the console as errors.
    """

    def __init__(self, context: BrowserContext, *, address: str, refusals: Collection[int]) -> None:
        self.complaints: list[str] = []
        self.requests: list[Request] = []
        self._home = urlsplit(address).netloc
        self._expected = [f"status of {status}" for status in refusals]
        context.on("request", self._on_request)
        context.on("console", self._on_console)
        context.on("weberror", lambda error: self.complaints.append(f"script error: {error.error}"))

    def _on_request(self, request: Request) -> None:
        self.requests.append(request)
        parts = urlsplit(request.url)
        if parts.scheme not in {"blob", "data"} and parts.netloc != self._home:
            self.complaints.append(f"a request left the shop: {request.url}")

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type not in {"error", "warning"} or any(text in message.text for text in self._expected):
            return
        self.complaints.append(f"console {message.type}: {message.text} at {message.location}")


def titles_of(page: Page) -> list[str]:
    """Return the titles of the cards on a page, in order."""
    return [text.strip() for text in page.locator("main .listing-card__title a").all_inner_texts()]
