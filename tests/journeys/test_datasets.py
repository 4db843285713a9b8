"""Somebody of the ML team asks for all shoes with changed copies and predictions, watches, fetches, and opens them."""

import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Page, expect

from tests.journeys.conftest import PASSWORD, OpenShop, Visitors, sign_in
from tests.journeys.test_page_quality import SERIOUS, THEMES

MIRA = "mira@example.org"
COPIES = 3
PATIENCE_MS = 180_000


@dataclass(frozen=True, slots=True)
class Made:
    """A data set that stands in the shop: its page, and a link that fetches it."""

    page: str
    link: str


@pytest.fixture(scope="module")
def team(shop: OpenShop) -> str:
    """Let Mira be of the ML team; return her address."""
    shop.running.feira("user", "create", MIRA, "--name", "Mira", "--password-stdin", stdin=f"{PASSWORD}\n")
    shop.running.feira("user", "team", MIRA, "ML team")
    return MIRA


@pytest.fixture(scope="module")
def category(shop: OpenShop) -> str:
    """Return the category that is asked for: shoes, or the first one where the photos are drawn."""
    names = {item.category for item in shop.items}
    return "Shoes" if "Shoes" in names else min(names)


def as_mira(visit: Visitors, team: str, path: str = "/datasets/", **how: Any) -> Page:
    """Open a page as somebody of the team."""
    page = visit(None, **how)
    sign_in(page, team, PASSWORD)
    page.goto(path)
    return page


def choose(page: Page, category: str) -> None:
    """Fill the form: one category, three light copies of each, and what the model sees."""
    option = page.get_by_label("Category").locator("option").filter(has_text=category).first
    page.get_by_label("Category").select_option(value=option.get_attribute("value"))
    page.get_by_text("Small cuts, mirrored at times").click()
    page.get_by_label("Copies of each photo").fill(str(COPIES))
    page.get_by_label("The classes it sees in every picture").check()
    page.get_by_label("Name", exact=True).fill(f"All {category.lower()}")


def test_all_shoes_with_copies_and_predictions_are_asked_for_followed_and_opened(
    visit: Visitors, shop: OpenShop, team: str, category: str, tmp_path: Path
) -> None:
    page = as_mira(visit, team, "/")
    page.get_by_role("button", name="Your account").click()
    page.locator("#account-menu").get_by_role("link", name="Profile").click()
    page.get_by_role("main").get_by_role("link", name="Data sets").click()
    page.get_by_role("main").get_by_role("link", name="New data set").first.click()
    count = sum(item.category == category for item in shop.items)

    choose(page, category)
    estimate = page.locator("#estimate")
    expect(estimate).to_contain_text(f"{count} photos of {count} listings")
    expect(estimate).to_contain_text(f"{count * (1 + COPIES)} pictures")
    page.get_by_role("button", name="Show what it does to some photos").click()
    shown = page.locator("#preview img")
    expect(shown).to_have_count(3 * (1 + COPIES))
    assert all(shown.nth(number).evaluate("image => image.naturalWidth > 0") for number in range(shown.count()))

    page.get_by_role("button", name="Make the data set").click()
    page.wait_for_url("**/datasets/*/")
    expect(page.get_by_role("heading", name=f"All {category.lower()}")).to_be_visible()
    expect(page.locator("#work")).to_contain_text("Find the photos")
    # The steps come one after the other, without a reload, until it is ready.
    expect(page.locator("#work")).to_contain_text("Make the pictures", timeout=PATIENCE_MS)
    expect(page.locator("main")).to_contain_text("Some of the pictures", timeout=PATIENCE_MS)
    expect(page.locator("main")).to_contain_text(f"{count} photos of {count} listings, with {COPIES} changed copies")
    samples = page.locator(".samples img")
    assert samples.count() >= 2 * min(count, 6)
    samples.first.scroll_into_view_if_needed()
    expect(samples.first).to_have_js_property("complete", True)

    with page.expect_download() as started:
        page.get_by_role("button", name="Download as zip").click()
    archive = tmp_path / "shoes.zip"
    started.value.save_as(archive)
    check_archive(archive, {item.title for item in shop.items if item.category == category}, page.locator(".hash"))

    page.get_by_text("How it was made").click()
    page.get_by_role("link", name="Every part and what was noted").click()
    states = page.locator("table").first.locator("tbody tr td:nth-child(2)")
    assert set(states.all_inner_texts()) == {"done"}


