"""Settings: documented, typed, and refused by name when they are wrong."""

from pathlib import Path

import pytest

from feira.core.errors import Misconfigured
from feira.settings import Settings, load_settings
from feira.settings_reference import render_reference

DOCS = Path(__file__).resolve().parents[1] / "docs" / "reference" / "settings.md"


def test_the_page_of_settings_is_up_to_date() -> None:
    assert DOCS.read_text() == render_reference(), (
        "run: python -m feira.settings_reference > docs/reference/settings.md"
    )


def test_every_setting_says_what_it_does() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_a_wrong_value_is_refused_by_the_name_of_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEIRA_WEB_WORKERS", "many")
    load_settings.cache_clear()
    try:
        with pytest.raises(Misconfigured, match="FEIRA_WEB_WORKERS"):
            load_settings()
    finally:
        monkeypatch.undo()
        load_settings.cache_clear()


def test_a_secret_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    first = settings.resolved_secret_key()
    assert len(first) >= 32
    assert settings.resolved_secret_key() == first
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0


def test_a_short_secret_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="FEIRA_SECRET_KEY"):
        Settings(data_dir=tmp_path, secret_key="short").resolved_secret_key()


def test_the_defaults_need_no_service(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    assert settings.resolved_database_url() == f"sqlite:///{tmp_path}/feira.sqlite3"
    assert settings.resolved_broker_url() == f"sqlite:///{tmp_path}/broker.sqlite3"
    assert settings.resolved_blob_url() == f"file://{tmp_path}/blobs"
