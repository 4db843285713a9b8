"""Throttles of pages count whoever is signed in, and leave them signed in."""

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, RequestFactory
from rest_framework.throttling import UserRateThrottle

from feira.core.testing.photos import photo_bytes
from feira.shop.photos.models import Photo
from feira.shop.web.throttling import is_allowed
from tests.factories import make_account

pytestmark = pytest.mark.django_db


class TwicePerMinute(UserRateThrottle):
    rate = "2/min"


@pytest.fixture(autouse=True)
def _no_throttle_remembers() -> None:
    cache.clear()


def test_a_request_stays_signed_in_and_accounts_at_one_address_are_counted_apart() -> None:
    people = [make_account(), make_account()]
    for person in people:
        answers = []
        for _number in range(3):
            request = RequestFactory().post("/")
            request.user = person
            answers.append(is_allowed(request, TwicePerMinute()))
            assert request.user == person
        assert answers == [True, True, False]


def test_a_photo_to_search_with_belongs_to_the_account_that_sent_it() -> None:
    person, client = make_account(), Client()
    client.force_login(person)
    photo = SimpleUploadedFile("photo.png", photo_bytes((1, 2, 3)))
    assert client.post("/search/photo/", {"photo": photo}).status_code == 303
    assert Photo.objects.get().owner == person
