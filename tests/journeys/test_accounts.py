"""An account from its first day to a forgotten password."""

import re
import time

from playwright.sync_api import expect

from tests.journeys.conftest import OpenShop, Visitors, sign_in

OLD, NEW = "a quiet harbour at noon", "a loud harbour at night"
RESET_LINK = re.compile(r"http://[\w.:]+/account/password/reset/key/[\w-]+/")


def mailed_link(shop: OpenShop, *, after: int) -> str:
    """Return the link of a password mail; mails are printed by the web process."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        if found := RESET_LINK.search(shop.running.log()[after:]):
            return found.group()
        time.sleep(0.1)
    raise AssertionError(f"no mail with a link was printed:\n{shop.running.log()[after:]}")


def test_sign_up_profile_sign_out_and_a_forgotten_password(visit: Visitors, shop: OpenShop) -> None:
    page = visit("/")
    page.get_by_role("link", name="Sign in").click()
    page.get_by_role("link", name="Make an account").click()
    page.get_by_label("Name shown to others").fill("Bea")
    page.get_by_label("Email").fill("bea@example.org")
    page.get_by_label("Password").fill(OLD)
    page.locator("main").get_by_role("button", name="Make an account").click()
    page.get_by_role("button", name="Your account").click()
    expect(page.locator("#account-menu .menu__title")).to_have_text("Bea")

    page.locator("#account-menu").get_by_role("link", name="Profile").click()
    page.get_by_label("Name shown to others").fill("Beatriz")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved.", exact=True)).to_be_visible()
    page.get_by_role("button", name="Your account").click()
    expect(page.locator("#account-menu .menu__title")).to_have_text("Beatriz")
    page.locator("#account-menu").get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()

    page.goto("/account/login/")
    page.get_by_role("link", name="Forgot your password?").click()
    page.get_by_label("Email").fill("bea@example.org")
    before = len(shop.running.log())
    page.locator("main form button[type='submit']").click()
    page.wait_for_url("**/account/password/reset/done/")
    page.goto(mailed_link(shop, after=before))
    fields = page.locator("main input[type='password']")
    for number in range(fields.count()):
        fields.nth(number).fill(NEW)
    fields.last.press("Enter")
    page.wait_for_url("**/account/password/reset/key/done/")
    sign_in(page, "bea@example.org", NEW)

    stranger = visit("/account/login/", refusals=[422])
    stranger.get_by_label("Email").fill("bea@example.org")
    stranger.get_by_label("Password").fill(OLD)
    stranger.locator("main").get_by_role("button", name="Sign in").click()
    expect(stranger.get_by_role("alert")).to_be_visible()
    expect(stranger.get_by_label("Email")).to_have_value("bea@example.org")
