"""What recurs: the timetable, the table that staff edit, and the beat that follows it."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from feira.shop.jobs import periodic
from feira.shop.jobs.models import Periodic
from feira.shop.jobs.periodic import Recurring, Timetable, next_run_at, recurring_work
from tests.factories import make_account
from tests.shop.jobs.processes import open_shop, wait_until


@pytest.fixture
def clockwork(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let timetables read the table at every turn; return where the work below notes its runs."""
    monkeypatch.setattr(periodic, "READ_EVERY_S", 0.0)
    return []


def entry(ran: list[str], name: str = "t.daily", every_s: float = 86_400.0, *, is_vital: bool = False) -> Recurring:
    return Recurring(name, every_s, lambda: ran.append(name), is_vital)


def long_ago(name: str, **since: float) -> None:
    Periodic.objects.filter(name=name).update(last_run_at=timezone.now() - timedelta(**since))


@pytest.mark.django_db
def test_work_runs_at_once_then_at_its_interval_across_restarts_whatever_the_others_do(clockwork: list[str]) -> None:
    def fail() -> None:
        raise ValueError("broken")

    recurring = [Recurring("t.fail", 3600.0, fail), entry(clockwork), entry(clockwork, "t.often", 2.0)]
    timetable = Timetable(recurring)
    assert timetable.run_due() == ["t.fail", "t.daily", "t.often"]
    assert timetable.run_due() == []
    assert clockwork == ["t.daily", "t.often"]
    assert 1.0 < timetable.wait_s(most=60.0) <= 2.0
    assert timetable.wait_s(most=0.5) == 0.5
    errors = {row.name: row.last_error for row in Periodic.objects.all()}
    assert errors == {"t.fail": "ValueError: broken", "t.daily": "", "t.often": ""}
    assert Timetable(recurring).run_due() == []
    long_ago("t.daily", days=1)
    long_ago("t.often", seconds=3)
    assert Timetable(recurring).run_due() == ["t.daily", "t.often"]


@pytest.mark.django_db
def test_an_edited_row_is_followed_without_a_restart(clockwork: list[str]) -> None:
    timetable = Timetable([entry(clockwork)])
    timetable.run_due()
    Periodic.objects.update(every_s=0.0)
    assert (timetable.run_due(), timetable.run_due()) == (["t.daily"], ["t.daily"])
    Periodic.objects.update(is_enabled=False)
    assert timetable.run_due() == []
    assert timetable.wait_s(most=60.0) == 60.0
    Periodic.objects.update(is_enabled=True, every_s=None)
    assert timetable.run_due() == []


@pytest.mark.django_db
def test_work_that_is_asked_for_runs_once_even_if_it_is_switched_off(clockwork: list[str]) -> None:
    timetable = Timetable([entry(clockwork)])
    timetable.run_due()
    Periodic.objects.update(is_enabled=False, run_asked_at=timezone.now())
    assert (timetable.run_due(), timetable.run_due()) == (["t.daily"], [])
    assert Periodic.objects.get().run_asked_at is None


@pytest.mark.django_db
def test_vital_work_can_neither_be_switched_off_nor_made_rare(clockwork: list[str]) -> None:
    timetable = Timetable([entry(clockwork, "t.vital", 2.0, is_vital=True)])
    Periodic.objects.update(is_enabled=False, every_s=86_400)
    timetable.run_due()
    assert 59 < timetable.wait_s(most=90.0) <= 60


@pytest.mark.django_db
def test_what_recurs_often_is_noted_twice_a_minute(clockwork: list[str]) -> None:
    timetable = Timetable([entry(clockwork, "t.often", 0.0)])
    timetable.run_due()
    noted = Periodic.objects.get().last_run_at
    timetable.run_due()
    assert clockwork == ["t.often", "t.often"]
    assert Periodic.objects.get().last_run_at == noted


@pytest.mark.django_db
def test_the_next_run_is_known() -> None:
    now = timezone.now()
    name = "jobs.forget_old_work"
    row = Periodic(name=name, last_run_at=now - timedelta(hours=1))
    assert next_run_at(row, now=now) == now + timedelta(hours=23)
    row.every_s = 60
    assert next_run_at(row, now=now) == now
    row.is_enabled = False
    assert next_run_at(row, now=now) is None
    row.run_asked_at = now
    assert next_run_at(row, now=now) == now
    assert next_run_at(Periodic(name="t.gone"), now=now) is None


