"""Looking closely at one listing, and at the page itself."""

import re

from playwright.sync_api import expect

from tests.journeys.conftest import OpenShop, Visitors


def test_the_link_to_a_listing_is_copied(visit: Visitors, shop: OpenShop) -> None:
    page = visit(f"/search/?q={shop.item('Harbour').title}")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=shop.address)
    page.locator("main .listing-card__title a").first.click()
    page.get_by_role("button", name="Share", exact=True).click()
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_text("Link copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.url
    assert page.locator("link[rel='canonical']").get_attribute("href") == page.url


def test_a_photo_is_enlarged_and_put_back(visit: Visitors, shop: OpenShop) -> None:
    page = visit(f"/search/?q={shop.item('Harbour').title}")
    page.locator("main .listing-card__title a").first.click()
    page.get_by_role("link", name="Enlarge photo 1 of 1").click()
    large = page.get_by_role("dialog", name="Photo, enlarged")
    expect(large.locator("img")).to_be_visible()
    assert "/full" in (large.locator("img").get_attribute("src") or "")
    page.keyboard.press("Escape")
    expect(large).to_be_hidden()
    expect(page.get_by_role("link", name="Enlarge photo 1 of 1")).to_be_focused()


def test_a_guest_who_likes_something_is_led_through_sign_in_back_to_it(visit: Visitors, shop: OpenShop) -> None:
    page = visit(f"/search/?q={shop.item('Meadow').title}")
    page.locator("main .listing-card .heart").first.click()
    page.wait_for_url(re.compile(r"/account/login/\?next="))
    page.get_by_label("Email").fill(shop.email)
    page.get_by_label("Password").fill(shop.password)
    page.locator("main").get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/search/?q=*")


def test_the_choice_of_dark_or_light_stays(visit: Visitors) -> None:
    page = visit("/")
    body, toggle = page.locator("body"), page.get_by_role("button", name="Switch between light and dark")
    light, dark = "rgb(250, 248, 245)", "rgb(21, 20, 19)"
    expect(body).to_have_css("background-color", light)
    toggle.click()
    expect(body).to_have_css("background-color", dark)
    page.reload()
    expect(body).to_have_css("background-color", dark)
    page.goto("/search/")
    expect(body).to_have_css("background-color", dark)
    toggle.click()
    expect(body).to_have_css("background-color", light)
    page.reload()
    expect(body).to_have_css("background-color", light)


def test_a_wrong_address_is_answered_by_a_friendly_page(visit: Visitors) -> None:
    page = visit("/listings/999999/", refusals=[404])
    expect(page.locator("main h1")).to_be_visible()
    expect(page.locator("main a").first).to_be_visible()
    page.get_by_role("link", name="Feira").first.click()
    expect(page.locator(".hero")).to_be_visible()
