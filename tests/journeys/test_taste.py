"""What somebody likes is answered by what they may like, with the reason, until they have it forgotten."""

import time

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.journeys.catalogue import Item
from tests.journeys.conftest import PASSWORD, OpenShop, Visitors, sign_in
from tests.journeys.test_page_quality import SERIOUS, THEMES

LIKED = 3
# A job has to be picked up and done; on a busy machine that takes its time.
DONE_WITHIN_S = 90


def alike_in(shop: OpenShop) -> list[Item]:
    """Return all things of one kind: shoes where the photos are real, else of the first kind that was drawn."""
    kinds = {item.category for item in shop.items}
    kind = "Shoes" if "Shoes" in kinds else shop.items[0].category
    return [item for item in shop.items if item.category == kind]


def like_some(page: Page, items: list[Item]) -> None:
    """Find each thing by its title and press its heart."""
    for item in items:
        page.goto(f"/search/?q={item.title.replace(' ', '+')}")
        heart = page.get_by_role("button", name=f"Save {item.title}", exact=True)
        heart.click()
        expect(heart).to_have_attribute("aria-pressed", "true")


def wait_for_row(page: Page) -> None:
    """Look at the home page until it holds something for this person."""
    until = time.monotonic() + DONE_WITHIN_S
    page.goto("/")
    while not page.get_by_role("heading", name="For you").is_visible():
        assert time.monotonic() < until, "nothing was recommended"
        time.sleep(1)
        page.reload()


@pytest.fixture
def rui(visit: Visitors, shop: OpenShop, request: pytest.FixtureRequest) -> Page:
    """Somebody new who is signed in."""
    email = f"{request.node.name.replace('_', '-')[:40]}@example.org"
    shop.running.feira("user", "create", email, "--name", "Rui", "--password-stdin", stdin=f"{PASSWORD}\n")
    page = visit(None)
    sign_in(page, email, PASSWORD)
    return page


def test_three_likes_bring_more_of_the_kind_with_the_reason_until_they_are_forgotten(
    rui: Page, shop: OpenShop, visit: Visitors
) -> None:
    items = alike_in(shop)
    like_some(rui, items[:LIKED])
    wait_for_row(rui)
    row = rui.get_by_role("region", name="For you")
    titles = row.locator(".listing-card__title").all_inner_texts()
    others = {item.title for item in items[LIKED:]}
    assert len(others & set(titles[: len(others)])) >= len(others) - 1, titles
    assert not {item.title for item in items[:LIKED]} & set(titles)
    reason = row.get_by_role("link", name="Because you liked").first
    liked = reason.inner_text().removeprefix("Because you liked ")
    assert liked in {item.title for item in items[:LIKED]}
    reason.click()
    expect(rui.get_by_role("heading", name=liked, level=1)).to_be_visible()
    expect(visit("/").get_by_role("heading", name="For you")).to_have_count(0)

    rui.goto("/account/profile/")
    expect(rui.get_by_text("We see one interest.")).to_be_visible()
    rui.get_by_role("button", name="Forget my taste").click()
    expect(rui.get_by_text("Forgotten. What you save from now on counts.")).to_be_visible()
    rui.goto("/")
    expect(rui.get_by_role("heading", name="Fresh on the stalls")).to_be_visible()
    expect(rui.get_by_role("heading", name="For you")).to_have_count(0)
    rui.goto("/liked/")
    expect(rui.get_by_role("link", name=items[0].title, exact=True)).to_be_visible()


def test_nothing_keeps_people_from_using_the_row_and_its_switches(rui: Page, shop: OpenShop) -> None:
    like_some(rui, alike_in(shop)[:LIKED])
    wait_for_row(rui)
    found = []
    for path in ("/", "/account/profile/"):
        rui.goto(path)
        for theme in THEMES:
            rui.emulate_media(color_scheme=theme, reduced_motion="reduce")
            expect(rui.locator("html")).to_have_attribute("data-bs-theme", theme)
            rui.wait_for_timeout(50)  # colours change within a frame or two
            for width, height in ((360, 740), (1280, 900)):
                rui.set_viewport_size({"width": width, "height": height})
                wide, inside = rui.evaluate("[document.documentElement.scrollWidth, innerWidth]")
                assert wide <= inside, f"{path} at {width}"
                for violation in Axe().run(rui).response["violations"]:
                    if violation["impact"] in SERIOUS:
                        nodes = "; ".join(node["html"][:160] for node in violation["nodes"][:3])
                        found.append(f"{path} {theme} {width}: {violation['id']}: {nodes}")
    assert not found, "\n".join(found)
    rui.get_by_role("button", name="Do not follow my taste").click()
    expect(rui.get_by_text("We no longer follow your taste.")).to_be_visible()
    rui.goto("/")
    expect(rui.get_by_role("heading", name="For you")).to_have_count(0)
