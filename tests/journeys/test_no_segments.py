"""Before anybody has looked who the customers are, the page says what to do, and the service how many it takes."""

from playwright.sync_api import expect

from tests.journeys.conftest import PASSWORD, OpenShop, Visitors, sign_in
from tests.journeys.test_segments import SEGMENTS, complaints_about

NORA = "nora@example.org"


def test_the_empty_page_says_what_to_do_and_too_few_customers_are_refused_in_words(
    visit: Visitors, shop: OpenShop
) -> None:
    shop.running.feira("user", "create", NORA, "--name", "Nora", "--staff", "--password-stdin", stdin=f"{PASSWORD}\n")
    page = visit(None, refusals=(422,))
    sign_in(page, NORA, PASSWORD)
    page.goto(SEGMENTS)
    expect(page.locator(".empty__title")).to_have_text("Nobody has looked who your customers are")
    assert not complaints_about(page)
    page.get_by_role("link", name="Run the service").click()
    page.get_by_role("button", name="Start").click()
    expect(page.locator(".notice--error")).to_contain_text("30 customers are needed")
