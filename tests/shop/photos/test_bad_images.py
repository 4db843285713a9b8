"""Every malformed, hostile and odd file of the shared set gets its outcome through page, API and command line."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from typer.testing import CliRunner

from feira.cli.imports import app as import_command
from feira.core.images.decode import decode_rendition
from feira.core.images.renditions import RENDITIONS
from feira.core.testing.photos import photo_bytes
from feira.settings import load_settings
from feira.shop.accounts.models import Account
from feira.shop.accounts.services import issue_token
from feira.shop.jobs.models import Job
from feira.shop.listings.models import ImportRow, Listing
from feira.shop.photos.blobs import blob_store
from feira.shop.photos.intake import sandbox
from feira.shop.photos.models import Photo
from tests.factories import make_account
from tests.shared_files import SHARED, needs_shared
from tests.shop.api.conftest import signed_in

FOLDER = SHARED / "data" / "bad-images"
INDEX = FOLDER / "index.csv"
PARENT_GROWTH = 300_000_000
SANDBOX_PEAK = 600_000_000

needs_files = needs_shared("data/bad-images/index.csv")


@pytest.fixture(autouse=True)
def _nobody_has_sent_too_much() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def _files() -> list[tuple[str, str, bytes]]:
    """Return name, expectation and content of every file."""
    with INDEX.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) > 100
    return [(row["file"], row["expected"], (FOLDER / row["file"]).read_bytes()) for row in rows]


def _is_wrong(expected: str, *, taken: bool) -> bool:
    return expected == ("reject" if taken else "accept")


def _is_sentence(told: str) -> bool:
    """Whether a refusal is words for people: what is wrong, then what to do."""
    return bool(re.fullmatch(r"[A-Z].{20,300}\.", told)) and "Error" not in told and "0x" not in told


def _assert_published_pictures_are_bare(photo: Photo) -> None:
    """Renditions are WebP with pixels and nothing else, and smaller than the page asks for."""
    assert set(photo.renditions) == set(RENDITIONS)
    for name, rendition in photo.renditions.items():
        content = blob_store().get(rendition["digest"])
        assert _webp_chunks(content) == [b"VP8 "], f"{name} of {photo.digest}"
        assert decode_rendition(content).shape == (rendition["height"], rendition["width"], 3)
        assert max(rendition["width"], rendition["height"]) <= RENDITIONS[name]


def _webp_chunks(content: bytes) -> list[bytes]:
    """Return the names of a WebP's chunks; fails when bytes follow the container."""
    assert content[:4] + content[8:12] == b"RIFFWEBP"
    assert len(content) == 8 + int.from_bytes(content[4:8], "little")
    names, position = [], 12
    while position < len(content):
        names.append(content[position : position + 4])
        length = int.from_bytes(content[position + 4 : position + 8], "little")
        position += 8 + length + length % 2
    return names


class Memory:
    """High-water marks of this process and of the sandbox, where the system tells them (Linux)."""

    def __init__(self) -> None:
        self.sandbox_peak = 0
        self.before = 0
        reset = Path("/proc/self/clear_refs")
        self.known = reset.exists()
        if self.known:
            reset.write_text("5")
            self.before = _bytes_in("/proc/self/status", "VmRSS")

    def look_at_sandbox(self) -> None:
        """Note the peak of the child that runs now; one that was killed had a limit anyway."""
        child = sandbox()._child
        if self.known and child is not None and child.is_alive:
            place = f"/proc/{child._process.pid}"
            self.sandbox_peak = max(self.sandbox_peak, _bytes_in(f"{place}/status", "VmHWM"))
            limit = next(line for line in Path(f"{place}/limits").read_text().splitlines() if "address space" in line)
            assert int(limit.split()[3]) <= sandbox()._limits.memory_bytes

    def assert_bounded(self) -> None:
        """Compare with what is allowed over the whole set."""
        if self.known:
            assert _bytes_in("/proc/self/status", "VmHWM") - self.before < PARENT_GROWTH
            assert 0 < self.sandbox_peak < SANDBOX_PEAK


