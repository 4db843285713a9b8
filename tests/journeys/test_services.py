"""Staff start the shop's longer work from a page, watch it without reloading, cancel it and let it go on."""

import re
import signal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.journeys.conftest import PASSWORD, OpenShop, Visitors, sign_in
from tests.journeys.test_page_quality import SERIOUS, THEMES

KEEPER = "keeper@example.org"
SERVICES = "/staff/insight/services/"
JOBS = "/staff/insight/jobs/"
WORK_MS = 90_000


@pytest.fixture(scope="module")
def keeper(shop: OpenShop) -> str:
    """The address of an administrator."""
    shop.running.feira(
        "user", "create", KEEPER, "--name", "Keeper", "--staff", "--password-stdin", stdin=f"{PASSWORD}\n"
    )
    return KEEPER


@pytest.fixture
def page(visit: Visitors, keeper: str) -> Page:
    """A page of somebody who may do everything here."""
    opened = visit(None)
    sign_in(opened, keeper, PASSWORD)
    opened.goto(SERVICES)
    return opened


def start_drawing(page: Page, *, count: int, seller: str) -> None:
    """Ask for dummy listings as people do; ends on the job's page."""
    page.goto(SERVICES)
    page.locator("#start-create-dummy-listings").click()
    page.get_by_label("How many").fill(str(count))
    page.get_by_label("Mug").check()
    page.get_by_label("Hat").check()
    page.get_by_label("Lowest price").fill("5")
    page.get_by_label("Highest price").fill("9.50")
    page.get_by_label("Seller").fill(seller)
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Create dummy listings")


def test_dummy_listings_are_made_and_watched_without_a_reload(page: Page) -> None:
    start_drawing(page, count=24, seller="Try-out stall")
    page.evaluate("window.wasNotReloaded = true")
    bar = page.locator("main progress")
    expect(bar).to_have_attribute("max", "24", timeout=WORK_MS)
    seen: set[str] = set()
    state = page.locator("#job .job-state").first
    while "succeeded" not in state.inner_text() and len(seen) < 1000:
        seen.add(page.evaluate("document.querySelector('main progress')?.getAttribute('value') ?? ''"))
        page.wait_for_timeout(150)
    expect(state).to_have_text("succeeded", timeout=WORK_MS)
    assert len(seen - {"", "0", "24"}) >= 1, f"no progress was seen on the way: {seen}"
    assert page.evaluate("window.wasNotReloaded") is True
    # Once it is over, the page asks no longer.
    expect(page.locator("#job[hx-trigger]")).to_have_count(0)
    page.get_by_role("link", name="See the listings").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Try-out stall")
    prices = [
        float(text.replace("€", "").replace("\xa0", ""))
        for text in page.locator("main .listing-card__price").all_inner_texts()
    ]
    assert prices
    assert all(5 <= price <= 9.5 for price in prices)
    page.goto(SERVICES)
    card = page.locator("#service-create-dummy-listings")
    expect(card.locator(".job-state")).to_have_text("succeeded")


def test_a_job_is_cancelled_survives_a_dead_worker_and_goes_on_with_what_is_missing(page: Page, shop: OpenShop) -> None:
    start_drawing(page, count=400, seller="Second stall")
    done = page.locator("#job section[aria-labelledby=items] dd").first
    expect(done).not_to_have_text("0", timeout=WORK_MS)
    shop.running.send_signal("worker", signal.SIGKILL)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#job .job-state").first).to_have_text("cancelled")
    kept = int(done.inner_text().replace(",", ""))
    assert 0 < kept < 400
    page.get_by_role("button", name="Try again").click()
    # The first answer after the retry still knows what was done before.
    assert int(done.inner_text().replace(",", "")) >= kept
    expect(page.locator("#job .job-state").first).to_have_text("running", timeout=WORK_MS)
    page.wait_for_function(
        "kept => Number(document.querySelector('main progress').value) > kept", arg=kept, timeout=WORK_MS
    )
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#job .job-state").first).to_have_text("cancelled")
    page.goto(f"{JOBS}?state=cancelled")
    expect(page.locator(".job-rows tbody tr")).to_have_count(1)


def test_what_is_wrong_is_said_beside_the_field_and_the_rest_is_kept(page: Page, visit: Visitors) -> None:
    visit.witness_of(page)._expected.append("status of 422")
    page.goto(f"{SERVICES}create-dummy-listings/")
    page.get_by_label("How many").fill("0")
    page.get_by_label("Lowest price").fill("5")
    page.get_by_role("button", name="Start").click()
    expect(page.locator(".field--wrong .errorlist")).to_have_count(2)
    expect(page.get_by_label("Lowest price")).to_have_value("5")


@pytest.mark.parametrize("path", [SERVICES, f"{SERVICES}create-dummy-listings/", JOBS, f"{JOBS}1/"])
def test_nothing_keeps_staff_from_using_these_pages(page: Page, path: str) -> None:
    page.goto(path)
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
    assert not found, "\n".join(found)


def test_members_are_refused_on_pages_and_over_the_api(visit: Visitors, shop: OpenShop, keeper: str) -> None:
    page = visit(None, refusals=[403, 404])
    sign_in(page, shop.email, shop.password)
    for path in (SERVICES, f"{SERVICES}verify-index/", JOBS, f"{JOBS}1/"):
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 403
    assert page.request.get("/api/v1/services/").status == 403
    token = re.search(r'X-CSRFToken": "([^"]+)"', page.goto("/").text())  # type: ignore[union-attr] # it answered
    assert token is not None
    headers = {"X-CSRFToken": token[1], "Referer": shop.address}
    assert page.request.post("/api/v1/services/verify-index/", headers=headers, data={}).status == 403
    assert page.request.get("/api/v1/jobs/").json()["results"] == []
    assert page.request.get("/api/v1/jobs/1/").status == 404
