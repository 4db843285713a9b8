"""Queries that mean nearly the same hear of each other's judgements, without a search ever asking a text encoder."""

from collections.abc import Callable

import numpy as np
import pytest

from feira.shop.feedback import meaning
from feira.shop.feedback.keys import query_key
from feira.shop.feedback.models import JudgedQuery, NearQuery
from feira.shop.feedback.people import Person
from feira.shop.feedback.selectors import signal_for
from feira.shop.feedback.services import judge, record_search
from feira.shop.jobs import services as jobs
from tests.factories import make_listing

ADA = Person(None, "ada", "home")


@pytest.mark.django_db
def test_kept_links_let_other_words_hear_of_a_judgement_less_than_the_same_words() -> None:
    listing = make_listing()
    judge(key="sneakers", text="sneakers", listing_id=listing.pk, value=1, person=ADA)
    query = JudgedQuery.objects.get()
    assert signal_for("trainers") == {}

    vector = np.ones(4, "<f4").tobytes()
    kept = meaning.keep_near_queries(meaning.Near((("trainers", query.pk, 0.4),), {query.pk: vector}, "words-v1"))

    assert kept == 1
    assert 0 < signal_for("trainers")[listing.pk] < signal_for("sneakers")[listing.pk]
    query.refresh_from_db()
    assert (query.text_id, bytes(query.vector or b"")) == ("words-v1", vector)


@pytest.mark.django_db
def test_what_was_judged_no_longer_loses_its_links() -> None:
    listing = make_listing()
    judge(key="sneakers", text="", listing_id=listing.pk, value=1, person=ADA)
    gone = JudgedQuery.objects.get().pk
    JudgedQuery.objects.all().delete()
    assert meaning.keep_near_queries(meaning.Near((("trainers", gone, 0.4),), {}, "words-v1")) == 0
    assert not NearQuery.objects.exists()


def test_links_are_of_near_vectors_only_and_never_between_contraries() -> None:
    judged = [JudgedQuery(pk=number, key=key) for number, key in enumerate(["shoe", "hat", "-red shoe"])]
    rows = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 0]], np.float32)
    asked = np.array([[0.95, 0.312, 0], [0, 0, 1], [1, 0, 0]], np.float32)
    keys = ["shoe", "hat", "-red shoe", "boot", "cup", "red shoe"]
    links = meaning.links_between(keys, np.concatenate([rows, asked]), judged, rows)

    assert all(0 < near <= 0.5 for _key, _query, near in links)
    linked = {(key, query) for key, query, _near in links}
    assert ("boot", 0) in linked
    assert ("red shoe", 0) in linked
    assert ("red shoe", 2) not in linked
    assert not any(key == "cup" or query == 1 for key, query in linked)
    assert not any(key == judged[query].key for key, query in linked)


@pytest.mark.django_db
def test_without_judgements_nobody_is_asked() -> None:
    record_search(key=query_key("boots"), text="boots", listing_ids=[], total=0, took_ms=1, person=ADA)
    assert meaning.find_near_queries() is None


def test_another_word_for_the_same_hears_of_it_once_the_job_has_run(work_done: Callable[[], None]) -> None:
    listing = make_listing()
    for text in ("sofa", "laptop bag"):
        judge(key=query_key(text), text=text, listing_id=listing.pk, value=1, person=ADA)
    for text in ("couch", "teapot"):
        record_search(key=query_key(text), text=text, listing_ids=[], total=0, took_ms=1, person=ADA)
    assert signal_for("couch") == {}

    work_done()

    assert 0 < signal_for("couch")[listing.pk] < signal_for("sofa")[listing.pk]
    assert signal_for("teapot") == {}
    assert all(row.text_id and row.vector for row in JudgedQuery.objects.all())
    jobs.submit("feedback.link_near_queries", {}, key="all")
    work_done()
    assert signal_for("couch")  # doing it again changes nothing
