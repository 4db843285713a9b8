"""The same errands in a browser that runs no script."""

from pathlib import Path

from playwright.sync_api import expect

from tests.journeys.browsing import titles_of
from tests.journeys.catalogue import variant
from tests.journeys.conftest import OpenShop, Visitors


def test_words_and_a_photo_find_things(visit: Visitors, shop: OpenShop) -> None:
    item = shop.item("Meadow")
    page = visit("/", javascript=False)
    field = page.locator(".hero input[type='search']")
    field.fill("meadow")
    field.press("Enter")
    page.wait_for_url("**/search/?q=meadow")
    assert item.title in titles_of(page)
    page.locator(".bar [data-photo-search]").click()
    page.wait_for_url("**#by-photo")
    page.locator("#by-photo input[type='file']").set_input_files(item.photo)
    page.get_by_role("button", name="Search with this photo").click()
    page.wait_for_url("**/search/?*photo=*")
    assert titles_of(page)[0] == item.title


def test_a_listing_is_posted_and_liked(visit: Visitors, shop: OpenShop, tmp_path: Path) -> None:
    photos = [tmp_path / "front.jpg", tmp_path / "back.jpg"]
    for photo, name in zip(photos, ("Velvet", "Cinder"), strict=True):
        photo.write_bytes(variant(shop.item(name).photo, cut=0.08))
    page = visit("/sell/", javascript=False, signed_in=True)
    page.get_by_label("Title").fill("Plain parcel")
    page.locator("input[name='files']").set_input_files(photos)
    page.get_by_role("button", name="Upload photos").click()
    expect(page.locator("[data-tiles] input[name='photos']")).to_have_count(2)
    expect(page.get_by_label("Title")).to_have_value("Plain parcel")
    page.get_by_label("Category").select_option(index=1)
    page.get_by_label("Price", exact=True).fill("5")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("heading", name="Plain parcel")).to_be_visible()
    expect(page.locator(".gallery__slide")).to_have_count(2)

    page.goto("/search/?q=cinder")
    first = page.locator("main .listing-card").first
    title = first.locator("a").inner_text()
    first.get_by_role("button", name=f"Save {title}").click()
    expect(page.locator("main .listing-card").first.locator(".heart")).to_have_attribute("aria-pressed", "true")
    page.goto("/liked/")
    assert title in titles_of(page)
