"""`feira doctor`: it says what is wrong in any state of the shop, and keeps secrets to itself."""

import json
from pathlib import Path

import pytest

from feira.cli.doctor import masked
from tests.cli.conftest import Call


def findings(out: str) -> dict[str, dict[str, str]]:
    """Return the findings by name."""
    return {finding["name"]: finding for finding in json.loads(out)}


def test_a_new_shop_works_but_wants_its_migrations_and_processes(feira: Call) -> None:
    said = feira("doctor", "--json")
    assert said.code == 0, said.out
    found = findings(said.out)
    assert {
        name: found[name]["level"] for name in ("python", "data folder", "broker", "blob store", "encoders")
    } == dict.fromkeys(("python", "data folder", "broker", "blob store", "encoders"), "ok")
    assert "migrations wait" in found["database"]["text"]
    assert "feira migrate" in found["database"]["advice"]
    assert found["engine"]["level"] == "warn"


def test_a_database_that_is_away_is_a_failure_and_its_password_stays_secret(feira: Call) -> None:
    pytest.importorskip("psycopg")
    said = feira("doctor", FEIRA_DATABASE_URL="postgres://shop:hush-hush@127.0.0.1:9/shop", FEIRA_SECRET_KEY="k" * 40)
    assert said.code == 1
    assert "fail database" in said.out
    assert "hush-hush" not in said.out + said.err
    assert "kkkk" not in said.out + said.err


def test_a_wrong_setting_is_explained_instead_of_raised(feira: Call) -> None:
    said = feira("doctor", "--json", FEIRA_PHOTO_MAX_BYTES="lots")
    assert said.code == 1
    assert "FEIRA_PHOTO_MAX_BYTES" in findings(said.out)["settings"]["text"]


def test_a_shop_that_cannot_start_is_a_finding_with_the_reason(feira: Call) -> None:
    said = feira("doctor", "--json", FEIRA_SECRET_KEY="short")
    assert said.code == 1
    assert "FEIRA_SECRET_KEY" in findings(said.out)["shop"]["text"]


def test_an_encoder_that_is_not_there_is_a_failure(feira: Call) -> None:
    found = findings(feira("doctor", "--json", FEIRA_ENCODER="nope").out)
    assert found["encoders"]["level"] == "fail"
    assert "feira model use" in found["encoders"]["advice"]


def test_a_data_folder_that_is_a_file_is_a_failure(feira: Call, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    found = findings(feira("doctor", "--json", FEIRA_DATA_DIR=str(tmp_path / "file")).out)
    assert found["data folder"]["level"] == "fail"
    assert "FEIRA_DATA_DIR" in found["data folder"]["advice"]


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("secret_key", "anything", "***"),
        ("hub_token", "hf_anything", "***"),
        (
            "database_url",
            "postgres://shop:pw@host:5432/db?sslmode=require",
            "postgres://shop:***@host:5432/db?sslmode=require",
        ),
        ("broker_url", "redis://:pw@host/0", "redis://:***@host/0"),
        ("broker_url", "redis://host/0", "redis://host/0"),
        ("site_name", "A: shop", "A: shop"),
    ],
)
def test_secrets_are_masked(name: str, value: str, shown: str) -> None:
    assert masked(name, value) == shown
