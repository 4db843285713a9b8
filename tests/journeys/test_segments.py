"""Staff find out who their customers are: the service's job leads to the segments."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.journeys.conftest import PASSWORD, OpenShop, Visitors, opened_shop, sign_in
from tests.journeys.test_page_quality import SERIOUS, THEMES

ANALYST = "analyst@example.org"
SEGMENTS = "/staff/insight/segments/"
WORK_MS = 90_000
ROOT = Path(__file__).parents[2]
# People do what they do over months; a browser cannot. So what they did is written into the shop's database.
PLANT = """
import django
django.setup()
from feira.shop.listings.models import Listing
from tests.shop.insight.planted import plant_customers
plant_customers(catalogue=list(Listing.objects.filter(state="live", cover__isnull=False).order_by("pk")[:8]))
"""


def plant(shop: OpenShop) -> None:
    """Let customers of three behaviours have been here."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("FEIRA_", "DJANGO_"))}
    settings = {
        "DJANGO_SETTINGS_MODULE": "feira.shop.config.settings",
        "FEIRA_DATA_DIR": str(shop.running.data_dir),
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-c", PLANT],
        env={**ours, **settings},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenShop]:
    """A shop apart: customers are counted here, and those of other stories would be, too."""
    with opened_shop(tmp_path_factory.mktemp("segments")) as shop:
        yield shop


@pytest.fixture(scope="module")
def analyst(shop: OpenShop) -> str:
    """The address of an administrator."""
    shop.running.feira(
        "user", "create", ANALYST, "--name", "Analyst", "--staff", "--password-stdin", stdin=f"{PASSWORD}\n"
    )
    return ANALYST


@pytest.fixture
def page(visit: Visitors, analyst: str) -> Page:
    """A page of somebody who may do everything here."""
    opened = visit(None)
    sign_in(opened, analyst, PASSWORD)
    return opened


@pytest.fixture(scope="module")
def planted(shop: OpenShop) -> bool:
    """Let there be customers, once."""
    plant(shop)
    return True


def find_segments(page: Page) -> None:
    """Run the service from the page that asks for it, unless there are segments already; ends on their page."""
    page.goto(SEGMENTS)
    if page.locator(".segment-card").count():
        return
    page.get_by_role("link", name="Run the service").click()
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#job .job-state").first).to_have_text("succeeded", timeout=WORK_MS)
    page.get_by_role("link", name="See the segments").click()


def complaints_about(page: Page) -> list[str]:
    found = []
    for theme in THEMES:
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        expect(page.locator("html")).to_have_attribute("data-bs-theme", theme)
        page.wait_for_timeout(50)
        for width, height in ((390, 844), (1280, 900)):
            page.set_viewport_size({"width": width, "height": height})
            wide, inside = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
            assert wide <= inside
            for violation in Axe().run(page).response["violations"]:
                if violation["impact"] in SERIOUS:
                    nodes = "; ".join(node["html"][:160] for node in violation["nodes"][:3])
                    found.append(f"{theme} {width}: {violation['id']} ({violation['help']}): {nodes}")
    return found


def test_who_the_customers_are_is_found_named_and_looked_at(page: Page, planted: bool) -> None:
    find_segments(page)
    cards = page.locator(".segment-card")
    expect(cards).to_have_count(3)
    expect(cards.nth(1)).to_contain_text("Lamps over")
    expect(cards.nth(0).locator("img")).not_to_have_count(0)
    expect(page.locator(".chart__bar")).to_have_count(3)
    cards.nth(1).get_by_role("link").first.click()
    expect(page.locator(".segment-members li")).to_have_count(18)
    expect(page.locator(".segment-members")).to_contain_text("Lamps 17")
    page.get_by_label("Name").fill("Light seekers")
    page.get_by_role("button", name="Save name").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Light seekers")
    page.get_by_role("link", name="All segments").click()
    expect(page.locator(".segment-card h2").nth(1)).to_have_text("Light seekers")


@pytest.mark.parametrize("path", ["", "1/"])
def test_nothing_keeps_staff_from_using_these_pages(page: Page, planted: bool, path: str) -> None:
    find_segments(page)
    page.goto(f"{SEGMENTS}{path}")
    assert not complaints_about(page)


def test_the_pages_work_without_script(visit: Visitors, planted: bool, page: Page, analyst: str) -> None:
    find_segments(page)
    plain = visit(None, javascript=False)
    plain.goto("/account/login/")
    plain.get_by_label("Email").fill(analyst)
    plain.get_by_label("Password").fill(PASSWORD)
    plain.locator("main").get_by_role("button", name="Sign in").click()
    plain.goto(SEGMENTS)
    plain.locator(".segment-card h2 a").nth(2).click()
    expect(plain.locator(".segment-members li").first).to_be_visible()


def test_members_are_refused(visit: Visitors, shop: OpenShop) -> None:
    page = visit(None, refusals=[403])
    sign_in(page, shop.email, shop.password)
    for path in (SEGMENTS, f"{SEGMENTS}1/"):
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 403
    assert page.request.get("/api/v1/segments/").status == 403
