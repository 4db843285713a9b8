"""Finding what nobody described, and telling the shop what should be different: thumbs, crops, wishes, reasons."""

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from tests.journeys.browsing import titles_of
from tests.journeys.conftest import OpenShop, Visitors
from tests.journeys.running_shop import RunningShop
from tests.journeys.test_finding import choose_photo, search
from tests.journeys.test_page_quality import SERIOUS, THEMES
from tests.shared_files import SHARED, needs_shared

PRODUCTS = SHARED / "data" / "fashion-products"
NAMES = ("Juniper", "Saffron", "Meadow", "Cinder", "Velvet", "Harbour")
KINDS = {
    ("Dresses", "Red"): 9,
    ("Dresses", "Black"): 8,
    ("Shirts", "Red"): 8,
    ("Jeans", "Blue"): 8,
    ("Handbags", "Black"): 8,
    ("Heels", "Black"): 6,
}

pytestmark = needs_shared("data/fashion-products/products.csv")


@dataclass(frozen=True, slots=True)
class Wonders(OpenShop):
    """A shop whose titles, categories and descriptions say nothing of what the photos show.

    `kinds` and `photos` tell by a title what is on the photo and where it lies.
    """

    kinds: dict[str, tuple[str, str]] = field(default_factory=dict)
    photos: dict[str, Path] = field(default_factory=dict)


@pytest.fixture(scope="module")
def wonders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wonders]:
    """Open the shop on real product photos."""
    folder = tmp_path_factory.mktemp("wonders")
    kinds: dict[str, tuple[str, str]] = {}
    photos: dict[str, Path] = {}
    records: list[dict[str, str]] = []
    with (PRODUCTS / "products.csv").open(encoding="utf-8") as rows:
        wanted = dict(KINDS)
        for row in csv.DictReader(rows):
            kind = row["articleType"], row["baseColour"]
            if wanted.get(kind, 0) > 0:
                wanted[kind] -= 1
                title = f"{NAMES[len(kinds) % len(NAMES)]} {len(kinds) + 101}"
                kinds[title], photos[title] = kind, PRODUCTS / row["file"]
                facts = {"category": "Wonders", "price": f"{len(kinds)}.00", "seller": "Attic", "condition": "new"}
                records.append({"id": title, "title": title, "photos": str(photos[title]), **facts})
    source = folder / "wonders.jsonl"
    source.write_text("\n".join(map(json.dumps, records)) + "\n")
    running = RunningShop(folder / "shop")
    try:
        running.feira("import", str(source))
        yield Wonders(running, [], kinds=kinds, photos=photos)
    finally:
        running.stop()


@pytest.fixture
def look(browser: Browser, wonders: Wonders) -> Iterator[Visitors]:
    """Return a function that opens pages of that shop, and complains as `visit` does."""
    visitors = Visitors(browser, wonders)
    yield visitors
    for context in visitors.contexts:
        context.close()
    complaints = [complaint for witness in visitors.witnesses for complaint in witness.complaints]
    assert not complaints, "\n".join(complaints)


def kinds_of(page: Page, wonders: Wonders) -> list[tuple[str, str]]:
    """Return what the photos of a page's cards really show."""
    return [wonders.kinds[title] for title in titles_of(page)]


def one_of(wonders: Wonders, kind: tuple[str, str]) -> str:
    """Return the title of something of a kind."""
    return next(title for title, known in wonders.kinds.items() if known == kind)


def card_of(page: Page, title: str) -> Locator:
    """Return a card with what stands below it."""
    return page.locator("main .card-grid > li").filter(has=page.get_by_role("link", name=title, exact=True))


def beside(left: Path, right: Path) -> dict[str, object]:
    """Return a file with two photos side by side."""
    picture = Image.new("RGB", (600, 400), "white")
    for place, photo in enumerate((left, right)):
        with Image.open(photo) as opened:
            picture.paste(opened.convert("RGB").resize((300, 400)), (300 * place, 0))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=92)
    return {"name": "both.jpg", "mimeType": "image/jpeg", "buffer": buffer.getvalue()}