def test_everything_that_recurs_says_what_it_does() -> None:
    assert [entry.name for entry in recurring_work() if not entry.describes] == []
    assert [entry.name for entry in recurring_work() if entry.is_vital] == ["jobs.reconcile"]


@pytest.fixture
def table(client: Client) -> tuple[Client, str]:
    """Return the browser of somebody who may change periodic work, and the address of the table with two rows."""
    staff = make_account(is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename__in=["view_periodic", "change_periodic"]))
    client.force_login(staff)
    for name in ("jobs.forget_old_work", "jobs.reconcile"):
        Periodic.objects.get_or_create(name=name)
    return client, reverse("admin:jobs_periodic_changelist")


def edited(**fields: str) -> dict[str, str]:
    rows = list(Periodic.objects.order_by("name"))
    form = {"form-TOTAL_FORMS": str(len(rows)), "form-INITIAL_FORMS": str(len(rows)), "_save": "Save"}
    for place, row in enumerate(rows):
        form |= {f"form-{place}-id": str(row.pk), f"form-{place}-every_s": "", f"form-{place}-is_enabled": "on"}
    return {name: value for name, value in (form | fields).items() if value != "absent"}


@pytest.mark.django_db
def test_staff_edit_the_table_and_ask_for_a_run(table: tuple[Client, str]) -> None:
    client, address = table
    page = client.get(address).content.decode()
    assert "Keep the ledger at the size of a month." in page
    changes = {"form-0-every_s": "3600", "form-0-is_enabled": "absent"}
    assert client.post(address, edited(**changes)).status_code == 302
    row = Periodic.objects.get(name="jobs.forget_old_work")
    assert (row.every_s, row.is_enabled) == (3600.0, False)
    chosen = {"action": "run_now", "_selected_action": str(row.pk)}
    assert client.post(address, chosen).status_code == 302
    assert Periodic.objects.get(pk=row.pk).run_asked_at is not None
    assert client.get(reverse("admin:jobs_periodic_change", args=[row.pk])).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    "changes",
    [{"form-1-is_enabled": "absent"}, {"form-1-every_s": "61"}, {"form-0-every_s": "0"}, {"form-0-every_s": "soon"}],
)
def test_what_would_harm_the_shop_is_refused_beside_the_field(
    table: tuple[Client, str], changes: dict[str, str]
) -> None:
    client, address = table
    answer = client.post(address, edited(**changes))
    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode()
    assert not Periodic.objects.exclude(every_s=None, is_enabled=True).exists()


@pytest.mark.django_db
def test_whoever_may_only_look_changes_nothing(table: tuple[Client, str]) -> None:
    client, address = table
    looker = make_account(is_staff=True)
    looker.user_permissions.set(Permission.objects.filter(codename="view_periodic"))
    client.force_login(looker)
    assert client.get(address).status_code == 200
    client.post(address, edited(**{"form-0-every_s": "3600"}))
    row = Periodic.objects.get(name="jobs.forget_old_work")
    client.post(address, {"action": "run_now", "_selected_action": str(row.pk)})
    client.post(reverse("admin:jobs_periodic_change", args=[row.pk]), {"every_s": "3600", "is_enabled": "on"})
    client.force_login(make_account())
    assert client.get(address).status_code == 302
    row.refresh_from_db()
    assert (row.every_s, row.run_asked_at) == (None, None)


@pytest.mark.system
def test_a_running_beat_follows_the_table_within_seconds(tmp_path: Path, empty_database: Path) -> None:
    with open_shop(tmp_path, f"sqlite:///{tmp_path / 'broker.sqlite3'}", database=empty_database) as shop:
        shop.beat()

        def last_run() -> str | None:
            rows = shop.rows("SELECT last_run_at FROM jobs_periodic WHERE name = 'jobs.forget_old_work'")
            return rows[0][0] if rows else None

        wait_until(lambda: last_run() is not None, "the beat has begun")
        before = last_run()
        shop.change("UPDATE jobs_periodic SET run_asked_at = datetime('now') WHERE name = 'jobs.forget_old_work'")
        wait_until(lambda: last_run() != before, "it runs again", patience_s=10)
        assert shop.rows("SELECT 1 FROM jobs_periodic WHERE run_asked_at IS NOT NULL") == []