def _bytes_in(status: str, name: str) -> int:
    line = next(line for line in Path(status).read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024


@contextmanager
def _bounded_memory() -> Iterator[Memory]:
    memory = Memory()
    yield memory
    memory.assert_bounded()


def _upload(name: str, content: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile(Path(name).name, content, content_type="image/jpeg")


@needs_files
@pytest.mark.django_db
def test_each_file_gets_its_outcome_on_the_page(client: Client, account: Account) -> None:
    client.force_login(account)
    wrong = []
    with _bounded_memory() as memory:
        for name, expected, content in _files():
            kept = Photo.objects.count()
            answer = client.post("/sell/photo/", {"photo": _upload(name, content)})
            html = answer.content.decode()
            taken = answer.status_code == 200
            if taken:
                assert 'name="photos"' in html
                _assert_published_pictures_are_bare(Photo.objects.latest("pk"))
            else:
                assert answer.status_code == 422, name
                assert 'role="alert"' in html
                assert _is_sentence(_refusal_in(html)), f"{name}: {html}"
            assert Photo.objects.count() == kept + taken
            if _is_wrong(expected, taken=taken):
                wrong.append((name, expected, html))
            memory.look_at_sandbox()
    assert wrong == []


def _refusal_in(html: str) -> str:
    found = re.search(r"</strong>(.*?)</span>", html, re.DOTALL)
    assert found
    return unescape(found[1]).strip()


@needs_files
@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/api/v1/photos/", "/api/v1/search/photo/"])
def test_each_file_gets_its_outcome_in_the_api(address: str) -> None:
    wrong = []
    api = signed_in(make_account())
    with _bounded_memory() as memory:
        for name, expected, content in _files():
            cache.clear()  # an account may send so many a minute
            answer = api.post(address, {"photo": _upload(name, content)}, format="multipart")
            taken = answer.status_code in (200, 201)
            if taken:
                _assert_published_pictures_are_bare(Photo.objects.latest("pk"))
            else:
                assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json"), name
                problem = answer.json()
                assert problem["code"] == "invalid_image"
                assert problem["reason"]
                assert _is_sentence(problem["detail"]), problem
            if _is_wrong(expected, taken=taken):
                wrong.append((name, expected, answer.content))
            memory.look_at_sandbox()
    assert wrong == []


@needs_files
@pytest.mark.django_db(transaction=True)
def test_each_file_gets_its_outcome_in_an_import(tmp_path: Path) -> None:
    expectations = {name: expected for name, expected, _content in _files()}
    source, report = tmp_path / "all.csv", tmp_path / "refused.csv"
    with source.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "title", "price", "photo"])
        writer.writerows([name, f"Thing {number}", "1", FOLDER / name] for number, name in enumerate(expectations))
    with _bounded_memory() as memory:
        done = CliRunner().invoke(import_command, [str(source), "--json", "--report", str(report)])
        memory.look_at_sandbox()
    assert done.exit_code == 0, done.output
    with report.open(encoding="utf-8", newline="") as lines:
        refused = {row["key"]: row["reason"] for row in csv.DictReader(lines)}
    counts = json.loads(done.stdout[done.stdout.index("{\n") :])  # lines of the log come before it
    assert (counts["total"], counts["refused"]) == (len(expectations), len(refused))
    assert {name for name, expected in expectations.items() if expected == "reject"} <= refused.keys()
    assert not {name for name, expected in expectations.items() if expected == "accept"} & refused.keys()
    assert all(_is_sentence(reason) for reason in refused.values()), refused
    imported = ImportRow.objects.filter(state="done").select_related("listing")
    assert imported.count() == counts["done"] == Listing.objects.filter(state="live").count() == Photo.objects.count()
    for photo in Photo.objects.all():
        _assert_published_pictures_are_bare(photo)
    assert not Job.objects.filter(kind="listings.import_rows").exclude(state="succeeded").exists()


@pytest.mark.django_db
def test_without_scripts_the_good_photos_of_a_form_are_kept_and_each_bad_one_is_explained(
    client: Client, account: Account
) -> None:
    client.force_login(account)
    files = [
        SimpleUploadedFile("<b>page.jpg", b"<html><script>alert(1)</script>"),
        SimpleUploadedFile("good.jpg", photo_bytes((10, 120, 90))),
        SimpleUploadedFile("empty.jpg", b""),
    ]
    answer = client.post("/sell/", {"upload": "1", "files": files})
    html = answer.content.decode()
    assert answer.status_code == 422
    assert html.count('name="photos"') == Photo.objects.count() == 1
    assert "&lt;b&gt;page.jpg" in html
    assert "<b>page.jpg" not in html
    assert "empty.jpg" in html


