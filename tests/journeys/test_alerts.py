"""A search that somebody keeps, and the news of what was published since."""

import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

from playwright.sync_api import expect

from tests.journeys.catalogue import variant
from tests.journeys.conftest import PASSWORD, OpenShop, Visitors, sign_in
from tests.journeys.test_selling import add_photos, file

BUYER = "rui@example.org"
# The beat looks twice a minute.
TOLD_WITHIN_S = 150


def make_kept_searches_due(shop: OpenShop) -> None:
    """Make as if nobody had looked through what people keep for an hour; the shop itself would wait five minutes."""
    then = datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=1)
    with closing(sqlite3.connect(shop.running.data_dir / "feira.sqlite3", timeout=30)) as connection:
        connection.execute("UPDATE search_savedsearch SET looked_at = ?", (then.isoformat(sep=" "),))
        connection.commit()


def test_who_keeps_a_search_is_told_of_what_is_published_later(visit: Visitors, shop: OpenShop) -> None:
    shop.running.feira("user", "create", BUYER, "--name", "Rui", "--password-stdin", stdin=f"{PASSWORD}\n")
    buyer = visit(None)
    sign_in(buyer, BUYER, PASSWORD)
    buyer.goto("/search/?q=zeppelin+lantern&strict=1")
    buyer.get_by_role("button", name="Save this search").click()
    buyer.get_by_role("link", name="Saved: you will hear of new finds").click()
    expect(buyer.get_by_text("Nothing new since you last looked.")).to_be_visible()

    seller = visit("/sell/", signed_in=True)
    add_photos(seller, file("lantern.jpg", variant(shop.item("Saffron").photo)))
    expect(seller.locator("#suggestions .chip").first).to_be_visible()
    seller.get_by_label("Title").fill("Zeppelin lantern of brass")
    seller.get_by_label("Price", exact=True).fill("48")
    seller.get_by_role("button", name="Publish").click()
    expect(seller.get_by_text("Your listing is live.")).to_be_visible()
    make_kept_searches_due(shop)

    news = buyer.get_by_role("link", name="1 new find", exact=True)
    until = time.monotonic() + TOLD_WITHIN_S
    while not news.is_visible():
        assert time.monotonic() < until, "nothing was told on the page"
        time.sleep(1)
        buyer.reload()
    news.click()
    expect(buyer.get_by_role("link", name="Zeppelin lantern of brass", exact=True).first).to_be_visible()