def test_red_dresses_are_found_though_nobody_called_them_so(look: Visitors, wonders: Wonders) -> None:
    page = look("/")
    search(page, "red dress")
    found = kinds_of(page, wonders)
    assert found[:3] == [("Dresses", "Red")] * 3
    assert sum(kind == "Dresses" for kind, _colour in found[:6]) >= 5
    search(page, "jeans")
    assert all(kind == "Jeans" for kind, _colour in kinds_of(page, wonders)[:6])


def test_thumbs_change_the_order_of_the_next_search(look: Visitors, wonders: Wonders) -> None:
    page = look("/search/?q=handbag")
    before = titles_of(page)
    card = card_of(page, before[0])
    card.hover()
    card.get_by_role("button", name="Wrong").click()
    expect(card.get_by_role("button", name="Wrong")).to_have_attribute("aria-pressed", "true")
    praised = card_of(page, before[2])
    praised.hover()
    praised.get_by_role("button", name="Right", exact=True).click()
    expect(praised.get_by_role("button", name="Right", exact=True)).to_have_attribute("aria-pressed", "true")
    page.reload()
    after = titles_of(page)
    assert after[0] == before[2]
    assert after.index(before[0]) > 0
    stranger = look("/search/?q=handbag")
    assert titles_of(stranger)[0] == before[2], "it counts for everybody"
    expect(card_of(stranger, before[2]).get_by_role("button", name="Right", exact=True)).to_have_attribute(
        "aria-pressed", "false"
    )


def test_a_part_of_the_photo_is_searched_by_pointer(look: Visitors, wonders: Wonders) -> None:
    page = look("/")
    jeans, bag = one_of(wonders, ("Jeans", "Blue")), one_of(wonders, ("Handbags", "Black"))
    choose_photo(page, beside(wonders.photos[jeans], wonders.photos[bag]))
    page.get_by_text("Search a part of the photo").click()
    stage = page.locator(".crop__stage")
    expect(stage.locator("img")).to_be_visible()
    frame = stage.bounding_box()
    assert frame is not None
    page.mouse.move(frame["x"] + frame["width"] * 0.96, frame["y"] + 2)
    page.mouse.down()
    page.mouse.move(frame["x"] + frame["width"] * 0.52, frame["y"] + frame["height"] * 0.98, steps=6)
    page.mouse.up()
    page.get_by_role("button", name="Search this part").click()
    page.wait_for_url("**crop=*")
    expect(page.get_by_role("link", name="Remove only a part of it")).to_be_visible()
    assert kinds_of(page, wonders)[0] == ("Handbags", "Black")
    assert [kind for kind, _colour in kinds_of(page, wonders)[:5]].count("Handbags") >= 3


def test_a_part_of_the_photo_is_searched_by_keyboard(look: Visitors, wonders: Wonders) -> None:
    page = look("/")
    choose_photo(page, wonders.photos[one_of(wonders, ("Jeans", "Blue"))])
    page.get_by_text("Search a part of the photo").focus()
    page.keyboard.press("Enter")
    box = page.locator(".crop__box")
    expect(box).to_be_visible()
    told = box.get_attribute("aria-label")
    box.focus()
    for key in ("ArrowRight", "ArrowDown", "Shift+ArrowLeft"):
        page.keyboard.press(key)
    assert box.get_attribute("aria-label") != told
    page.keyboard.press("Enter")
    page.wait_for_url("**crop=0.17*")
    assert kinds_of(page, wonders)[0] == ("Jeans", "Blue")


def test_a_part_of_the_photo_is_searched_without_scripts(look: Visitors, wonders: Wonders) -> None:
    page = look(f"/search/?q={one_of(wonders, ('Heels', 'Black')).replace(' ', '+')}", javascript=False)
    page.locator("main .why summary").first.click()
    page.get_by_role("link", name="More like this").first.click()
    expect(page.get_by_role("link", name=re.compile("^Remove More like"))).to_be_visible()
    number = re.search(r"like=(\d+)", page.url)
    assert number is not None
    page.goto(f"/search/?listing={number[1]}")
    page.get_by_text("Search a part of the photo").click()
    page.get_by_role("button", name="The lower half").click()
    assert "crop=0%2C0.5%2C1%2C0.5" in page.url
    expect(page.get_by_role("link", name="Remove only a part of it")).to_be_visible()


