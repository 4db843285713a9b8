"""Downloads that go on where they were cut off, and archives that may only unpack into their own folder."""

import hashlib
import json
import shutil
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import httpx

from feira.core.errors import SourceError

ATTEMPTS = 6
FIRST_WAIT_S = 0.5
TIMEOUT = httpx.Timeout(30.0, connect=10.0)
MOST_FILES = 500_000
MOST_BYTES = 50_000_000_000

# Called with the bytes there are and the bytes there will be; None when the server does not say.
Follow = Callable[[int, int | None], None]


def download(url: str, into: Path, *, sha256: str = "", follow: Follow = lambda _have, _all: None) -> Path:
    """Fetch an address into a file, resuming a part that an earlier call left behind.

    The part lies beside the file as `<name>.part`, with the server's mark of that version in `<name>.part.json`: a
    file that has changed on the server meanwhile starts over instead of being spliced together.

    Args:
        sha256: checked when given; a file that does not match is deleted.

    Raises:
        SourceError: the address cannot be fetched, or what came is not what was promised.
    """
    into.parent.mkdir(parents=True, exist_ok=True)
    part = into.with_name(f"{into.name}.part")
    fault: Exception | None = None
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(FIRST_WAIT_S * 2 ** (attempt - 1))
        try:
            _fetch(url, part, follow)
            break
        except httpx.HTTPStatusError as error:
            if error.response.status_code < 500 and error.response.status_code != 429:
                raise SourceError(f"{url} cannot be fetched: HTTP {error.response.status_code}.") from error
            fault = error
        except (httpx.TransportError, OSError) as error:
            fault = error
    else:
        raise SourceError(f"{url} cannot be fetched: {fault}. What has come is kept; try again.") from fault
    found = digest_of(part)
    if sha256 and found != sha256:
        part.unlink()
        raise SourceError(f"{url} has SHA-256 {found}, not {sha256}. It was deleted; check the address.")
    part.replace(into)
    _mark_file(part).unlink(missing_ok=True)
    return into


def _fetch(url: str, part: Path, follow: Follow) -> None:
    """Bring the part to its end; whatever came before a failure stays."""
    have = part.stat().st_size if part.exists() else 0
    mark = _read_mark(part)
    headers = {"Accept-Encoding": "identity"}
    if have and mark:
        headers |= {"Range": f"bytes={have}-", "If-Range": mark}
    else:
        have = 0
    with httpx.stream("GET", url, headers=headers, timeout=TIMEOUT, follow_redirects=True) as response:
        if response.status_code == 416 and response.headers.get("content-range") == f"bytes */{have}":
            return  # it was whole already
        if response.status_code == 416:
            part.unlink(missing_ok=True)
            raise httpx.ReadError("the part does not fit the file on the server; starting over")
        response.raise_for_status()
        goes_on = response.status_code == 206 and response.headers.get("content-range", "").startswith(f"bytes {have}-")
        if response.status_code == 206 and not goes_on:
            part.unlink(missing_ok=True)
            raise httpx.ReadError("the server sent another range than asked for; starting over")
        have = have if goes_on else 0
        length = response.headers.get("content-length", "")
        total = have + int(length) if length.isdigit() else None
        _write_mark(part, response)
        with part.open("ab" if goes_on else "wb") as file:
            follow(have, total)
            for chunk in response.iter_raw():
                file.write(chunk)
                have += len(chunk)
                follow(have, total)
        if total is not None and have != total:
            raise httpx.ReadError(f"{have} of {total} bytes came")


def _mark_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _read_mark(part: Path) -> str:
    try:
        return str(json.loads(_mark_file(part).read_text(encoding="utf-8"))["mark"])
    except (OSError, ValueError, KeyError):
        return ""


def _write_mark(part: Path, response: httpx.Response) -> None:
    """Remember which version this is. A weak ETag promises only similar bytes, so it is no mark for resuming."""
    etag = response.headers.get("etag", "")
    mark = etag if etag and not etag.startswith("W/") else response.headers.get("last-modified", "")
    _mark_file(part).write_text(json.dumps({"mark": mark}), encoding="utf-8")


def digest_of(file: Path) -> str:
    """Return a file's SHA-256 in hex."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def unpack(archive: Path, into: Path) -> Path:
    """Unpack a zip or tar file into a new folder, wholly or not at all; links and devices are left out.

    Raises:
        SourceError: it is neither, it is damaged, or one of its names points outside of the folder.
    """
    into.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=into.parent))
    try:
        if zipfile.is_zipfile(archive):
            _unpack_zip(archive, unfinished)
        elif tarfile.is_tarfile(archive):
            _unpack_tar(archive, unfinished)
        else:
            raise SourceError(f"{archive.name} is neither a zip nor a tar file.")
        shutil.rmtree(into, ignore_errors=True)
        unfinished.replace(into)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, RuntimeError) as error:
        raise SourceError(f"{archive.name} cannot be unpacked: {error}.") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return into


def _unpack_zip(archive: Path, into: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        members = [member for member in packed.infolist() if not member.is_dir()]
        _refuse_too_much(len(members), sum(member.file_size for member in members))
        for member in members:
            _refuse_outside(member.filename)
            packed.extract(member, into)


def _unpack_tar(archive: Path, into: Path) -> None:
    with tarfile.open(archive) as packed:
        members, size = [], 0
        for member in packed:
            if member.isfile():
                _refuse_outside(member.name)
                members.append(member)
                size += member.size
                _refuse_too_much(len(members), size)
        packed.extractall(into, members, filter="data")


def _refuse_outside(name: str) -> None:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts:
        raise SourceError(f"The archive names a file outside of its folder: {name}. Nothing was unpacked.")


def _refuse_too_much(files: int, size: int) -> None:
    if files > MOST_FILES or size > MOST_BYTES:
        raise SourceError(f"The archive unpacks to more than {MOST_FILES:,} files or {MOST_BYTES:,} bytes.")
