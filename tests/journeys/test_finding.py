"""Finding things: by words, by photo, by both."""

import base64
import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.journeys.browsing import titles_of
from tests.journeys.catalogue import variant
from tests.journeys.conftest import OpenShop, Visitors

Visit = Callable[..., Page]

DROP = """([target, name, content]) => {
    const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([bytes], name, { type: "image/jpeg" }));
    const zone = document.querySelector(target);
    for (const type of ["dragover", "drop"]) {
        zone.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer }));
    }
}"""


def search(page: Page, words: str) -> None:
    """Type words into the search field in sight and press Enter."""
    field = page.locator("input[type='search']:visible").first
    field.fill(words)
    field.press("Enter")
    page.wait_for_url("**/search/?*")


def choose_photo(page: Page, photo: Path | dict[str, object]) -> None:
    """Press the camera and choose a file."""
    with page.expect_file_chooser() as chooser:
        page.locator("[data-photo-search]:visible").first.click()
    chooser.value.set_files(photo)  # type: ignore[arg-type] # a path, or name, type and bytes
    page.wait_for_url("**/search/?*photo=*")


def test_words_find_what_has_them_in_its_title(visit: Visitors, shop: OpenShop) -> None:
    page = visit("/")
    search(page, "juniper")
    expected = {item.title for item in shop.items if item.title.startswith("Juniper")}
    titles = titles_of(page)
    assert set(titles[: len(expected)]) == expected, "what only looks like the word comes after what says it"
    expect(page.get_by_role("status").filter(has_text="listings")).to_be_visible()


def test_the_beginning_of_a_word_and_a_misspelt_word_find_it_too(visit: Visitors, shop: OpenShop) -> None:
    expected = {item.title for item in shop.items if item.title.startswith("Juniper")}
    page = visit("/search/?q=junip")
    assert set(titles_of(page)[: len(expected)]) == expected
    search(page, "juniprr")
    assert set(titles_of(page)[: len(expected)]) == expected
    expect(page.locator("#results").get_by_text("Nothing was found for “juniprr”")).to_be_visible()


def test_filters_narrow_chips_widen_and_the_back_button_goes_back(visit: Visitors, shop: OpenShop) -> None:
    wanted = shop.item("Juniper")
    page = visit("/search/?q=juniper&strict=1")
    before = titles_of(page)
    facets = page.get_by_label("Filters", exact=True)
    facets.get_by_role("link", name=re.compile(rf"^{wanted.category} \d")).click()
    both = {item.title for item in shop.items if "Juniper" in item.title and item.category == wanted.category}
    expect(page.locator("main .listing-card")).to_have_count(len(both))
    assert set(titles_of(page)) == both
    assert "category=" in page.url
    page.get_by_role("link", name="Remove juniper").click()
    expect(page.get_by_role("link", name="Remove juniper")).to_have_count(0)
    assert {item.title for item in shop.items if item.category == wanted.category} <= set(titles_of(page))
    assert "q=" not in page.url
    page.go_back()
    expect(page.locator("main .listing-card")).to_have_count(len(both))
    page.go_back()
    expect(page.locator("main .listing-card")).to_have_count(len(before))
    # What the shop learned from its own titles meanwhile may have changed the order.
    assert sorted(titles_of(page)) == sorted(before)


def test_the_way_back_from_a_listing_leads_to_the_same_place_in_the_results(visit: Visitors) -> None:
    page = visit("/search/?q=washed", width=390, height=800)
    last = page.locator("main .listing-card__title a").last
    last.scroll_into_view_if_needed()
    place, before = page.evaluate("scrollY"), titles_of(page)
    assert place > 500
    last.click()
    page.wait_for_url("**/listings/**")
    page.go_back()
    page.wait_for_url("**/search/?q=washed")
    expect(page.locator("main .listing-card__title a").last).to_be_in_viewport()
    assert titles_of(page) == before
    assert abs(page.evaluate("scrollY") - place) < 100


def test_show_more_goes_on_below(visit: Visitors, shop: OpenShop) -> None:
    page = visit("/search/")
    first = titles_of(page)
    page.get_by_role("link", name="Show more").click()
    expect(page.locator("main .listing-card").nth(len(first))).to_be_attached()
    titles = titles_of(page)
    assert titles[: len(first)] == first
    assert len(set(titles)) == len(titles)


