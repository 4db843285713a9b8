"""Models come whole, checked and tried, or not at all: against a hub on real sockets that misbehaves."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from feira.core.encoders.protocol import TextEncoder
from feira.core.testing.photos import photo_pixels
from feira.engine.hub.errors import Offline, PullFailed
from feira.engine.hub.lock import forget_entry
from feira.engine.hub.transfer import ATTEMPTS
from feira.engine.registry import list_models, open_encoder
from tests.core.encoders.tiny_models import dual_folder, image_model, write_folder
from tests.engine.hub.conftest import Puller
from tests.engine.hub.server import Hub


def test_a_model_with_a_manifest_is_pulled_opened_and_remembered(
    hub: Hub, commit: str, puller: Puller, tiny_files: dict[str, bytes]
) -> None:
    folder = puller.pull("hub:maker/tiny")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == tiny_files
    encoder = open_encoder("tiny", models_dir=puller.models_dir)
    assert isinstance(encoder, TextEncoder)
    assert encoder.encode_images([photo_pixels()]).shape == encoder.encode_texts(["dress"]).shape
    assert puller.folders() == ["models.lock.json", "tiny"]
    entry = puller.lock()["tiny"]
    assert (entry["address"], entry["revision"], entry["licence"]) == ("hub:maker/tiny", commit, "Apache-2.0")
    assert entry["files"]["image.onnx"] == hashlib.sha256(tiny_files["image.onnx"]).hexdigest()
    assert puller.followed[-1][1] == puller.followed[-1][2]


def test_what_will_be_fetched_is_known_before(hub: Hub, commit: str, puller: Puller, tiny_files: Any) -> None:
    plan = puller.plan("hub:maker/tiny")
    assert (plan.name, plan.revision, plan.is_pinned, plan.licence) == ("tiny", commit, False, "Apache-2.0")
    assert plan.bytes == sum(len(content) for name, content in tiny_files.items() if name != "model.json")
    assert puller.plan(f"hub:maker/tiny@{commit}").is_pinned
    assert not hub.asked(".onnx")


def test_a_broken_transfer_goes_on_where_it_was_cut_off(hub: Hub, commit: str, puller: Puller, tiny_files: Any) -> None:
    hub.break_after["image.onnx"] = [1_000, 3_000]
    puller.pull("hub:maker/tiny")
    ranges = [asked.headers.get("Range", "") for asked in hub.cdn_requests if "image.onnx" in asked.path]
    assert ranges == ["", "bytes=1000-", "bytes=4000-"]
    assert puller.waits == [0.001, 0.002]


def test_the_next_pull_goes_on_with_what_the_last_one_left(hub: Hub, commit: str, puller: Puller) -> None:
    hub.break_after["image.onnx"] = [2_000] + [0] * (ATTEMPTS - 1)
    with pytest.raises(PullFailed, match="what has come is kept"):
        puller.pull("hub:maker/tiny")
    assert puller.folders() == [".pulling-tiny"]
    assert [card.name for card in list_models(puller.models_dir)] == ["builtin", "descriptors"]
    hub.requests.clear()
    hub.cdn_requests.clear()
    puller.pull("hub:maker/tiny")
    assert [asked.headers.get("Range") for asked in hub.asked("image.onnx") if asked in hub.cdn_requests] == [
        "bytes=2000-"
    ]
    assert puller.folders() == ["models.lock.json", "tiny"]


def test_a_server_without_ranges_starts_over(hub: Hub, commit: str, puller: Puller) -> None:
    hub.with_ranges = False
    hub.break_after["image.onnx"] = [2_000]
    assert (puller.pull("hub:maker/tiny") / "image.onnx").is_file()


def test_a_part_of_another_version_is_never_spliced_in(hub: Hub, commit: str, puller: Puller) -> None:
    staging = puller.models_dir / ".pulling-tiny"
    staging.mkdir()
    (staging / "image.onnx.part").write_bytes(b"x" * 2_000)
    (staging / "left.over").write_bytes(b"of another model")
    assert sorted(path.name for path in puller.pull("hub:maker/tiny").iterdir()) == [
        "image.onnx",
        "model.json",
        "text.onnx",
        "tokenizer.json",
    ]


@pytest.mark.parametrize("file", ["image.onnx", "tokenizer.json"])
def test_wrong_bytes_are_refused_and_nothing_is_changed(hub: Hub, commit: str, puller: Puller, file: str) -> None:
    content = hub.repositories["maker/tiny"][commit][file]
    hub.lies[file] = content[:-1] + bytes([content[-1] ^ 1])
    with pytest.raises(PullFailed, match="SHA-256"):
        puller.pull("hub:maker/tiny")
    assert puller.folders() == [".pulling-tiny"]
    assert not list((puller.models_dir / ".pulling-tiny").glob(f"{file}*"))
    hub.lies.clear()
    assert puller.pull("hub:maker/tiny").name == "tiny"


def test_small_files_are_compared_with_what_the_hub_lists(hub: Hub, puller: Puller, tiny_files: Any) -> None:
    small = {"model.json": tiny_files["model.json"], "LICENSE": b"Do as you like."}
    facts = json.loads(small["model.json"])
    facts["files"]["LICENSE"] = {"sha256": hashlib.sha256(small["LICENSE"]).hexdigest()}
    hub.add("maker/tiny", {**tiny_files, **small, "model.json": json.dumps(facts).encode()})
    hub.listed["LICENSE"] = {"blobId": "0" * 40}
    with pytest.raises(PullFailed, match="not the file that the hub lists"):
        puller.pull("hub:maker/tiny")
    hub.listed.clear()
    assert (puller.pull("hub:maker/tiny") / "LICENSE").read_bytes() == small["LICENSE"]


def test_too_much_is_refused_before_and_while_it_comes(hub: Hub, commit: str, puller: Puller) -> None:
    puller.config["max_bytes"] = 3_000
    with pytest.raises(PullFailed, match="FEIRA_HUB_MAX_BYTES"):
        puller.pull("hub:maker/tiny")
    puller.config["max_bytes"] = 10_000_000
    hub.listed["image.onnx"] = {"size": 5, "lfs": {"size": 5, "sha256": "0" * 64}}
    with pytest.raises(PullFailed, match=r"SHA-256 \w+…, known is"):
        puller.pull("hub:maker/tiny")


def test_the_token_goes_to_the_hub_alone_and_into_no_message(hub: Hub, commit: str, puller: Puller) -> None:
    hub.token = "hf_very-secret"
    with pytest.raises(PullFailed, match="asks for a token"):
        puller.pull("hub:maker/tiny")
    puller.config["token"] = "hf_wrong"
    with pytest.raises(PullFailed, match="does not open it") as caught:
        puller.pull("hub:maker/tiny")
    assert "hf_wrong" not in str(caught.value)
    puller.config["token"] = hub.token
    puller.pull("hub:maker/tiny")
    assert all("Authorization" in asked.headers for asked in hub.requests[2:])
    assert hub.cdn_requests
    assert not [asked for asked in hub.cdn_requests if "Authorization" in asked.headers]


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_plain_no_is_not_asked_again(hub: Hub, commit: str, puller: Puller, status: int) -> None:
    hub.statuses["image.onnx"] = [status] * 9
    with pytest.raises(PullFailed, match=str(status)):
        puller.pull("hub:maker/tiny")
    assert len(hub.statuses["image.onnx"]) == 8


def test_a_busy_hub_is_waited_for_as_long_as_it_says(hub: Hub, commit: str, puller: Puller) -> None:
    hub.retry_after = "7"
    hub.statuses["image.onnx"] = [429, 503]
    hub.statuses["cdn:text.onnx"] = [502]
    puller.pull("hub:maker/tiny")
    assert puller.waits == [7.0, 7.0, 7.0]
    hub.retry_after = "99999"
    hub.statuses["/api/models/maker/tiny/revision/" + commit] = [429]
    puller.pull("hub:maker/tiny")
    assert puller.waits[3:] == [60.0]


@pytest.mark.parametrize("target", ["ftp://files.example/x", "file:///etc/passwd"])
def test_a_redirect_may_not_lead_anywhere(hub: Hub, commit: str, puller: Puller, target: str) -> None:
    hub.redirects["image.onnx"] = target
    with pytest.raises(PullFailed, match="come over https"):
        puller.pull("hub:maker/tiny")


def test_redirects_in_a_ring_come_to_an_end(hub: Hub, commit: str, puller: Puller) -> None:
    hub.redirects["image.onnx"] = f"{hub.url}/maker/tiny/resolve/{commit}/image.onnx"
    with pytest.raises(PullFailed, match="from one address to the next"):
        puller.pull("hub:maker/tiny")


def test_plain_http_is_spoken_with_a_mirror_that_is_named_so_and_with_no_other(hub: Hub, puller: Puller) -> None:
    puller.config["url"] = "https://hub.example"
    with pytest.raises(PullFailed, match="come over https"):
        puller.pull(f"{hub.url}/maker/tiny/resolve/main/model.json")
    assert not hub.requests


def test_offline_nothing_is_asked_and_the_way_out_is_said(hub: Hub, commit: str, puller: Puller) -> None:
    puller.config["offline"] = True
    with pytest.raises(Offline, match="FEIRA_OFFLINE"):
        puller.pull("hub:maker/tiny")
    assert not hub.requests


def test_the_same_name_is_the_same_commit_again_until_it_is_given_up(
    hub: Hub, commit: str, puller: Puller, tiny_files: dict[str, bytes]
) -> None:
    puller.pull("hub:maker/tiny")
    other = hub.add("maker/tiny", {**tiny_files, "README.md": b"new"})
    shutil.rmtree(puller.models_dir / "tiny")
    puller.pull("hub:maker/tiny")
    assert puller.lock()["tiny"]["revision"] == commit
    forget_entry(puller.models_dir, "tiny")
    puller.pull("hub:maker/tiny")
    assert puller.lock()["tiny"]["revision"] == other


def test_other_bytes_under_a_known_commit_are_refused(hub: Hub, commit: str, puller: Puller, tmp_path: Path) -> None:
    puller.pull("hub:maker/tiny")
    changed = dual_folder(tmp_path / "changed")
    image_model(changed / "image.onnx", seed=99)
    facts = json.loads((changed / "model.json").read_text())
    del facts["files"]
    write_folder(changed, facts)
    hub.repositories["maker/tiny"][commit].update({path.name: path.read_bytes() for path in changed.iterdir()})
    before = (puller.models_dir / "tiny" / "image.onnx").read_bytes()
    with pytest.raises(PullFailed, match="another SHA-256 than when it was first pulled"):
        puller.pull("hub:maker/tiny")
    assert (puller.models_dir / "tiny" / "image.onnx").read_bytes() == before


def test_another_source_does_not_take_over_a_name(hub: Hub, commit: str, puller: Puller, tiny_files: Any) -> None:
    hub.add("stranger/tiny", tiny_files)
    puller.pull("hub:maker/tiny")
    with pytest.raises(PullFailed, match="--as"):
        puller.pull("hub:stranger/tiny")
    assert puller.pull("hub:stranger/tiny", name="theirs").name == "theirs"


def test_a_hub_that_answers_with_another_commit_is_not_believed(hub: Hub, commit: str, puller: Puller) -> None:
    hub.answered_commit = "1" * 40
    with pytest.raises(PullFailed, match="was asked for"):
        puller.pull(f"hub:maker/tiny@{commit}")


@pytest.mark.parametrize(
    "address",
    [
        "hub:tiny",
        "hub:../tiny",
        "hub:maker/../tiny",
        "hub:maker/tiny@../main",
        "hub:a/b/c",
        "nothing",
        "hub:",
        "ftp://x/y",
    ],
)
def test_an_address_that_is_none_is_refused_unasked(hub: Hub, commit: str, puller: Puller, address: str) -> None:
    with pytest.raises(PullFailed):
        puller.pull(address)
    assert not hub.requests
    assert puller.folders() == []


@pytest.mark.parametrize("name", ["../model.onnx", "a/model.onnx", "/etc/passwd", "..", ".hidden.onnx", "a\\b.onnx"])
def test_a_file_that_would_leave_the_folder_is_refused(hub: Hub, puller: Puller, tiny_files: Any, name: str) -> None:
    facts = json.loads(tiny_files["model.json"])
    facts["files"][name] = {"sha256": "0" * 64}
    hub.add("maker/tiny", {**tiny_files, name: b"x", "model.json": json.dumps(facts).encode()})
    with pytest.raises(PullFailed, match="names are plain"):
        puller.pull("hub:maker/tiny")
    assert puller.folders() == []


@pytest.mark.parametrize("name", ["model.pt", "weights.pkl", "run.py", "model.bin"])
def test_a_file_that_may_carry_code_is_refused(hub: Hub, puller: Puller, tiny_files: Any, name: str) -> None:
    facts = json.loads(tiny_files["model.json"])
    facts["files"][name] = {"sha256": "0" * 64}
    hub.add("maker/tiny", {**tiny_files, name: b"x", "model.json": json.dumps(facts).encode()})
    with pytest.raises(PullFailed, match="by hand"):
        puller.pull("hub:maker/tiny")


def spoil_manifest(files: dict[str, bytes], change: Callable[[dict[str, Any]], object]) -> dict[str, bytes]:
    facts = json.loads(files["model.json"])
    change(facts)
    return {**files, "model.json": json.dumps(facts).encode()}


def test_a_model_that_cannot_be_used_does_not_take_the_place_of_one_that_can(
    hub: Hub, commit: str, puller: Puller, tiny_files: dict[str, bytes]
) -> None:
    folder = puller.pull("hub:maker/tiny")
    before = open_encoder("tiny", models_dir=puller.models_dir).encode_images([photo_pixels()])
    hub.add("maker/tiny", spoil_manifest(tiny_files, lambda facts: facts["input"].update(name="other")))
    forget_entry(puller.models_dir, "tiny")
    with pytest.raises(PullFailed, match="has come but cannot be used"):
        puller.pull("hub:maker/tiny")
    after = open_encoder("tiny", models_dir=puller.models_dir).encode_images([photo_pixels()])
    assert np.array_equal(before, after)
    assert folder.is_dir()


def test_a_manifest_at_any_address_is_pulled_with_the_files_beside_it(hub: Hub, commit: str, puller: Puller) -> None:
    address = f"{hub.cdn}/maker/tiny/{commit}/model.json"
    folder = puller.pull(address, name="tiny")
    assert open_encoder("tiny", models_dir=puller.models_dir).dim == 24
    assert folder.name == "tiny"
    assert puller.lock()["tiny"]["revision"] == ""


@pytest.mark.parametrize("content", [b"<html>", b"[]", b'{"files": []}', b'{"files": {"model.onnx": {}}}'])
def test_a_manifest_that_is_none_is_refused(hub: Hub, puller: Puller, content: bytes) -> None:
    commit = hub.add("maker/tiny", {"model.json": content})
    with pytest.raises(PullFailed, match="no manifest of a model"):
        puller.pull(f"{hub.cdn}/maker/tiny/{commit}/model.json")


def test_a_server_that_is_no_hub_is_said_to_be_none(hub: Hub, commit: str, puller: Puller) -> None:
    hub.answers = {"error": "hello"}
    with pytest.raises(PullFailed, match="did not answer as a hub does"):
        puller.pull("hub:maker/tiny")
