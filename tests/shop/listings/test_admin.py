"""The catalogue in Django's admin: every page opens, in a number of queries that does not grow with the catalogue."""

import pytest
from django.contrib import admin
from django.db import connection
from django.http import HttpRequest
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from feira.shop.listings.models import Attribute, Category, ImportRow, ImportRun, Listing
from feira.shop.listings.services import ensure_attribute
from feira.shop.photos.models import Photo
from tests.factories import make_account, make_category, make_listing

MODELS = [Listing, Category, Attribute, Photo, ImportRun, ImportRow]


@pytest.fixture
def staff(client: Client, db: None) -> Client:
    """A browser of somebody who may do everything."""
    client.force_login(make_account(is_staff=True, is_superuser=True))
    return client


def address(model: type, page: str, *args: int) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)  # type: ignore[attr-defined]


def queries_of(staff: Client, url: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert staff.get(url).status_code == 200
    return len(queries)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_list_opens_and_costs_the_same_for_more_rows(model: type, staff: Client) -> None:
    make_listing(attributes={"weight": "5"} if ensure_attribute_weight() else {})
    run = ImportRun.objects.create(source="a.csv", seller=Listing.objects.get().seller)
    ImportRow.objects.create(run=run, key="1", record={})
    before = queries_of(staff, address(model, "changelist"))
    for number in range(3):
        make_listing(category=make_category("Clothing", f"Hats {number}"))
        ensure_attribute(code=f"size-{number}", kind="text", category=make_category())
        another = ImportRun.objects.create(source=f"{number}.csv", seller=Listing.objects.earliest("pk").seller)
        ImportRow.objects.create(run=another, key="1", record={})
    assert queries_of(staff, address(model, "changelist")) == before


def ensure_attribute_weight() -> Attribute:
    return ensure_attribute(code="weight", kind="number", category=make_category())


@pytest.mark.parametrize("model", [Listing, Category, Attribute, Photo], ids=lambda model: model.__name__)
def test_every_form_opens(model: type, staff: Client) -> None:
    ensure_attribute_weight()
    make_listing(attributes={"weight": "5"}, photo_count=2)
    row = model._default_manager.latest("pk")  # type: ignore[attr-defined]
    assert staff.get(address(model, "change", row.pk)).status_code == 200


def test_a_listing_cannot_change_its_state_past_the_index(staff: Client) -> None:
    listing = make_listing(title="Red shoes")
    form = {
        "title": "Redder shoes",
        "state": "archived",
        "seller": listing.seller_id,
        "category": listing.category_id,
        "price": "12.50",
        "currency": "EUR",
        "stock": "1",
        "condition": "good",
    }
    for prefix, count in (("listing_photos", 1), ("attribute_values", 0)):
        form |= {f"{prefix}-TOTAL_FORMS": count, f"{prefix}-INITIAL_FORMS": count}
    staff.post(address(Listing, "change", listing.pk), form)
    listing.refresh_from_db()
    assert (listing.title, listing.state) == ("Redder shoes", "live")


def test_a_new_category_gets_its_path_once_and_for_all(staff: Client) -> None:
    parent = make_category("Clothing")
    add = address(Category, "add")
    staff.post(add, {"name": "Winter hats", "parent": parent.pk})
    made = Category.objects.get(path="clothing/winter-hats")
    assert (made.depth, made.parent) == (1, parent)
    assert b"already" in staff.post(add, {"name": "Winter Hats", "parent": parent.pk}).content
    staff.post(address(Category, "change", made.pk), {"name": "Caps"})
    made.refresh_from_db()
    assert (made.name, made.path) == ("Caps", "clothing/winter-hats")


def test_nobody_but_staff_gets_in(client: Client, db: None) -> None:
    client.force_login(make_account())
    assert client.get(address(Listing, "changelist")).status_code == 302


def test_what_the_index_knows_cannot_be_deleted_behind_its_back(staff: Client) -> None:
    listing = make_listing()
    for thing in (listing, listing.cover):
        assert thing is not None
        assert staff.post(address(type(thing), "delete", thing.pk), {"post": "yes"}).status_code == 403
        assert not admin.site.get_model_admin(type(thing)).has_add_permission(HttpRequest())
    assert Listing.objects.filter(pk=listing.pk).exists()
