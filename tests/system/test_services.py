"""The same code on services: PostgreSQL, S3, and Redis or RabbitMQ in place of what lies in the data folder."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.environment import free_port
from tests.postgresql import empty_database
from tests.shop.jobs.brokers import broker
from tests.system.living_shop import LivingShop, living_shop, wait_until
from tests.system.photos import digests_of, photo_folder

pytestmark = pytest.mark.system

PHOTOS = 24
BUCKET = "feira-test"
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "eu-west-1"}


@contextmanager
def bucket() -> Iterator[tuple[str, Any]]:
    """Yield the address of an empty bucket on a server that speaks S3, and a client of it."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    endpoint = f"http://127.0.0.1:{port}"
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=KEYS["AWS_DEFAULT_REGION"],
        aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
    )
    try:
        for _try in range(20):
            try:
                client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
                break
            except (BotoCoreError, ClientError):
                assert server.poll() is None
        yield f"s3://{BUCKET}/photos?endpoint={endpoint}", client
    finally:
        client.close()
        server.terminate()
        server.wait(20)


@pytest.mark.parametrize("carrier", ["redis", "rabbitmq"])
def test_a_shop_on_services_imports_searches_and_recommends(
    carrier: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "FEIRA_TEST_REDIS_URL" not in os.environ:  # a database that other tests on this machine do not read
        monkeypatch.setenv("FEIRA_TEST_REDIS_URL", "redis://127.0.0.1:6379/10")
    files = photo_folder(tmp_path / "photos", PHOTOS)
    for name in ("broker", "server"):
        (tmp_path / name).mkdir()
    with (
        empty_database(tmp_path / "server") as database_url,
        broker(carrier, tmp_path / "broker") as broker_url,
        bucket() as (blob_url, s3),
        living_shop(
            tmp_path / "shop",
            services={
                **KEYS,
                "FEIRA_DATABASE_URL": database_url,
                "FEIRA_BROKER_URL": broker_url,
                "FEIRA_BLOB_URL": blob_url,
            },
        ) as shop,
    ):
        shop.up()
        told = json.loads(shop.feira("import", str(tmp_path / "photos"), "--samples", "--json"))
        assert (told["total"], told["done"]) == (PHOTOS, PHOTOS)
        wait_until(lambda: shop.count("jobs_job", "state <> 'succeeded'") == 0, "every job is done", shop=shop)
        assert_everything_is_there(shop, files, s3)
        assert_it_can_be_found(shop, files)
        assert shop.down() == 0


def assert_everything_is_there(shop: LivingShop, files: list[Path], s3: Any) -> None:
    """Rows in PostgreSQL, bytes in S3, an index that equals its rebuild, and next to nothing in the folder."""
    assert {digest for (digest,) in shop.rows("SELECT digest FROM photos_photo")} == set(digests_of(files))
    assert shop.count("listings_listing", "state = 'live'") == shop.count("photos_embedding") == PHOTOS
    assert shop.count("feed_neighbourlist", "length(packed) > 0") == PHOTOS
    found = json.loads(shop.feira("index", "verify", "--json"))
    assert found["equal"]
    assert found["photos"] == PHOTOS
    kept = {entry["Key"].rpartition("/")[2] for entry in s3.list_objects_v2(Bucket=BUCKET)["Contents"]}
    for digest, renditions in shop.rows("SELECT digest, renditions FROM photos_photo"):
        assert {digest, *(rendition["digest"] for rendition in renditions.values())} <= kept
    assert not list(shop.data.glob("*.sqlite3"))
    assert not (shop.data / "blobs").exists()


def assert_it_can_be_found(shop: LivingShop, files: list[Path]) -> None:
    """Words and a photo find listings, and their pictures are sent."""
    ((listing_id, title),) = shop.rows("SELECT id, title FROM listings_listing ORDER BY id LIMIT 1")
    with httpx.Client(base_url=shop.address, timeout=20) as visitor:
        by_words = visitor.get("/api/v1/search/", params={"q": title, "limit": PHOTOS}).json()
        assert listing_id in {card["id"] for card in by_words["results"]}
        ((key,),) = shop.rows(f"SELECT key FROM listings_importrow WHERE listing_id = {listing_id}")  # noqa: S608
        photo = next(file for file in files if str(file).endswith(str(key)))
        sent = visitor.post("/api/v1/search/photo/", files={"photo": photo.read_bytes()})
        assert sent.status_code == 200, sent.text
        by_photo = sent.json()
        assert not by_photo["photo_unanswered"]
        assert by_photo["results"][0]["id"] == listing_id
        similar = visitor.get(f"/api/v1/listings/{listing_id}/similar/").json()
        assert similar["results"]
        page = visitor.get(f"/listings/{listing_id}/", follow_redirects=True)
        assert page.status_code == 200
        picture = visitor.get(by_photo["results"][0]["photo"]["src_card"])
        assert picture.content[8:12] == b"WEBP"
