"""What every page keeps to: readable by everybody, no wider than the screen, light, and still."""

import re
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from tests.journeys.conftest import OpenShop, Visitors

FIRST_PAGE_MOST_BYTES = 200_000
FIRST_PAGE_MOST_REQUESTS = 15
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SERIOUS = {"serious", "critical"}

PAGES = {
    "home": "/",
    "search": "/search/?q=juniper",
    "nothing found": "/search/?q=xylophone&max_price=1",
    "listing": "listing",
    "sell": "/sell/",
    "sign in": "/account/login/",
    "liked": "/liked/",
    "profile": "/account/profile/",
}
NEEDS_ACCOUNT = {"sell", "liked", "profile"}

SHIFTS = """
    window.shifts = [];
    new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) {
            const what = entry.sources.map(({ node, previousRect: from, currentRect: to }) => {
                const name = node?.className || node?.parentElement?.className || node?.nodeName;
                const place = ({ x, y, width, height }) => `${x},${y} ${width}x${height}`;
                return `${name} ${place(from)} to ${place(to)}`;
            });
            window.shifts.push(`${entry.value.toFixed(4)} ${what}`);
        }
    }).observe({ type: "layout-shift", buffered: true });
"""


def open_page(visit: Visitors, shop: OpenShop, name: str, **how: object) -> Page:
    """Open one of the pages above."""
    path = PAGES[name]
    if path != "listing":
        return visit(path, signed_in=name in NEEDS_ACCOUNT, **how)  # type: ignore[arg-type] # passed on as given
    page = visit(f"/search/?q={shop.item('Harbour').title}", **how)  # type: ignore[arg-type] # as above
    page.locator("main .listing-card__title a").first.click()
    page.wait_for_url("**/listings/**")
    return page


@pytest.mark.parametrize("name", PAGES)
def test_nothing_keeps_people_from_using_a_page(visit: Visitors, shop: OpenShop, name: str) -> None:
    page = open_page(visit, shop, name)
    found = []
    for theme in THEMES:
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        expect(page.locator("html")).to_have_attribute("data-bs-theme", theme)
        page.wait_for_timeout(50)  # colours change within a frame or two
        for width, height in ((390, 844), (1280, 900)):
            page.set_viewport_size({"width": width, "height": height})
            for violation in Axe().run(page).response["violations"]:
                if violation["impact"] in SERIOUS:
                    nodes = "; ".join(node["html"][:160] for node in violation["nodes"][:3])
                    found.append(f"{theme} {width}: {violation['id']} ({violation['help']}): {nodes}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_no_wider_than_a_small_phone(visit: Visitors, shop: OpenShop, name: str) -> None:
    page = open_page(visit, shop, name, width=360, height=740)
    wide, inside = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= inside


@pytest.mark.parametrize("path", ["/", "/search/?q=washed"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_moves_while_photos_arrive(visit: Visitors, path: str, width: int) -> None:
    page = visit(None, width=width, height=800, script=SHIFTS)

    def late(route: Route) -> None:
        page.wait_for_timeout(60)
        route.continue_()

    page.route("**/photos/**", late)
    page.goto(path)
    for _screen in range(4):
        page.mouse.wheel(0, 700)
        page.wait_for_timeout(150)
    expect(page.locator("footer")).to_be_attached()
    shifts = page.evaluate("window.shifts")
    # A word of a button that comes with the next packet of the page makes it grow: less than a thousandth of a screen.
    assert sum(float(shift.split()[0]) for shift in shifts) < 0.001, shifts


def test_the_first_page_is_light(visit: Visitors) -> None:
    page = visit("/", height=900)
    page.wait_for_load_state("networkidle")
    requests = [one for one in visit.witness_of(page).requests if "/photos/" not in one.url]
    sizes = {one.url: one.sizes()["responseBodySize"] for one in requests}
    told = "\n".join(f"{size:>8} {url}" for url, size in sizes.items())
    print(f"{sum(sizes.values())} bytes in {len(requests)} requests besides photos")  # noqa: T201 - a measurement
    assert sum(sizes.values()) <= FIRST_PAGE_MOST_BYTES, told
    assert all(re.search(r"\.[0-9a-f]{12}\.\w+$", url) for url in sizes if "/static/" in url), "not kept for ever"
    assert len(requests) <= FIRST_PAGE_MOST_REQUESTS, told