def test_like_this_but_another_colour(look: Visitors, wonders: Wonders) -> None:
    page = look("/")
    choose_photo(page, wonders.photos[one_of(wonders, ("Dresses", "Black"))])
    assert [colour for _kind, colour in kinds_of(page, wonders)[:3]].count("Black") >= 2
    page.get_by_label("Like this, but …").fill("red")
    page.get_by_role("button", name="Go", exact=True).first.click()
    expect(page.get_by_role("link", name="Remove but red")).to_be_visible()
    assert "but=red" in page.url
    found = kinds_of(page, wonders)[:3]
    assert [colour for _kind, colour in found].count("Red") >= 2
    assert ("Dresses", "Red") in found


def test_the_slider_weighs_words_against_the_photo(look: Visitors, wonders: Wonders) -> None:
    page = look("/search/?q=jeans")
    choose_photo(page, wonders.photos[one_of(wonders, ("Shirts", "Red"))])
    slider = page.locator("#balance")
    slider.focus()
    slider.press("Home")
    page.wait_for_url("**balance=0*")
    expect(page.locator("#balance")).to_have_value("0")
    assert kinds_of(page, wonders)[0] == ("Jeans", "Blue")
    page.locator("#balance").press("End")
    page.wait_for_url("**balance=100*")
    expect(page.locator("#balance")).to_have_value("100")
    assert kinds_of(page, wonders)[0] == ("Shirts", "Red")


def test_more_and_less_like_a_result(look: Visitors, wonders: Wonders) -> None:
    page = look("/search/?q=dress")
    red = next(title for title in titles_of(page) if wonders.kinds[title] == ("Dresses", "Red"))
    card = card_of(page, red)
    card.locator(".why summary").click()
    card.get_by_role("link", name="More like this").click()
    expect(page.get_by_role("link", name=f"Remove More like “{red}”")).to_be_visible()
    assert wonders.kinds[titles_of(page)[0]][1] == "Red"
    other = next(title for title in titles_of(page) if title != red)
    card = card_of(page, other)
    card.locator(".why summary").click()
    card.get_by_role("link", name="Less like this").click()
    expect(page.get_by_role("link", name=f"Remove Less like “{other}”")).to_be_visible()
    assert other not in titles_of(page)


def test_a_result_says_why_it_is_there(look: Visitors, wonders: Wonders) -> None:
    page = look("/search/?q=red+dress", width=390, height=844)
    why = page.locator("main .why").first
    why.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(why.get_by_text("Picture")).to_be_visible()
    values = [float(text.replace("−", "-")) for text in why.locator("dd").all_inner_texts()]
    assert sum(values[:-1]) == pytest.approx(values[-1], abs=0.002 * len(values))


def test_what_only_looks_like_the_words_is_said_and_can_be_left_out(look: Visitors, wonders: Wonders) -> None:
    page = look("/search/?q=scarlet+gown")
    expect(page.get_by_text("No listing says “scarlet gown”")).to_be_visible()
    page.get_by_role("link", name="Only what matches exactly").click()
    expect(page.get_by_role("heading", name="Nothing matches all of that")).to_be_visible()
    page.get_by_role("link", name="Remove exactly this").click()
    expect(page.get_by_text("No listing says “scarlet gown”")).to_be_visible()


def test_nothing_keeps_people_from_refining_a_search(look: Visitors, wonders: Wonders) -> None:
    page = look("/search/?q=dress&explain=1")
    choose_photo(page, wonders.photos[one_of(wonders, ("Dresses", "Red"))])
    page.get_by_text("Search a part of the photo").click()
    expect(page.locator(".crop__box")).to_be_visible()
    found = []
    for theme in THEMES:
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        expect(page.locator("html")).to_have_attribute("data-bs-theme", theme)
        page.wait_for_timeout(50)  # colours change within a frame or two
        for width in (360, 1280):
            page.set_viewport_size({"width": width, "height": 844})
            wide, inside = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
            assert wide <= inside
            for violation in Axe().run(page).response["violations"]:
                if violation["impact"] in SERIOUS:
                    nodes = "; ".join(node["html"][:160] for node in violation["nodes"][:3])
                    found.append(f"{theme} {width}: {violation['id']}: {nodes}")
    assert not found, "\n".join(found)