def check_archive(archive: Path, titles: set[str], shown_hash: Any) -> None:
    """See that a data set holds what was asked for, and that every byte is as its manifest says."""
    with zipfile.ZipFile(archive) as zipped:
        assert zipped.testzip() is None
        content = {name.partition("/")[2]: zipped.read(name) for name in zipped.namelist()}
    manifest = json.loads(content["manifest.json"])
    assert manifest["content_hash"] == shown_hash.first.inner_text()
    for file in manifest["files"]:
        assert hashlib.sha256(content[file["path"]]).hexdigest() == file["sha256"], file["path"]
    assert {file["path"] for file in manifest["files"]} == content.keys() - {"manifest.json"}
    records = json.loads(content["metadata.json"])["records"]
    assert {record["title"] for record in records} == titles
    assert "example.org" not in str(content["metadata.json"])
    for record in records:
        pictures = [record["image"], *(variant["image"] for variant in record["variants"])]
        assert len(pictures) == 1 + COPIES
        assert len({content[picture["path"]] for picture in pictures}) == 1 + COPIES
        for picture in pictures:
            with Image.open(io.BytesIO(content[picture["path"]])) as opened:
                assert opened.size == (picture["width"], picture["height"])
    said = [json.loads(line) for line in content["predictions.jsonl"].splitlines()]
    assert {(each["key"], each["variant"]) for each in said} == {
        (record["key"], variant) for record in records for variant in range(1 + COPIES)
    }
    assert all(each["scores"] for each in said)
    for name in ("croissant.json", "README.md"):
        assert content[name]


@pytest.fixture
def made(visit: Visitors, team: str, category: str) -> Made:
    """A data set that is ready, made through the page."""
    page = as_mira(visit, team, "/datasets/new/")
    choose(page, category)
    page.get_by_role("button", name="Make the data set").click()
    expect(page.locator("main")).to_contain_text("Some of the pictures", timeout=PATIENCE_MS)
    address = urlsplit(page.url).path
    page.get_by_role("button", name="Make a link").click()
    link = page.locator(".notice .hash").inner_text()
    return Made(address, link)


def test_the_link_is_for_the_team_for_a_while_and_cannot_be_forged(
    visit: Visitors, shop: OpenShop, made: Made, team: str
) -> None:
    ana = visit(None, signed_in=True, refusals=(403, 410))
    expect_refused(ana, made.page, 403)
    expect_refused(ana, "/datasets/", 403)
    assert ana.request.get(f"/api/v1{made.page}").status == 403
    assert ana.request.get("/api/v1/datasets/").status == 403
    assert ana.request.get(made.link).status == 403

    mira = as_mira(visit, team, refusals=(403, 410))
    answer = mira.request.get(made.link, headers={"Range": "bytes=0-3"})
    assert (answer.status, answer.body()) == (206, b"PK\x03\x04")
    forged = made.link.replace("archive=zip", "archive=tar")
    assert forged != made.link
    assert mira.request.get(forged).status == 403
    expired = mira.request.get(old_link(shop, made))
    assert (expired.status, expired.json()["code"]) == (410, "dataset_link_expired")
    nobody = visit("/", refusals=(403,))
    assert nobody.request.get(f"/api/v1{made.page}").status == 401
    nobody.goto(made.page)
    expect(nobody).to_have_url(f"{shop.address}/account/login/?next={made.page}")


def expect_refused(page: Page, path: str, status: int) -> None:
    """Open a page that may not be opened."""
    answer = page.goto(path)
    assert answer is not None
    assert answer.status == status