@pytest.fixture(params=["/sell/photo/", "/search/photo/", "/api/v1/photos/", "/api/v1/search/photo/"])
def door(request: pytest.FixtureRequest) -> str:
    """An address that takes a photo."""
    return str(request.param)


@pytest.fixture
def sender(client: Client, account: Account, door: str) -> Callable[..., int]:
    """Return a function that sends a form to the door and returns the status; a refusal must carry words."""
    client.force_login(account)
    poster = signed_in(account) if door.startswith("/api/") else client

    def send(**request: Any) -> int:
        answer = poster.generic("POST", door, **request)
        assert answer.status_code < 500
        if door.startswith("/api/"):
            assert answer["Content-Type"] == "application/problem+json"
            assert len(answer.json()["detail"]) > 10
        return int(answer.status_code)

    return send


def _form(*parts: tuple[str, bytes]) -> dict[str, Any]:
    """Return a multipart body of these headers and contents."""
    lines = b"".join(
        b"--edge\r\nContent-Disposition: form-data; " + head.encode() + b"\r\n\r\n" + content + b"\r\n"
        for head, content in parts
    )
    return {"data": lines + b"--edge--\r\n", "content_type": "multipart/form-data; boundary=edge"}


@pytest.mark.django_db
def test_a_photo_field_that_is_text_is_refused(sender: Callable[..., int]) -> None:
    assert sender(**_form(('name="photo"', b"just words"))) in (400, 422)
    assert not Photo.objects.exists()


@pytest.mark.django_db
def test_a_body_of_another_kind_is_refused(sender: Callable[..., int]) -> None:
    assert sender(data=photo_bytes(), content_type="image/jpeg") in (415, 422)
    assert sender(data=b'{"photo": "x"}', content_type="application/json") in (415, 422)
    assert sender(data=b"x" * 500, content_type="multipart/form-data") in (400, 422)
    assert not Photo.objects.exists()


@pytest.mark.django_db
def test_a_thousand_fields_are_refused(sender: Callable[..., int]) -> None:
    fields = [(f'name="f{number}"', b"x") for number in range(1000)]
    assert sender(**_form(*fields, ('name="photo"; filename="a.jpg"', photo_bytes()))) in (400, 413)
    assert not Photo.objects.exists()


@pytest.mark.django_db
def test_a_thousand_files_are_refused(sender: Callable[..., int]) -> None:
    files = [(f'name="photo"; filename="{number}.jpg"', b"x") for number in range(1000)]
    assert sender(**_form(*files)) in (400, 413)
    assert not Photo.objects.exists()


class NeverRead(io.BytesIO):
    """A body that must not be read."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Fail."""
        raise AssertionError(f"{size} bytes were read")


@pytest.mark.django_db
def test_a_body_too_large_is_refused_before_it_is_read(account: Account, door: str) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(account)
    _token, secret = issue_token(account=account, name="test")
    announced: dict[str, Any] = {
        "CONTENT_LENGTH": str(50 * load_settings().photo_max_bytes),
        "HTTP_AUTHORIZATION": f"Bearer {secret}",
        "wsgi.input": NeverRead(),
    }
    answer = browser.generic("POST", door, content_type="multipart/form-data; boundary=edge", **announced)
    assert answer.status_code == 413
    if door.startswith("/api/"):
        assert answer["Content-Type"] == "application/problem+json"
        assert "Send less" in answer.json()["detail"]
    else:
        assert "too large to send" in answer.content.decode()


@pytest.mark.django_db
def test_an_odd_name_of_a_file_harms_nobody(sender: Callable[..., int]) -> None:
    for name in ("../../etc/passwd", "a" * 5000, "\\x00.jpg", "..", "<script>", ""):
        assert sender(**_form((f'name="photo"; filename="{name}"', b"no photo"))) in (400, 422)
    assert not Photo.objects.exists()
