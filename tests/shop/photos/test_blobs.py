"""One suite for every blob store: a folder, and S3 through a real local server."""

import os
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from feira.core.errors import Misconfigured
from feira.shop.photos.blobs import BlobStore, open_blob_store


@pytest.fixture(scope="module")
def s3_endpoint() -> Iterator[str]:
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    before = {name: os.environ.get(name) for name in keys}
    os.environ.update(keys)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    boto3.client("s3", endpoint_url=endpoint).create_bucket(Bucket="photos")
    yield endpoint
    server.stop()
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    if request.param == "folder":
        return open_blob_store((tmp_path / "blobs").as_uri())
    return open_blob_store(f"s3://photos/shop?endpoint={request.getfixturevalue('s3_endpoint')}")


def test_what_was_put_is_got(store: BlobStore) -> None:
    digest = store.put(b"pixels")
    assert store.exists(digest)
    assert store.get(digest) == b"pixels"


def test_the_same_bytes_have_the_same_name(store: BlobStore) -> None:
    assert store.put(b"twice") == store.put(b"twice")
    assert store.put(b"twice") != store.put(b"once")


def test_an_unknown_digest_is_not_found(store: BlobStore) -> None:
    assert not store.exists("ab" * 32)
    with pytest.raises(FileNotFoundError):
        store.get("ab" * 32)


def test_a_broken_write_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_blob_store(tmp_path.as_uri())

    def power_cut(self: Path, target: Path) -> None:
        raise OSError("power cut")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", power_cut)
        with pytest.raises(OSError, match="power cut"):
            store.put(b"half")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    digest = store.put(b"half")
    assert store.get(digest) == b"half"


@pytest.mark.parametrize("url", ["ftp://host/x", "blobs", ""])
def test_an_unknown_address_is_named(url: str) -> None:
    with pytest.raises(Misconfigured, match="FEIRA_BLOB_URL"):
        open_blob_store(url)
