"""Which encoder is served: settings, pointer file, model folders."""

import json
import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from feira.core.encoders.descriptors import DescriptorEncoder
from feira.core.encoders.onnx import OnnxEncoder
from feira.core.encoders.sessions import Device
from feira.core.errors import ManifestError, Misconfigured
from feira.core.testing.photos import photo_pixels
from feira.engine import database, log
from feira.engine.config import choose_encoder, chosen_encoder, config_from_settings
from feira.engine.registry import list_encoders, list_models, open_encoder
from feira.settings import Settings
from tests.shared_files import SHARED, needs_shared


def test_the_setting_goes_before_the_choice_and_the_choice_before_the_default(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "new", encoder="")
    assert chosen_encoder(settings) == "builtin"
    choose_encoder(settings, "mobilenet")
    assert chosen_encoder(settings) == "mobilenet"
    choose_encoder(settings, "resnet")
    assert chosen_encoder(settings) == "resnet"
    assert chosen_encoder(Settings(data_dir=tmp_path / "new", encoder="set")) == "set"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["encoder"]


def test_the_configuration_follows_the_settings(tmp_path: Path) -> None:
    config = config_from_settings(Settings(data_dir=tmp_path, engine_threads=3))
    assert (config.encoder, config.threads) == ("builtin", 3)
    assert config.database_url == f"sqlite:///{tmp_path.resolve()}/feira.sqlite3"
    assert config.models_dir == tmp_path.resolve() / "models"
    assert config_from_settings(Settings(data_dir=tmp_path, engine_threads=0)).threads >= 1


def test_the_built_in_encoders_are_always_there_and_the_trained_one_comes_first(tmp_path: Path) -> None:
    cards = list_encoders(tmp_path / "nowhere")
    assert [card.name for card in cards] == ["builtin", "descriptors"]
    for card, kind in zip(cards, (OnnxEncoder, DescriptorEncoder), strict=True):
        encoder = open_encoder(card.name, models_dir=tmp_path)
        assert isinstance(encoder, kind)
        assert (card.kind, card.is_valid, card.path) == ("builtin", True, None)
        assert (card.encoder_id, card.dim) == (encoder.encoder_id, encoder.dim)


@needs_shared("models/mobilenet_v2/model.json")
def test_a_model_folder_becomes_an_encoder(tmp_path: Path) -> None:
    cards = {card.name: card for card in list_encoders(SHARED / "models")}
    card = cards["mobilenet_v2"]
    assert (card.kind, card.dim, card.is_valid, card.licence) == ("onnx", 1280, True, "Apache-2.0")
    assert "google-coral" in card.source
    assert card.encoder_id == "mobilenet_v2_1.0_224@d9cb3c82"
    # A model of texts alone is known, but is no encoder that could be served.
    assert "minilm" not in cards
    assert {card.name: card.kind for card in list_models(SHARED / "models")}["minilm"] == "text"
    with pytest.raises(Misconfigured, match="sees no pictures"):
        open_encoder("minilm", models_dir=SHARED / "models")

    encoder = open_encoder("mobilenet_v2", models_dir=SHARED / "models")
    rows = encoder.encode_images([photo_pixels()])
    assert (encoder.encoder_id, rows.shape) == (card.encoder_id, (1, 1280))
    assert np.linalg.norm(rows[0]) == pytest.approx(1, abs=1e-5)


@needs_shared("models/mobilenet_v2/model.json")
def test_an_altered_model_is_listed_as_faulty_and_not_opened(tmp_path: Path) -> None:
    folder = tmp_path / "altered"
    shutil.copytree(SHARED / "models" / "mobilenet_v2", folder)
    folder.chmod(0o755)
    labels = folder / "labels.txt"
    labels.unlink()
    labels.write_text("other")
    card = list_encoders(tmp_path)[-1]
    assert (card.name, card.is_valid, card.dim) == ("altered", False, 0)
    assert "labels.txt" in card.fault
    with pytest.raises(ManifestError):
        open_encoder("altered", models_dir=tmp_path)


@pytest.mark.parametrize("name", ["missing", "../outside", "", "folder"])
def test_an_encoder_that_is_not_there_is_refused_with_the_names_of_those_that_are(tmp_path: Path, name: str) -> None:
    (tmp_path / "models" / "folder").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "model.json").write_text(json.dumps({"name": "outside"}))
    with pytest.raises(Misconfigured, match="there are: builtin, descriptors"):
        open_encoder(name, models_dir=tmp_path / "models")


@pytest.mark.parametrize("url", ["mysql://host/name", "feira.sqlite3", ""])
def test_an_address_of_another_database_is_refused(url: str) -> None:
    with pytest.raises(Misconfigured, match="FEIRA_DATABASE_URL"):
        log.open_log(url, "e")


def test_postgresql_without_its_driver_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "psycopg", None)
    with pytest.raises(Misconfigured, match=r"feira\[postgres\]"):
        log.open_log("postgres://host/name", "e")


def test_a_postgresql_server_that_is_away_is_a_log_that_is_unavailable() -> None:
    source = log.open_log("postgres://nobody@127.0.0.1:1/none", "e")
    with pytest.raises(log.LogUnavailable, match="PostgreSQL cannot be read"):
        source.head()


def test_the_log_cannot_be_written_through_its_reader(sqlite_tables: object, tmp_path: Path) -> None:
    reader = database.SqliteReader(tmp_path / "feira.sqlite3")
    source = log.IndexLog(reader, "e")
    with pytest.raises(log.LogUnavailable, match="readonly"):
        reader.rows("INSERT INTO photos_indexlogentry VALUES (1, 1, 1)")
    assert source.head() == 0
    source.close()


@pytest.mark.skipif("CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="there is a GPU")
@needs_shared("models/mobilenet_v2/model.json")
def test_a_graphics_card_is_used_where_there_is_one_and_never_needed() -> None:
    devices: tuple[Device, ...] = ("auto", "cpu")
    for device in devices:
        assert open_encoder("mobilenet_v2", models_dir=SHARED / "models", device=device).dim == 1280
    with pytest.raises(Misconfigured, match="onnxruntime-gpu"):
        open_encoder("mobilenet_v2", models_dir=SHARED / "models", device="cuda")
    assert config_from_settings(Settings(device="cpu")).device == "cpu"
