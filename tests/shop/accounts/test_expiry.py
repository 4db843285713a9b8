"""Guests who left are forgotten; whoever is still here stays."""

from datetime import timedelta

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from feira.shop.accounts import services, tasks
from feira.shop.jobs import services as jobs
from feira.shop.jobs.models import Job, State
from feira.shop.jobs.periodic import recurring_named
from tests.factories import make_account

pytestmark = pytest.mark.django_db


def session(*, ends_in: timedelta) -> str:
    store = SessionStore()
    store["search_photos"] = [1]
    store.set_expiry(timezone.now() + ends_in)
    store.create()
    return str(store.session_key)


def test_sessions_that_have_ended_go_and_others_stay() -> None:
    ended = [session(ends_in=-timedelta(minutes=n)) for n in (1, 60)]
    guest = session(ends_in=timedelta(minutes=1))
    member = Client()
    member.force_login(make_account())
    tasks.expire_guests_daily()
    jobs.run_until_idle()
    job = Job.objects.get(kind=tasks.EXPIRE)
    assert (job.state, job.result) == (State.SUCCEEDED, {"sessions": 2})
    left = set(Session.objects.values_list("pk", flat=True))
    assert left == {guest, member.session.session_key}
    assert not left & set(ended)


def test_sessions_go_some_at_a_time_the_longest_ended_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "SESSIONS_AT_ONCE", 2)
    young, *old = [session(ends_in=-timedelta(minutes=n)) for n in (1, 60, 90)]
    with CaptureQueriesContext(connection) as queries:
        assert services.forget_ended_sessions() == 2
    assert len([query for query in queries if query["sql"].startswith("DELETE")]) == 1
    assert set(Session.objects.values_list("pk", flat=True)) == {young}
    assert old
    assert (services.forget_ended_sessions(), services.forget_ended_sessions()) == (1, 0)


def test_what_an_attempt_that_was_stopped_has_deleted_is_not_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "SESSIONS_AT_ONCE", 1)
    for minutes in (1, 2, 3):
        session(ends_in=-timedelta(minutes=minutes))
    job = jobs.submit(tasks.EXPIRE, {})
    whole = services.forget_ended_sessions
    calls: list[int] = []

    def break_at_the_second() -> int:
        calls.append(1)
        if len(calls) == 2:
            raise OSError("the machine is switched off")
        return whole()

    monkeypatch.setattr(services, "forget_ended_sessions", break_at_the_second)
    jobs.run_until_idle()
    assert Session.objects.count() == 2
    Job.objects.filter(pk=job.pk).update(run_after=timezone.now())
    jobs.run_until_idle()
    job.refresh_from_db()
    assert (job.state, job.result) == (State.SUCCEEDED, {"sessions": 2})
    assert not Session.objects.exists()


def test_it_recurs_and_one_job_at_a_time_does_it() -> None:
    entry = recurring_named("accounts.expire_guests_daily")
    assert entry is not None
    assert entry.every_s == 86_400
    entry.run()
    entry.run()
    assert Job.objects.filter(kind=tasks.EXPIRE).count() == 1
