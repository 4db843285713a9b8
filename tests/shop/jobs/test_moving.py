"""A job and what came of it are called off and tried again as one piece of work, on whichever way that is asked for."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from feira.cli import jobs as command
from feira.cli.errors import exit_code_of
from feira.shop.accounts.models import Account
from feira.shop.jobs import moving, services
from feira.shop.jobs.errors import CannotCancel
from feira.shop.jobs.models import Job, State
from feira.shop.jobs.registry import job
from feira.shop.jobs.running import RunningJob
from tests.factories import make_account

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _kinds(own_kinds: None) -> None:
    @job("tests.step")
    def step(_job: RunningJob) -> None: ...


def step(parent: Job | None = None, *after: Job) -> Job:
    return services.submit("tests.step", parent=parent, after=after)


def ended(made: Job, state: State = State.SUCCEEDED) -> Job:
    Job.objects.filter(pk=made.pk).update(state=state)
    return made


def state(made: Job) -> str:
    return str(Job.objects.values_list("state", flat=True).get(pk=made.pk))


def by_page(number: int, move: str, keeper: Account) -> None:
    browser = Client()
    browser.force_login(keeper)
    assert browser.post(f"/staff/insight/jobs/{number}/{move}/").status_code == 302


def by_api(number: int, move: str, keeper: Account) -> None:
    speaking = APIClient()
    speaking.force_login(keeper)
    assert speaking.post(f"/api/v1/jobs/{number}/{move}/").status_code == 200


def by_command(number: int, move: str, keeper: Account) -> None:
    assert exit_code_of(lambda: command.app([move, str(number)], prog_name="feira")) == 0


@pytest.fixture
def keeper() -> Account:
    person = make_account(is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=["view_job", "change_job"]))
    return Account.objects.get(pk=person.pk)


@pytest.mark.parametrize("move", [by_page, by_api, by_command])
def test_what_came_of_what_came_of_a_job_is_called_off_and_opened_with_it(
    move: Callable[[int, str, Account], None], keeper: Account
) -> None:
    parent = ended(step())
    child = ended(step(parent))
    grandchild, other = step(child), ended(step(child))
    last = step(grandchild)
    behind, stranger = step(None, grandchild), step()
    move(parent.pk, "cancel", keeper)
    jobs = (parent, child, grandchild, other, last, behind, stranger)
    assert [state(each) for each in jobs] == [
        "succeeded",
        "succeeded",
        "cancelled",
        "succeeded",
        "cancelled",
        "failed",
        "waiting",
    ]
    behind.refresh_from_db()
    assert behind.failed_for == grandchild.pk
    move(parent.pk, "retry", keeper)
    assert [state(each) for each in jobs] == [
        "succeeded",
        "succeeded",
        "waiting",
        "succeeded",
        "waiting",
        "waiting",
        "waiting",
    ]
    services.run_until_idle()
    assert {state(each) for each in jobs} == {"succeeded"}


def test_children_that_wait_for_each_other_fail_with_the_first_and_come_back_with_it() -> None:
    parent = ended(step())
    first = step(parent)
    second = step(parent, first)
    third = step(parent, second)
    done = ended(step(parent))
    free = step(None, done)
    Job.objects.filter(pk=free.pk).update(unmet=0)
    assert moving.cancel_all(parent) == 1
    assert [state(each) for each in (first, second, third, done, free)] == [
        "cancelled",
        "failed",
        "failed",
        "succeeded",
        "waiting",
    ]
    with pytest.raises(CannotCancel):
        moving.cancel_all(parent)
    assert moving.retry_all(parent).pk == parent.pk
    assert [state(each) for each in (first, second, third)] == ["waiting"] * 3
    services.run_until_idle()
    assert [state(each) for each in (first, second, third)] == ["succeeded"] * 3


def test_a_job_that_works_far_below_one_that_has_ended_is_seen() -> None:
    parent = ended(step())
    child = ended(step(parent))
    assert not moving.has_unfinished_below(parent)
    step(child)
    assert moving.has_unfinished_below(parent)
    assert not moving.has_unfinished_below(step())


def test_calling_off_costs_the_same_however_many_there_are() -> None:
    def cost(width: int) -> int:
        parent = ended(step())
        for _number in range(width):
            step(parent)
        with CaptureQueriesContext(connection) as counted:
            assert moving.cancel_all(parent) == width
        return len(counted)

    assert cost(3) == cost(40)
