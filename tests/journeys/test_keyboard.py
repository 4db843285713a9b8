"""From the front door to a liked listing without a mouse, always seeing where one is."""

from playwright.sync_api import Page, expect

from tests.journeys.conftest import OpenShop, Visitors

MOST_STEPS = 80

# The ring may be drawn by the element itself or by what it stands for, such as the card around a link.
WHERE = """(wanted) => {
    const element = document.activeElement;
    const shows = (style) => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
    const parents = [];
    for (let parent = element; parent && parents.length < 4; parent = parent.parentElement) parents.push(parent);
    const parts = ["", "::before", "::after"];
    const visible = parents.some((each) => parts.some((part) => shows(getComputedStyle(each, part))));
    const box = element.getBoundingClientRect();
    const inView = box.bottom > 0 && box.top < innerHeight;
    return { isWanted: element.matches(wanted), isMarked: visible && inView, what: element.outerHTML.slice(0, 120) };
}"""


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until an element has the focus; at every stop the focus must be visible."""
    for _step in range(MOST_STEPS):
        page.keyboard.press("Tab")
        where = page.evaluate(WHERE, selector)
        for _frame in range(20):
            if where["isMarked"]:
                break
            page.wait_for_timeout(25)  # scrolling and sliding in take a moment
            where = page.evaluate(WHERE, selector)
        assert where["isMarked"], f"no visible focus on {where['what']}"
        if where["isWanted"]:
            return
    raise AssertionError(f"{selector} was not reached with {MOST_STEPS} steps of Tab")


def test_a_listing_is_found_and_liked_with_the_keyboard_alone(visit: Visitors, shop: OpenShop) -> None:
    wanted = shop.item("Juniper")
    page = visit("/")
    tab_to(page, ".bar a[href='/account/login/']")
    page.keyboard.press("Enter")
    page.wait_for_url("**/account/login/")
    tab_to(page, "main input[type='email']")
    page.keyboard.type(shop.email)
    tab_to(page, "main input[type='password']")
    page.keyboard.type(shop.password)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{shop.address}/")
    tab_to(page, ".hero input[type='search']")
    page.keyboard.type(wanted.title)
    page.keyboard.press("Enter")
    page.wait_for_url("**/search/?q=*")
    tab_to(page, "main .listing-card__title a")
    assert page.evaluate("document.activeElement.textContent") == wanted.title
    page.keyboard.press("Enter")
    page.wait_for_url("**/listings/**")
    tab_to(page, ".like-main .heart")
    heart = page.locator(".like-main .heart")
    expect(heart).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("Enter")
    expect(heart).to_have_attribute("aria-pressed", "true")
    expect(heart).to_be_focused()
    page.goto("/liked/")
    expect(page.get_by_role("link", name=wanted.title, exact=True)).to_be_visible()


def test_the_first_stop_leads_past_the_bar(visit: Visitors) -> None:
    page = visit("/search/?q=juniper")
    tab_to(page, ".skip-link")
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()


def test_a_colour_is_chosen_a_second_added_and_one_left_with_the_keyboard_alone(visit: Visitors) -> None:
    page = visit("/search/")
    everything = page.locator(".results__count").inner_text()
    tab_to(page, ".swatch-choice")
    # Colours are read out by name, with how many there are.
    first = page.evaluate("document.activeElement.innerText").split()
    assert first[0].isalpha()
    assert first[-1].isdigit()
    page.keyboard.press("Enter")
    page.wait_for_url("**/search/?colour=*")
    chosen = page.locator(".swatch-choice[aria-current='true']")
    expect(chosen).to_have_count(1)
    assert page.locator(".results__count").inner_text() != everything
    tab_to(page, ".swatch-choice:not([aria-current])")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search/?colour=*&colour=*")
    expect(chosen).to_have_count(2)
    # The choice just made keeps the focus, so that it can be taken back at once.
    page.keyboard.press("Enter")
    expect(chosen).to_have_count(1)
