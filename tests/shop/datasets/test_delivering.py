"""Data sets on their way to a folder, and to a real S3 server that goes away in between."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from moto.server import ThreadedMotoServer

from feira.settings import load_settings
from feira.shop.datasets import delivering, selectors, services, uploading
from feira.shop.datasets.models import DatasetRequest
from feira.shop.datasets.targets import BucketTarget, problem_with, target_at
from feira.shop.jobs import services as jobs
from feira.shop.jobs.models import ItemState, Job, JobItem
from tests.environment import free_port
from tests.shop.datasets.conftest import request_for

AWAY_S = 10.0
BUCKET = "exports"


def allow(monkeypatch: pytest.MonkeyPatch, *roots: str) -> None:
    monkeypatch.setattr(type(load_settings()), "resolved_dataset_targets", lambda _self: list(roots))


def delivered(target: str) -> DatasetRequest:
    request = services.ask_for_dataset(request_for(filters={"words": "shoes"}), by=None, target=target)
    jobs.run_until_idle()
    found = selectors.dataset(request.pk)
    assert found is not None
    return found


def paths_of(request: DatasetRequest) -> set[str]:
    assert request.snapshot is not None
    root = f"dataset-{(request.snapshot.content_hash or '')[:12]}"
    return {f"{root}/{file.path}" for file in request.snapshot.files.all()}


@pytest.mark.parametrize(
    "target",
    [
        "file:///etc/feira",
        "file://{root}/../elsewhere",
        "file://{root}-beside/x",
        "file://{root}/link/x",
        "s3://other-bucket/x",
        "s3://exports/elsewhere",
        "s3://exports/sets/x?endpoint=http://evil.example",
        "https://evil.example/x",
        "../x",
    ],
)
def test_nothing_is_delivered_beside_what_the_settings_allow(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "allowed"
    root.mkdir()
    (root / "link").symlink_to(tmp_path)
    allow(monkeypatch, root.as_uri(), "s3://exports/sets?endpoint=http://127.0.0.1:1")
    assert "Nothing may be delivered there" in problem_with(target.format(root=root))


def test_the_endpoint_of_a_bucket_is_the_operators(monkeypatch: pytest.MonkeyPatch) -> None:
    allow(monkeypatch, "s3://exports/sets?endpoint=http://127.0.0.1:1")
    assert target_at("s3://exports/sets/shoes") == BucketTarget("exports", "sets/shoes", "http://127.0.0.1:1")
    assert target_at("shoes") == BucketTarget("exports", "sets/shoes", "http://127.0.0.1:1")


@pytest.mark.usefixtures("catalogue")
def test_a_folder_gets_every_file_and_the_manifest_last(exports: Path) -> None:
    request = delivered((exports / "shoes").as_uri())
    assert selectors.progress_of(request).state == "ready"
    there = {str(path.relative_to(exports / "shoes")) for path in (exports / "shoes").rglob("*") if path.is_file()}
    assert there == paths_of(request)
    manifest = next((exports / "shoes").rglob("manifest.json"))
    assert manifest.stat().st_mtime_ns == max(p.stat().st_mtime_ns for p in (exports / "shoes").rglob("*.*"))


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def s3(port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadedMotoServer]:
    """A real S3 server with a bucket, where data sets may be delivered."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    httpx.post(f"http://127.0.0.1:{port}/moto-api/reset")
    client_at(port).create_bucket(Bucket=BUCKET)
    allow(monkeypatch, f"s3://{BUCKET}/sets?endpoint=http://127.0.0.1:{port}")
    yield server
    server.stop()


def client_at(port: int) -> Any:
    return boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}")


def keys_in(port: int) -> set[str]:
    pages = client_at(port).get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    return {each["Key"] for page in pages for each in page.get("Contents", ())}