def test_a_photo_finds_its_own_listing_first_and_stays_in_the_address(visit: Visitors, shop: OpenShop) -> None:
    item = shop.item("Meadow")
    page = visit("/")
    choose_photo(page, item.photo)
    assert titles_of(page)[0] == item.title
    before = titles_of(page)
    page.reload()
    assert titles_of(page) == before
    thumb = page.get_by_role("link", name="Remove Your photo").locator("img")
    expect(thumb).to_be_visible()
    assert thumb.evaluate("image => image.naturalWidth") > 0
    page.get_by_role("link", name="Remove Your photo").click()
    expect(page.get_by_role("link", name="Remove Your photo")).to_have_count(0)


def test_a_photo_of_the_same_thing_from_elsewhere_finds_it_when_dropped(visit: Visitors, shop: OpenShop) -> None:
    item = shop.item("Velvet")
    page = visit("/")
    content = base64.b64encode(variant(item.photo, mirrored=False)).decode()
    page.evaluate(DROP, [".search-field--big", "seen.jpg", content])
    page.wait_for_url("**/search/?*photo=*")
    assert item.title in titles_of(page)[:3]


def test_words_and_a_photo_are_asked_together(visit: Visitors, shop: OpenShop) -> None:
    item = shop.item("Saffron")
    page = visit("/")
    search(page, "saffron")
    choose_photo(page, item.photo)
    assert "q=saffron" in page.url
    assert titles_of(page)[0] == item.title
    expect(page.get_by_role("link", name="Remove saffron")).to_be_visible()
    expect(page.get_by_role("link", name="Remove Your photo")).to_be_visible()
    page.get_by_role("link", name="Remove saffron").click()
    expect(page.get_by_role("link", name="Remove saffron")).to_have_count(0)
    assert "photo=" in page.url
    assert titles_of(page)[0] == item.title


def test_nobody_else_may_search_with_a_visitors_photo(visit: Visitors, shop: OpenShop) -> None:
    page = visit("/")
    choose_photo(page, shop.item("Cinder").photo)
    stranger = visit(None, refusals=[404])
    answer = stranger.goto(page.url)
    assert answer is not None
    assert answer.status == 404


def test_a_hostile_file_is_refused_beside_the_field_and_the_words_stay(visit: Visitors) -> None:
    page = visit("/search/?q=juniper", refusals=[422])
    before = titles_of(page)
    with page.expect_file_chooser() as chooser:
        page.locator("[data-photo-search]:visible").first.click()
    script = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    chooser.value.set_files({"name": "holiday.jpg", "mimeType": "image/jpeg", "buffer": script})
    page.wait_for_url("**/search/photo/")
    field = page.locator("#by-photo-file")
    expect(field).to_be_focused()
    wrong = page.locator(f"#{field.get_attribute('aria-describedby')}")
    expect(wrong).to_be_in_viewport()
    assert len(wrong.inner_text().split()) > 3
    expect(page.locator("input[type='search']:visible").first).to_have_value("juniper")
    assert titles_of(page) == before


def test_the_field_suggests_while_one_types_and_keys_choose(visit: Visitors) -> None:
    page = visit("/")
    field = page.locator("input[type='search']:visible").first
    field.press_sequentially("junip", delay=30)
    options = page.get_by_role("option").locator("visible=true")
    expect(options.first).to_contain_text("juniper")
    field.press("ArrowDown")
    expect(options.first).to_have_attribute("aria-selected", "true")
    field.press("Escape")
    expect(options.first).not_to_be_visible()
    field.press_sequentially("e", delay=30)
    expect(options.first).to_be_visible()
    field.press("ArrowDown")
    field.press("Enter")
    expect(page).to_have_url(re.compile(r"/search/\?"))


def test_a_search_is_saved_where_it_was_made_and_waits_in_the_account(visit: Visitors) -> None:
    page = visit("/search/?q=juniper", signed_in=True)
    page.get_by_role("button", name="Save this search").click()
    expect(page.get_by_text("Saved: you will hear of new finds")).to_be_visible()
    page.get_by_role("link", name="Saved: you will hear of new finds").click()
    expect(page.get_by_role("heading", name="Saved searches")).to_be_visible()
    expect(page.get_by_role("link", name="juniper", exact=True)).to_be_visible()
    page.get_by_role("button", name="Give up juniper").click()
    expect(page.get_by_text("No searches saved yet")).to_be_visible()


def test_a_heart_among_results_changes_nothing_but_itself(visit: Visitors) -> None:
    page = visit("/search/?q=juniper", signed_in=True)
    before = titles_of(page)
    assert len(before) > 1
    heart = page.get_by_role("button", name=f"Save {before[0]}", exact=True).first
    for pressed in ("true", "false"):
        heart.click()
        expect(heart).to_have_attribute("aria-pressed", pressed)
        assert titles_of(page) == before
