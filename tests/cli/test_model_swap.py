"""`feira model use` and what follows, from the command line."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from django.utils import timezone

from feira.cli import model
from feira.cli.first_encoder import settle_encoder
from feira.shop.accounts.models import Account
from feira.shop.jobs.models import Job
from feira.shop.photos import services, swap
from feira.shop.photos.models import ServedEncoder
from feira.shop.photos.roster import roster
from tests.cli.conftest import Call
from tests.conftest import address_of_test_database
from tests.factories import make_photo
from tests.shared_files import SHARED, needs_shared

Give = Callable[..., None]
TEACHER, TEACHER_ID = "mobilenet_v2", "mobilenet_v2_1.0_224@d9cb3c82"

needs_teacher = needs_shared("models/mobilenet_v2/model.json")


@pytest.fixture
def shop(settings_of: Give, tmp_path: Path, db: None) -> ServedEncoder:
    """A shop that is served by descriptors, with the shared models at hand."""
    settings_of(
        data_dir=tmp_path / "data",
        models_dir=SHARED / "models",
        engine_url="http://127.0.0.1:9",
        database_url=address_of_test_database(),
        encoder="descriptors",
    )
    settle_encoder()
    live = roster().live
    assert live is not None
    return live


def states(call: Call) -> list[tuple[str, str]]:
    return [(row["state"], row["name"]) for row in json.loads(call(model.app, "swap", "status", "--json").out)]


@needs_teacher
def test_a_change_is_begun_held_and_called_off(shop: ServedEncoder, call: Call, account: Account) -> None:
    services.make_searchable([make_photo(account).pk])
    said = call(model.app, "use", TEACHER, "--ask")
    assert (said.code, said.out) == (0, "")
    assert "is shown 1 photos in the background" in said.err
    assert states(call) == [("live", "descriptors"), ("backfilling", TEACHER)]
    assert call(model.app, "swap", "pause").code == 0
    assert states(call)[1] == ("paused", TEACHER)
    refused = call(model.app, "switch")
    assert (refused.code, "is paused" in refused.err) == (1, True)
    assert call(model.app, "swap", "resume").code == 0
    assert Job.objects.filter(kind="photos.backfill").count() == 1
    assert call(model.app, "swap", "cancel").code == 0
    assert states(call) == [("live", "descriptors")]


@needs_teacher
def test_what_cannot_be_done_is_refused_in_a_line(shop: ServedEncoder, call: Call) -> None:
    refusals = {
        ("use", "descriptors"): "live already",
        ("use", "nothing"): "There is no encoder named nothing",
        ("roll-back",): "no encoder to go back to",
        ("drop-previous",): "no encoder to go back to",
        ("swap", "cancel"): "No encoder is on its way",
    }
    for words, sentence in refusals.items():
        said = call(model.app, *words)
        assert (said.code, len(said.err.strip().splitlines())) == (1, 1)
        assert sentence in said.err
    assert call(model.app, "swap", "turn").code == 2
    assert states(call) == [("live", "descriptors")]


@needs_teacher
def test_a_report_is_shown_beside_the_encoder_that_is_ready(shop: ServedEncoder, call: Call) -> None:
    row = swap.begin(TEACHER, TEACHER_ID, asks=True)
    swap.mark_ready(row, report={"photos": {"sample": 40, "overlap_at_10": 0.31}}, note="It asks.")
    shown = call(model.app, "swap", "status")
    assert "0.31" in shown.out
    assert "It asks." in shown.out


@needs_teacher
def test_a_shop_of_before_keeps_the_encoder_that_has_seen_its_photos(
    settings_of: Give, tmp_path: Path, account: Account
) -> None:
    settings_of(
        data_dir=tmp_path / "data", models_dir=SHARED / "models", database_url=address_of_test_database(), encoder=""
    )
    services.store_embeddings([make_photo(account).pk], encoder_id=TEACHER_ID, rows=np.eye(1, 1280))
    settle_encoder()
    live = roster().live
    assert live is not None
    assert (live.name, live.encoder_id) == (TEACHER, TEACHER_ID)


@needs_teacher
def test_other_weights_under_the_same_name_are_written_down(shop: ServedEncoder, call: Call) -> None:
    ServedEncoder.objects.update(encoder_id="descriptors-v0", switched_at=timezone.now() - timedelta(days=1))
    settle_encoder()
    live = roster().live
    assert live is not None
    assert (live.name, live.encoder_id) == ("descriptors", shop.encoder_id)
    assert ServedEncoder.objects.get(encoder_id="descriptors-v0").state == "retired"
    settle_encoder()
    assert ServedEncoder.objects.count() == 2


@needs_teacher
def test_an_encoder_that_is_not_here_is_named_and_left_as_it_is(
    shop: ServedEncoder, call: Call, settings_of: Give, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ServedEncoder.objects.update(name="elsewhere")
    settle_encoder()
    assert "elsewhere cannot be used here" in capsys.readouterr().err
    assert ServedEncoder.objects.get().name == "elsewhere"


@needs_teacher
def test_a_shop_begins_with_what_was_chosen_before_its_database_was_there(tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("FEIRA_")}
    env |= {"FEIRA_DATA_DIR": str(tmp_path / "shop"), "FEIRA_MODELS_DIR": str(SHARED / "models")}

    def feira(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "feira.cli.main", *words]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=300)

    assert "will begin with mobilenet_v2" in feira("model", "use", TEACHER).stderr
    feira("migrate")
    (row,) = json.loads(feira("model", "swap", "status", "--json").stdout)
    assert (row["state"], row["name"], row["encoder_id"]) == ("live", TEACHER, TEACHER_ID)
    chosen = [row["name"] for row in json.loads(feira("model", "list", "--json").stdout) if row["in_use"]]
    assert chosen == [TEACHER]
