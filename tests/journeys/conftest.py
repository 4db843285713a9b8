"""One running shop per test process, one browser per module, and pages that are watched."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.journeys.browsing import ARGUMENTS, PATIENCE_MS, Witness, chromium_of
from tests.journeys.catalogue import Item, write_catalogue
from tests.journeys.running_shop import RunningShop

PASSWORD = "correct horse battery"
ANA = "ana@example.org"

expect.set_options(timeout=PATIENCE_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker("browser")
            item.add_marker(pytest.mark.xdist_group("journeys"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Let fixtures know whether their test failed."""
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report


FAILED = pytest.StashKey[bool]()


@dataclass(frozen=True, slots=True)
class OpenShop:
    """A running shop, what is for sale in it, and the address and password of somebody who has an account."""

    running: RunningShop
    items: list[Item]
    email: str = ANA
    password: str = PASSWORD

    @property
    def address(self) -> str:
        """Where the shop is open, without a slash at the end."""
        return self.running.address

    def item(self, name: str, category: str = "") -> Item:
        """Return the first listing whose title starts with a name, of one category when given."""
        return next(item for item in self.items if item.title.startswith(name) and category in item.category)


@contextmanager
def opened_shop(folder: Path) -> Iterator[OpenShop]:
    """Start a shop and fill it; stopped in the end."""
    source, items = write_catalogue(folder)
    running = RunningShop(folder / "shop")
    try:
        running.feira("import", str(source))
        running.feira("user", "create", ANA, "--name", "Ana", "--password-stdin", stdin=f"{PASSWORD}\n")
        yield OpenShop(running, items)
    finally:
        running.stop()


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenShop]:
    """The shop of all stories that leave the others as they were."""
    with opened_shop(tmp_path_factory.mktemp("journeys")) as shop:
        yield shop


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start the browser; closed with its module, because Django refuses to work in a thread that Playwright holds."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium_of(playwright), args=ARGUMENTS)
        yield opened
        opened.close()


class Visitors:
    """Opens pages as new visitors, each with cookies of their own."""

    def __init__(self, browser: Browser, shop: OpenShop) -> None:
        self._browser, self._shop = browser, shop
        self.contexts: list[BrowserContext] = []
        self.witnesses: list[Witness] = []

    def __call__(
        self,
        path: str | None = "/",
        *,
        width: int = 1280,
        height: int = 900,
        theme: Literal["light", "dark"] = "light",
        javascript: bool = True,
        signed_in: bool = False,
        refusals: Collection[int] = (),
        script: str = "",
    ) -> Page:
        """Open a page of the shop.

        Args:
            refusals: HTTP statuses that the story expects.
            script: JavaScript that runs before anything of each page.
        """
        context = self._browser.new_context(
            base_url=self._shop.address,
            viewport={"width": width, "height": height},
            color_scheme=theme,
            java_script_enabled=javascript,
            reduced_motion="reduce",
            locale="en-GB",
        )
        context.set_default_timeout(PATIENCE_MS)
        if script:
            context.add_init_script(script)
        self.contexts.append(context)
        self.witnesses.append(Witness(context, address=self._shop.address, refusals=refusals))
        page = context.new_page()
        if signed_in:
            sign_in(page, self._shop.email, self._shop.password)
        if path is not None:
            page.goto(path)
        return page

    def witness_of(self, page: Page) -> Witness:
        """Return who watches a page."""
        return self.witnesses[self.contexts.index(page.context)]


@pytest.fixture
def visit(browser: Browser, shop: OpenShop, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Visitors]:
    """Return a function that opens pages; fails the test when one of them did what it should not."""
    visitors = Visitors(browser, shop)
    yield visitors
    has_failed = request.node.stash.get(FAILED, False)
    for number, context in enumerate(visitors.contexts):
        if has_failed and context.pages:
            picture = tmp_path / f"page-{number}.png"
            context.pages[-1].screenshot(path=picture)
            print(f"{context.pages[-1].url} looked like {picture}")  # noqa: T201 - shown with the failure
        context.close()
    complaints = [complaint for witness in visitors.witnesses for complaint in witness.complaints]
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def sign_in_as(shop: OpenShop) -> Callable[[Page], None]:
    """Return a function that signs the shop's usual visitor in."""
    return lambda page: sign_in(page, shop.email, shop.password)


def sign_in(page: Page, email: str, password: str) -> None:
    """Sign in as people do."""
    page.goto("/account/login/")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    page.locator("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Your account")).to_be_attached()
