"""Where delivered files are put: a folder, or a bucket whose server may be away for a while."""

import os
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from secrets import token_hex
from typing import Any, BinaryIO, Protocol, TypeVar

import structlog

from feira.core.errors import Misconfigured
from feira.shop.datasets.targets import BucketTarget

# Below this a file is sent at once; above, in parts of this size, of which S3 takes 10,000 at most.
PART_BYTES = 16 * 1024 * 1024
MOST_PARTS = 10_000
CHUNK_BYTES = 1024 * 1024
PATIENCE_S = 60.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
_BUSY = frozenset({429, 500, 502, 503, 504})

Answer = TypeVar("Answer")
log = structlog.get_logger(__name__)


class Keeper(Protocol):
    """A place for files, by paths with slashes."""

    def has(self, path: str, size: int, sha256: str) -> bool:
        """Tell whether the whole file is there already."""

    def put(self, path: str, content: BinaryIO, size: int, sha256: str) -> None:
        """Write the file; it is there as a whole or not at all."""


class FolderKeeper:
    """A folder on this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def has(self, path: str, size: int, sha256: str) -> bool:  # noqa: ARG002 - the folder is named by the hash
        """Tell by its size: a file gets its name only when it is whole."""
        place = self._folder / path
        return place.is_file() and place.stat().st_size == size

    def put(self, path: str, content: BinaryIO, size: int, sha256: str) -> None:  # noqa: ARG002 - as above
        """Write beside and rename."""
        place = self._folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name(f".part-{token_hex(8)}")
        try:
            with part.open("wb") as file:
                while chunk := content.read(CHUNK_BYTES):
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            part.replace(place)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


class BucketKeeper:
    """A bucket of an S3-compatible server; keys and region come from the usual AWS_* variables.

    A server that is away, busy or cuts connections is asked again for `PATIENCE_S`. Large files go in parts; parts that
    an attempt before this one has sent are not sent again.

    Raises:
        Misconfigured: the extra `s3` is missing.
    """

    def __init__(self, target: BucketTarget) -> None:
        try:
            boto3, config = import_module("boto3"), import_module("botocore.config")
            self._errors = import_module("botocore.exceptions")
        except ImportError as error:
            raise Misconfigured("Buckets need the extra `s3`: pip install 'feira[s3]'.") from error
        self._bucket, self._prefix = target.bucket, f"{target.prefix}/" if target.prefix else ""
        self._s3 = boto3.client(
            "s3",
            endpoint_url=target.endpoint,
            config=config.Config(connect_timeout=5, read_timeout=60, retries={"total_max_attempts": 1}),
        )

    def has(self, path: str, size: int, sha256: str) -> bool:
        """Tell by size and the digest that was sent along."""
        try:
            found = self._patiently(lambda: self._s3.head_object(**self._place(path)))
        except self._errors.ClientError as error:
            if _status(error) == 404:
                return False
            raise
        return bool(found["ContentLength"] == size and found["Metadata"].get("sha256") == sha256)

    def put(self, path: str, content: BinaryIO, size: int, sha256: str) -> None:
        """Send the file."""
        if size <= PART_BYTES:
            body = content.read()
            self._patiently(lambda: self._s3.put_object(**self._place(path), Body=body, Metadata={"sha256": sha256}))
        else:
            self._put_in_parts(path, content, size, sha256)

    def _put_in_parts(self, path: str, content: BinaryIO, size: int, sha256: str) -> None:
        part_bytes = max(PART_BYTES, -(-size // MOST_PARTS))
        upload, sent = self._begun(path)
        if upload is None:
            begun = self._patiently(
                lambda: self._s3.create_multipart_upload(**self._place(path), Metadata={"sha256": sha256})
            )
            upload = begun["UploadId"]
        place = {**self._place(path), "UploadId": upload}
        parts = []
        for number, start in enumerate(range(0, size, part_bytes), start=1):
            length = min(part_bytes, size - start)
            known = sent.get(number)
            if known is None or known["Size"] != length:
                content.seek(start)
                body = content.read(length)
                known = self._patiently(partial(self._s3.upload_part, **place, PartNumber=number, Body=body))
            parts.append({"PartNumber": number, "ETag": known["ETag"]})
        self._patiently(lambda: self._s3.complete_multipart_upload(**place, MultipartUpload={"Parts": parts}))

    def _begun(self, path: str) -> tuple[str | None, dict[int, Any]]:
        """Return the upload of this file that an attempt before has begun, and its parts by number."""
        key = self._place(path)["Key"]
        found = self._patiently(lambda: self._s3.list_multipart_uploads(Bucket=self._bucket, Prefix=key))
        uploads = [each["UploadId"] for each in found.get("Uploads", ()) if each["Key"] == key]
        if not uploads:
            return None, {}
        pages = self._s3.get_paginator("list_parts")
        place = {**self._place(path), "UploadId": uploads[0]}
        answers = self._patiently(lambda: list(pages.paginate(**place)))
        return uploads[0], {part["PartNumber"]: part for page in answers for part in page.get("Parts", ())}

    def _place(self, path: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": f"{self._prefix}{path}"}

    def _patiently(self, ask: Callable[[], Answer]) -> Answer:
        """Return the answer of a server that may be away for a while."""
        give_up_at, pause_s = time.monotonic() + PATIENCE_S, FIRST_PAUSE_S
        while True:
            try:
                return ask()
            except (self._errors.ConnectionError, self._errors.HTTPClientError, self._errors.ClientError) as error:
                is_passing = not isinstance(error, self._errors.ClientError) or _status(error) in _BUSY
                if not is_passing or time.monotonic() + pause_s > give_up_at:
                    raise
                log.warning("bucket_asked_again", bucket=self._bucket, reason=str(error), pause_s=pause_s)
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def _status(error: Any) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
