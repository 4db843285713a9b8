"""`feira user`, `feira import` and the doctor's look into the shop, on the test database."""

import csv
import io
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.auth import authenticate

from feira.cli import examine_shop, imports, user
from feira.cli.demo_facts import DemoFacts, write_demo
from feira.cli.fill_demo import evenly, fill_demo, records_of
from feira.core.testing.photos import photo_bytes
from feira.settings import load_settings
from feira.shop.accounts.models import Account
from feira.shop.listings.models import Listing
from feira.shop.listings.records import Record
from tests.cli.conftest import Call

PASSWORD = "a-long-enough-one-42"


def give_password(monkeypatch: pytest.MonkeyPatch, password: str = PASSWORD) -> None:
    """Let the next command read this from stdin."""
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))


@pytest.mark.django_db
def test_an_account_is_made_and_can_sign_in(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    give_password(monkeypatch)
    said = call(user.app, "create", "Ana@Example.com", "--name", "Ana", "--staff", "--password-stdin")
    assert said.code == 0, said.err
    account = Account.objects.get()
    assert (account.email, account.display_name, account.is_staff) == ("Ana@example.com", "Ana", True)
    assert authenticate(username=account.email, password=PASSWORD) == account


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("email", "password", "reason"),
    [
        ("nonsense", PASSWORD, "not an e-mail"),
        ("b@example.com", "short", "too short"),
        ("A@EXAMPLE.com", PASSWORD, "already"),
    ],
)
def test_what_is_no_account_is_refused_and_not_made(
    email: str, password: str, reason: str, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    Account.objects.create_user("a@example.com", PASSWORD)
    give_password(monkeypatch, password)
    said = call(user.app, "create", email, "--password-stdin")
    assert said.code == 1
    assert reason in said.err
    assert Account.objects.count() == 1


@pytest.mark.django_db
def test_a_password_is_changed_whatever_the_case_of_the_address(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account.objects.create_user("a@example.com", "the-old-one-31415")
    give_password(monkeypatch)
    assert call(user.app, "set-password", "A@example.COM", "--password-stdin").code == 0
    account.refresh_from_db()
    assert account.check_password(PASSWORD)
    assert call(user.app, "set-password", "nobody@example.com", "--password-stdin").code == 1


@pytest.mark.django_db
def test_accounts_are_listed_as_data(call: Call) -> None:
    Account.objects.create_user("a@example.com")
    Account.objects.create_superuser("b@example.com")
    rows = json.loads(call(user.app, "list", "--json").out)
    assert {row["email"] for row in rows} == {"a@example.com", "b@example.com"}
    assert [row["email"] for row in json.loads(call(user.app, "list", "--staff", "--json").out)] == ["b@example.com"]


def a_catalogue(folder: Path) -> Path:
    """Write a CSV with two good rows and one whose photo is missing."""
    for number in range(2):
        (folder / f"{number}.jpg").write_bytes(photo_bytes((200, 60 + 90 * number, 40)))
    file = folder / "catalogue.csv"
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, ["id", "title", "category", "price", "photos"])
        writer.writeheader()
        for number, photo in enumerate(("0.jpg", "gone.jpg", "1.jpg")):
            row = {
                "id": f"row-{number}",
                "title": f"Hat {number}",
                "category": "Clothing > Hats",
                "price": f"{number}.50",
            }
            writer.writerow({**row, "photos": photo})
    return file


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("engine")
def test_good_rows_are_imported_and_the_others_reported_with_a_reason(call: Call, tmp_path: Path) -> None:
    file, report = a_catalogue(tmp_path), tmp_path / "refused.csv"
    said = call(imports.app, file, "--json", "--report", report)
    assert said.code == 0, said.err
    assert json.loads(said.out) == {"total": 3, "done": 2, "refused": 1, "report": str(report)}
    assert sorted(Listing.objects.values_list("title", "price")) == [
        ("Hat 0", Decimal("0.50")),
        ("Hat 2", Decimal("2.50")),
    ]
    with report.open(newline="") as rows:
        (refused,) = csv.DictReader(rows)
    assert refused["key"] == "row-1"
    assert "gone.jpg" in refused["reason"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("engine")
def test_the_same_import_again_adds_nothing(call: Call, tmp_path: Path) -> None:
    file = a_catalogue(tmp_path)
    call(imports.app, file)
    said = call(imports.app, file, "--json")
    assert json.loads(said.out)["done"] == 2
    assert Listing.objects.count() == 2


@pytest.mark.django_db
def test_a_source_that_is_not_there_is_refused(call: Call, tmp_path: Path) -> None:
    said = call(imports.app, tmp_path / "nothing.csv")
    assert said.code == 1
    assert "nothing.csv" in said.err


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("engine")
def test_a_drawn_demo_has_listings_and_accounts_that_can_sign_in(
    settings_of: Callable[..., None], call: Call, tmp_path: Path
) -> None:
    write_demo(load_settings().data_dir, DemoFacts(folder="", count=0, draw=3))
    fill_demo()
    facts = json.loads((load_settings().data_dir / "demo.json").read_text())
    assert facts["is_complete"] is True
    assert Listing.objects.count() == 3
    for account in facts["accounts"]:
        assert authenticate(username=account["email"], password=account["password"]) is not None
    (load_settings().data_dir / "demo.json").unlink()


def test_fewer_samples_are_spread_over_the_whole_catalogue(tmp_path: Path) -> None:
    records = [Record(f"{kind}/{number}", {}) for kind in "abc" for number in range(10)]
    assert [record.key[0] for record in evenly(records, 6)] == ["a", "a", "b", "b", "c", "c"]
    assert evenly(records, 0) == records
    assert evenly(records, 99) == records
    assert len(list(records_of(DemoFacts(folder="", count=0, draw=2), tmp_path))) == 2


@pytest.mark.django_db(transaction=True)
def test_the_doctor_sees_a_shop_that_works_and_a_worker_that_is_missing() -> None:
    found = {finding.name: finding for finding in examine_shop.examine_database()}
    assert found["database"].level == "ok"
    assert "0 listings" in found["database"].text
    assert found["workers"].level == "warn"
    assert "feira worker" in found["workers"].advice
    assert examine_shop.examine_broker().level == "ok"
    assert examine_shop.examine_blobs().level == "ok"


@pytest.mark.django_db
def test_an_account_joins_and_leaves_a_team_by_name(call: Call) -> None:
    account = Account.objects.create_user("a@example.com")
    assert call(user.app, "team", "A@example.com", "ml TEAM").code == 0
    assert Account.objects.get().has_perm("feedback.download_feedback")
    assert call(user.app, "team", "a@example.com", "ML team", "--leave").code == 0
    assert not account.groups.exists()


@pytest.mark.django_db
def test_unknown_teams_and_accounts_are_named(call: Call) -> None:
    Account.objects.create_user("a@example.com")
    refused = call(user.app, "team", "a@example.com", "Nobody")
    assert refused.code == 1
    assert "ML team" in refused.err
    assert call(user.app, "team", "b@example.com", "ML team").code == 1
