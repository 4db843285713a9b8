"""`feira model pull`, `remove` and what is known of models that can be fetched."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from feira.cli import model
from tests.cli.conftest import Call
from tests.core.encoders.tiny_models import dual_folder
from tests.engine.hub.server import Hub, running_hub

Give = Callable[..., None]


@pytest.fixture
def hub(tmp_path: Path, settings_of: Give, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with one model, which this installation asks."""
    for name in ("HF_TOKEN", "HF_ENDPOINT", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    with running_hub() as running:
        folder = dual_folder(tmp_path / "source")
        running.add("maker/tiny", {path.name: path.read_bytes() for path in folder.iterdir()})
        settings_of(data_dir=tmp_path / "data", encoder="", hub_url=running.url)
        yield running


def test_a_model_is_pulled_with_its_licence_said_first(hub: Hub, call: Call, tmp_path: Path) -> None:
    said = call(model.app, "pull", "hub:maker/tiny", "--yes", "--json")
    assert said.code == 0
    got = json.loads(said.out)
    assert got["path"] == str(tmp_path / "data" / "models" / "tiny")
    assert got["encoder_id"].startswith("tiny-dual@")
    assert set(got["files"]) == {"image.onnx", "text.onnx", "tokenizer.json"}
    assert "licence: Apache-2.0" in said.err
    assert "this first pull is trusted" in said.err
    rows = json.loads(call(model.app, "list", "--json").out)
    assert [(row["name"], row["kind"], row["arithmetic"]) for row in rows][-1] == ("tiny", "dual", "float")
    assert json.loads(call(model.app, "show", "tiny", "--json").out)["measured"] == []


def test_without_a_yes_nothing_large_is_fetched(hub: Hub, call: Call, tmp_path: Path) -> None:
    said = call(model.app, "pull", "hub:maker/tiny")
    assert said.code == 2
    assert "--yes" in said.err
    assert not [asked for asked in hub.cdn_requests if "model.json" not in asked.path]
    assert not (tmp_path / "data" / "models").exists()


def test_a_model_of_unstated_licence_says_so(hub: Hub, call: Call, tmp_path: Path) -> None:
    folder = dual_folder(tmp_path / "bare", change=lambda facts: facts.pop("licence"))
    hub.add("maker/bare", {path.name: path.read_bytes() for path in folder.iterdir()}, licence="")
    assert "you may have no right to use it" in call(model.app, "pull", "hub:maker/bare", "--yes").err


def test_offline_is_one_clear_line(hub: Hub, call: Call, settings_of: Give) -> None:
    settings_of(offline="true")
    said = call(model.app, "pull", "hub:maker/tiny", "--yes")
    assert said.code == 1
    assert len(said.err.splitlines()) == 1
    assert "FEIRA_OFFLINE" in said.err


def test_the_hubs_own_variables_count_where_ours_are_empty(
    hub: Hub, call: Call, settings_of: Give, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings_of(hub_url="")
    monkeypatch.setenv("HF_ENDPOINT", "ftp://hub")
    assert call(model.app, "pull", "hub:maker/tiny", "--yes").code == 2
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert call(model.app, "pull", "hub:maker/tiny", "--yes").code == 1
    assert not hub.requests
    monkeypatch.delenv("HF_HUB_OFFLINE")
    assert call(model.app, "pull", "hub:maker/tiny", "--yes").code == 0


def test_a_token_is_used_and_not_said(hub: Hub, call: Call, settings_of: Give) -> None:
    hub.token = "hf_secret"
    refused = call(model.app, "pull", "hub:maker/tiny", "--yes")
    assert refused.code == 1
    assert "FEIRA_HUB_TOKEN" in refused.err
    settings_of(hub_token="hf_secret")
    said = call(model.app, "pull", "hub:maker/tiny", "--yes")
    assert said.code == 0
    assert "hf_secret" not in said.err + said.out


def test_wrong_bytes_end_in_one_line_and_no_model(hub: Hub, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.lies["image.onnx"] = b"something else, of another length"
    said = call(model.app, "pull", "hub:maker/tiny", "--yes")
    assert said.code == 1
    assert said.err.splitlines()[-1].startswith("feira: ")
    assert len(json.loads(call(model.app, "list", "--json").out)) == 2  # the built-in ones


def test_what_changed_at_its_source_is_taken_only_when_wanted(hub: Hub, call: Call, tmp_path: Path) -> None:
    call(model.app, "pull", "hub:maker/tiny", "--yes")
    folder = dual_folder(tmp_path / "other", change=lambda facts: facts.update(licence="MIT"))
    hub.add("maker/tiny", {path.name: path.read_bytes() for path in folder.iterdir()})
    assert json.loads(call(model.app, "pull", "hub:maker/tiny", "--yes", "--json").out)["licence"] == "Apache-2.0"
    said = call(model.app, "pull", "hub:maker/tiny", "--yes", "--renew", "--json")
    assert json.loads(said.out)["licence"] == "MIT"


def test_misuse_is_said(hub: Hub, call: Call) -> None:
    assert call(model.app, "pull", "hub:maker/tiny", "--precision", "int2").code == 2
    assert "siglip2-base" in call(model.app, "pull", "siglip9", "--yes").err
    assert call(model.app, "pull", "hub:maker/tiny", "--as", "../out", "--yes").code == 1


def test_what_can_be_fetched_by_name_is_listed_with_its_licence(hub: Hub, call: Call) -> None:
    rows = {row["name"]: row for row in json.loads(call(model.app, "list", "--available", "--json").out)}
    assert rows["siglip2-base"]["revision"] == "ba1f3b0843f24bc5417d38e19c37b287d719b2f4"
    assert rows["siglip2-base"]["precisions"] == ["fp32", "fp16", "int8"]
    assert rows["resnet-50"]["revision"] == ""
    assert "research" in rows["mobileclip-s0"]["licence"]
    assert "dinov2-small" in call(model.app, "list", "--available").out


def test_a_model_is_removed_unless_it_is_used(hub: Hub, call: Call, tmp_path: Path) -> None:
    call(model.app, "pull", "hub:maker/tiny", "--yes")
    folder = tmp_path / "data" / "models" / "tiny"
    assert call(model.app, "remove", "tiny").code == 2
    assert call(model.app, "remove", "descriptors", "--yes").code == 1
    (tmp_path / "data" / "encoder").write_text("tiny\n")
    assert "in use" in call(model.app, "remove", "tiny", "--yes").err
    assert folder.is_dir()
    (tmp_path / "data" / "encoder").unlink()
    assert call(model.app, "remove", "tiny", "--yes").code == 0
    assert not folder.exists()
    assert call(model.app, "remove", "tiny", "--yes").code == 1
    # What was pulled is remembered: the same name is the same model again.
    assert (tmp_path / "data" / "models" / "models.lock.json").is_file()


def test_a_folder_that_is_linked_in_loses_only_its_link(hub: Hub, call: Call, tmp_path: Path) -> None:
    models = tmp_path / "data" / "models"
    models.mkdir(parents=True)
    (models / "linked").symlink_to(tmp_path / "source")
    assert call(model.app, "remove", "linked", "--yes").code == 0
    assert (tmp_path / "source" / "model.json").is_file()
    assert not (models / "linked").exists()