def old_link(shop: OpenShop, made: Made) -> str:
    """Return a link that the shop signed a while ago, so that its time is over."""
    number = int(made.page.strip("/").rpartition("/")[2])
    program = (
        "import django; django.setup()\n"
        "from datetime import timedelta\n"
        "from django.utils import timezone\n"
        "from feira.shop.accounts.models import Account\n"
        "from feira.shop.datasets import links\n"
        "from feira.shop.datasets.selectors import dataset\n"
        "now = timezone.now\n"
        "timezone.now = lambda: now() - timedelta(days=2)\n"
        f"print(links.download_link(dataset({number}), by=Account.objects.get(email={MIRA!r})).url)\n"
    )
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("FEIRA_", "DJANGO_"))}
    environment = {
        **ours,
        "FEIRA_DATA_DIR": str(shop.running.data_dir),
        "FEIRA_PUBLIC_URL": shop.address,
        "DJANGO_SETTINGS_MODULE": "feira.shop.config.settings",
    }
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout.strip().splitlines()[-1]


def test_nothing_keeps_people_from_using_these_pages(visit: Visitors, made: Made, team: str) -> None:
    page = as_mira(visit, team)
    number = made.page.strip("/").rpartition("/")[2]
    found = []
    for path in ("/datasets/", "/datasets/new/", made.page, f"{made.page}items/", f"{made.page}diff/?with={number}"):
        page.goto(path)
        if path.endswith("new/"):
            page.get_by_text("Choose the operations one by one").click()
            for summary in page.locator("summary").all():
                summary.click()
        for theme in THEMES:
            page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            expect(page.locator("html")).to_have_attribute("data-bs-theme", theme)
            page.wait_for_timeout(50)  # colours change within a frame or two
            for width, height in ((390, 844), (1280, 900)):
                page.set_viewport_size({"width": width, "height": height})
                for violation in Axe().run(page).response["violations"]:
                    if violation["impact"] in SERIOUS:
                        nodes = "; ".join(node["html"][:160] for node in violation["nodes"][:3])
                        found.append(f"{path} {theme} {width}: {violation['id']} ({violation['help']}): {nodes}")
        page.set_viewport_size({"width": 360, "height": 740})
        wide, inside = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        if wide > inside:
            found.append(f"{path} is {wide} pixels wide on a phone of {inside}")
    assert not found, "\n".join(found)


def test_the_form_is_filled_and_sent_by_the_keyboard_alone(visit: Visitors, team: str) -> None:
    page = as_mira(visit, team, "/datasets/new/", refusals=(422,))
    expect(page.locator("#estimate")).to_contain_text("photos")
    page.locator("main").focus()
    reached: list[str] = []
    for _step in range(80):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.name || document.activeElement.innerText.trim()"))
        if reached[-1] == "most_photos" or reached[-1].startswith("Make the data set"):
            break
        if reached[-1] == "recipe":
            page.keyboard.press("ArrowDown")
        if reached[-1] == "words":
            page.keyboard.type("xylophone")
    assert {"category", "words", "conditions", "split_by", "fit", "recipe", "formats", "name"} <= set(reached), reached
    assert page.locator("[name=recipe]:checked").get_attribute("value") == "light"
    page.keyboard.press("Enter")
    expect(page.locator("main [role=alert]")).to_contain_text("No photo passes")


def test_without_script_the_estimate_comes_by_a_button_and_the_work_by_reloading(
    visit: Visitors, team: str, category: str
) -> None:
    page = as_mira(visit, team, "/datasets/new/", javascript=False, refusals=(422,))
    page.get_by_role("button", name="Estimate").click()
    expect(page.locator("#estimate")).to_contain_text("ready in")
    page.get_by_label("Words").fill("xylophone")
    page.get_by_role("button", name="Make the data set").click()
    expect(page.locator("main [role=alert]")).to_contain_text("No photo passes")
