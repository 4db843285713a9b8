"""Every malformed, hostile or odd file of the shared collection, sent to the sell page and to the search page."""

import csv
from typing import NamedTuple

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from feira.shop.photos.models import Photo
from tests.factories import make_account
from tests.shared_files import SHARED, needs_shared

FOLDER = SHARED / "data" / "bad-images"
pytestmark = [pytest.mark.django_db, needs_shared("data/bad-images/index.csv")]


class Case(NamedTuple):
    """A file and what has to become of it: accept, reject or either."""

    file: str
    expected: str


def cases() -> list[Case]:
    """Read the collection's own table."""
    index = FOLDER / "index.csv"
    if not index.exists():
        return [Case("missing", "accept")]
    with index.open(newline="", encoding="utf-8") as rows:
        return [Case(row["file"], row["expected"]) for row in csv.DictReader(rows)]


def upload(case: Case) -> SimpleUploadedFile:
    """Return the file as a browser sends it: named and typed by whoever sends it."""
    return SimpleUploadedFile("photo.jpg", (FOLDER / case.file).read_bytes(), content_type="image/jpeg")


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.file)
def test_pages_take_or_refuse_it_with_a_sentence(client: Client, case: Case) -> None:
    cache.clear()
    client.force_login(make_account())
    sold = client.post("/sell/photo/", {"photo": upload(case)})
    assert sold.status_code in {"accept": {200}, "reject": {422}}.get(case.expected, {200, 422})
    is_taken = sold.status_code == 200
    assert Photo.objects.count() == is_taken
    assert ('role="alert"' in sold.text) != is_taken

    sought = client.post("/search/photo/", {"photo": upload(case)})
    assert sought.status_code == (303 if is_taken else 422)
    if not is_taken:
        assert 'id="by-photo-error"' in sought.text
