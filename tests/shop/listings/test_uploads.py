"""An uploaded catalogue becomes listings, wherever its rows are read; what it does not hold is never looked for."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from feira.core.testing.photos import photo_bytes
from feira.shop.jobs import services as jobs
from feira.shop.jobs.models import Job, State
from feira.shop.jobs.offered import BadOptions, form_of, get_service, links_of, start
from feira.shop.listings.models import ImportRow, Listing

pytestmark = pytest.mark.django_db
HAT = {"id": "hat-1", "title": "Red hat", "category": "Clothing > Hats", "price": "12.50", "photos": "red.jpg"}


def archive(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, content in files.items():
            packed.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return out.getvalue()


def lines(*rows: dict[str, Any]) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode()


def ask(name: str, content: bytes, **options: Any) -> Job:
    service = get_service("import-catalogue")
    form = form_of(service, options, {"catalogue": SimpleUploadedFile(name, content)})
    return start(service, form, requested_by=7).job


def run(job: Job) -> Job:
    jobs.run_until_idle(queues=["imagery"])
    job.refresh_from_db()
    return job


RED = photo_bytes((200, 30, 30))


def test_a_table_with_its_photos_becomes_listings_by_jobs_of_its_own() -> None:
    job = run(ask("shop.zip", archive(shop__rows_dot_jsonl=lines(HAT), shop__red_dot_jpg=RED), seller="Old Mill"))
    assert job.state == State.SUCCEEDED, job.error
    listing = Listing.objects.get()
    assert (listing.title, str(listing.price), listing.seller.name) == ("Red hat", "12.50", "Old Mill")
    assert (listing.reference, listing.picture_name) == ("hat-1", "red")
    (child,) = Job.objects.filter(parent=job)
    assert (child.state, child.requested_by) == (State.SUCCEEDED, 7)
    assert job.result is not None
    assert job.result["rows"] == 1
    assert links_of(job)[0].url == f"/sellers/{listing.seller.slug}/"


def test_photos_in_folders_become_categories_with_the_price_and_condition_that_were_given() -> None:
    job = run(ask("photos.zip", archive(hats__a_dot_jpg=RED), price="4", condition="fair"))
    assert job.state == State.SUCCEEDED, job.error
    listing = Listing.objects.get()
    assert (listing.category.path, str(listing.price), listing.condition) == ("hats", "4.00", "fair")


def test_the_same_file_again_adds_nothing() -> None:
    content = archive(rows_dot_jsonl=lines(HAT), red_dot_jpg=RED)
    run(ask("shop.zip", content))
    assert run(ask("shop.zip", content)).state == State.SUCCEEDED
    assert Listing.objects.count() == 1


def test_photos_that_are_not_in_the_upload_refuse_their_row_alone(tmp_path: Path) -> None:
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(photo_bytes((1, 2, 3)))
    rows = [HAT, {**HAT, "id": "absolute", "photos": str(secret)}, {**HAT, "id": "up", "photos": "../../secret.jpg"}]
    rows.append({**HAT, "id": "stored", "photos": f"blob:{'0' * 64}/x.jpg"})
    job = run(ask("shop.zip", archive(rows_dot_jsonl=lines(*rows), red_dot_jpg=RED)))
    assert job.state == State.SUCCEEDED, job.error
    assert Listing.objects.count() == 1
    refused = dict(ImportRow.objects.filter(state="refused").values_list("key", "reason"))
    assert set(refused) == {"absolute", "up", "stored"}
    assert all("was not in the upload" in reason for reason in refused.values())


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("shop.zip", b"no archive", "cannot be unpacked"),
        ("shop.zip", archive(**{"..__evil_dot_jpg": RED}), "outside of its folder"),
        ("shop.jsonl", b"{no json", "is not JSON"),
        ("shop.zip", archive(notes_dot_txt=b"hello"), "There is no photo"),
    ],
)
def test_a_file_that_cannot_be_read_fails_at_once_and_says_why(name: str, content: bytes, said: str) -> None:
    job = run(ask(name, content))
    assert (job.state, job.attempts) == (State.FAILED, 1)
    assert said in job.error
    assert not Listing.objects.exists()


@pytest.mark.parametrize("name", ["shop.exe", "shop", "shop.tar.gz"])
def test_other_files_are_refused_before_anything_is_asked_for(name: str) -> None:
    with pytest.raises(BadOptions) as caught:
        ask(name, b"content")
    assert "catalogue" in caught.value.facts["errors"]
    assert not Job.objects.exists()