@pytest.mark.usefixtures("catalogue")
def test_a_delivery_survives_a_server_that_goes_away_for_ten_seconds(
    s3: ThreadedMotoServer, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = uploading.BucketKeeper.put
    sent: list[str] = []
    back: list[ThreadedMotoServer] = []

    def comes_back() -> None:
        time.sleep(AWAY_S)
        again = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
        again.start()
        back.append(again)

    def goes_away_after_three(keeper: uploading.BucketKeeper, path: str, *rest: object) -> None:
        sent.append(path)
        if len(sent) == 3:
            s3.stop()
            threading.Thread(target=comes_back, daemon=True).start()
        put(keeper, path, *rest)  # type: ignore[arg-type] # passed on as they came

    monkeypatch.setattr(uploading.BucketKeeper, "put", goes_away_after_three)
    monkeypatch.setattr(delivering, "AT_ONCE", 1)
    started = time.monotonic()
    request = delivered(f"s3://{BUCKET}/sets/shoes")
    assert time.monotonic() - started > AWAY_S, Job.objects.get(kind="datasets.deliver").error
    assert request.delivered_at is not None
    assert keys_in(port) == {f"sets/shoes/{path}" for path in paths_of(request)}
    # One attempt, and every file was sent once.
    assert Job.objects.get(kind="datasets.deliver").attempts == 1
    assert len(sent) == len(set(sent)) == len(paths_of(request))
    back[0].stop()


@pytest.mark.usefixtures("catalogue", "s3")
def test_another_attempt_sends_only_what_is_missing(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivering, "BATCH_FILES", 4)
    monkeypatch.setattr(delivering, "AT_ONCE", 1)
    put = uploading.BucketKeeper.put
    sent: list[str] = []

    def dies_once(keeper: uploading.BucketKeeper, path: str, *rest: object) -> None:
        if len(sent) == 6:
            sent.append("")
            raise OSError("the power is gone")
        sent.append(path)
        put(keeper, path, *rest)  # type: ignore[arg-type] # passed on as they came

    monkeypatch.setattr(uploading.BucketKeeper, "put", dies_once)
    request = delivered("shoes")
    job = Job.objects.get(kind="datasets.deliver")
    assert JobItem.objects.filter(job=job, state=ItemState.DONE).count() == 1
    Job.objects.filter(pk=job.pk).update(run_after=job.created_at)
    jobs.run_until_idle()
    sent.remove("")
    assert len(sent) == len(set(sent)) == len(paths_of(request))
    assert keys_in(port) == {f"sets/shoes/{path}" for path in paths_of(request)}


@pytest.mark.usefixtures("s3")
def test_a_large_file_goes_on_with_the_parts_that_are_missing(port: int, tmp_path: Path) -> None:
    size = 2 * uploading.PART_BYTES + 100
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(size)
        file.write(b"begin")
    keeper = uploading.BucketKeeper(BucketTarget(BUCKET, "sets", f"http://127.0.0.1:{port}"))
    sent = parts_sent_by(keeper, most=1)
    with path.open("rb") as content, pytest.raises(OSError, match="power"):
        keeper.put("large.tar", content, size, "ab" * 32)
    assert not keeper.has("large.tar", size, "ab" * 32)
    again = uploading.BucketKeeper(BucketTarget(BUCKET, "sets", f"http://127.0.0.1:{port}"))
    later = parts_sent_by(again, most=10)
    with path.open("rb") as content:
        again.put("large.tar", content, size, "ab" * 32)
    assert (sent, later) == ([1], [2, 3])
    assert again.has("large.tar", size, "ab" * 32)
    assert client_at(port).get_object(Bucket=BUCKET, Key="sets/large.tar")["Body"].read() == path.read_bytes()


def parts_sent_by(keeper: uploading.BucketKeeper, *, most: int) -> list[int]:
    """Return a list that grows with the parts that are sent; after `most` of them the power is gone."""
    upload_part = keeper._s3.upload_part
    sent: list[int] = []

    def watched(**part: Any) -> Any:
        if len(sent) == most:
            raise OSError("the power is gone")
        sent.append(part["PartNumber"])
        return upload_part(**part)

    keeper._s3.upload_part = watched
    return sent
