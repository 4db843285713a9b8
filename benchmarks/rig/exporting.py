"""Listings with real photos, data sets of them, and the same by plain loops: seen from inside the shop."""

import hashlib
import io
import json
import shutil
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from django.contrib.auth.models import Group
from django.db import transaction
from PIL import Image

from feira.core.datasets.drawn.palette import COLOURS
from feira.core.types import Pixels
from feira.settings import load_settings
from feira.shop.accounts.models import Account
from feira.shop.accounts.services import issue_token
from feira.shop.datasets.archives import plan_archives
from feira.shop.datasets.asked import asked_from_json
from feira.shop.datasets.blobs import snapshot_store
from feira.shop.datasets.links import download_link
from feira.shop.datasets.models import DatasetRequest, Snapshot, SnapshotFile
from feira.shop.datasets.selectors import files_of
from feira.shop.datasets.services import ask_for_dataset
from feira.shop.insight.teams import ML_TEAM
from feira.shop.jobs import services as jobs
from feira.shop.jobs.models import FINISHED
from feira.shop.listings.models import Listing, ListingAttribute, ListingPhoto
from feira.shop.listings.statistics import refresh_statistics
from feira.shop.photos.blobs import blob_store
from feira.shop.photos.models import Photo
from rig.catalogue import ground_of_shop, made_up_listing, made_up_photo

LISTINGS_AT_ONCE = 2_000
FILES_AT_ONCE = 2_000
DRAWN, PATCH = 20, 16


def member() -> str:
    """Return a token of somebody in the ML team."""
    account, is_new = Account.objects.get_or_create(email="ana@example.com")
    if is_new:
        account.groups.add(Group.objects.get(name=ML_TEAM))
    return issue_token(account=account, name="benchmark")[1]


def fill(count: int, width: int, height: int) -> int:
    """Add live listings until there are `count`, each with a colour and a photo that has bytes; return how many."""
    pictures = [_drawn(number, width, height) for number in range(DRAWN)]
    for start in range(Listing.objects.count(), count, LISTINGS_AT_ONCE):
        _add(range(start, min(start + LISTINGS_AT_ONCE, count)), pictures, width, height)
    refresh_statistics()  # which the beat of a running shop does
    return Listing.objects.count()


def ask(formats: list[str]) -> int:
    """Ask for a data set of everything, in the pixels that there are; return its number."""
    wanted = {"image": {"fit": "original", "size": None}, "formats": formats}
    return ask_for_dataset(asked_from_json(wanted), by=Account.objects.get(email="ana@example.com")).pk


def follow(dataset_id: int, seconds: float) -> str:
    """Do for some seconds what the beat does, which hands out the next jobs; return where the data set stands."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        jobs.reconcile()
        snapshot = DatasetRequest.objects.select_related("snapshot__finish_job", "resolve_job").get(pk=dataset_id)
        made = snapshot.snapshot
        last = snapshot.resolve_job if made is None or made.finish_job is None else made.finish_job
        if made is not None and made.state == "ready":
            return "ready"
        if last is not None and last.state in FINISHED and last.state != "succeeded":
            return f"{last.kind} {last.state}: {last.error}"
        time.sleep(0.2)
    return ""


def many_files(count: int) -> int:
    """Write a finished data set of so many small files down, all of the same bytes; return its number."""
    content = b"a photo of a few bytes"
    snapshot = Snapshot.objects.create(
        content_hash=hashlib.sha256(str(count).encode()).hexdigest(),
        state=Snapshot.State.READY,
        identity={"request": asked_from_json({}).to_json()},
        folder=f"many{count}",
        manifest_sha256="0" * 64,
        byte_size=count * len(content),
    )
    digest = snapshot_store(snapshot.folder).put(content)
    facts = {"snapshot": snapshot, "sha256": digest, "byte_size": len(content), "crc32": zlib.crc32(content)}
    for start in range(0, count, FILES_AT_ONCE):
        numbers = range(start, min(start + FILES_AT_ONCE, count))
        SnapshotFile.objects.bulk_create(
            SnapshotFile(path=f"images/{number % 100:02}/{number:032x}.jpg", **facts) for number in numbers
        )
    plan_archives(snapshot)
    return DatasetRequest.objects.create(snapshot=snapshot, asked=asked_from_json({}).to_json()).pk


def link(dataset_id: int, archive: str = "zip") -> str:
    """Return the path of an address from which the data set may be fetched as one archive."""
    account = Account.objects.get(email="ana@example.com")
    whole = download_link(DatasetRequest.objects.get(pk=dataset_id), by=account, archive=archive).url
    return whole.removeprefix(load_settings().public_url.rstrip("/"))


def plain_lines(path: str) -> dict[str, float]:
    """Write what `listings.jsonl` says by a plain loop over the ORM's objects; return seconds and records."""
    began, count = time.perf_counter(), 0
    with Path(path).open("w", encoding="utf-8") as file:
        for record in _plain_records():
            file.write(json.dumps(record) + "\n")
            count += 1
    return {"seconds": time.perf_counter() - began, "records": count}


def plain_copy(dataset_id: int, folder: str) -> dict[str, float]:
    """Copy every file of a data set by `shutil.copy`, and write what is said about its photos; return seconds."""
    target = Path(folder)
    snapshot = DatasetRequest.objects.get(pk=dataset_id).snapshot
    assert snapshot is not None
    kept = Path(load_settings().resolved_datasets_url().removeprefix("file://")) / snapshot.folder
    began = time.perf_counter()
    for file in files_of(snapshot):
        place = target / file.path
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(kept / file.sha256[:2] / file.sha256, place)
    with (target / "plain.jsonl").open("w", encoding="utf-8") as lines:
        for row in snapshot.rows.all():
            lines.write(json.dumps(row.facts) + "\n")
    return {"seconds": time.perf_counter() - began, "images": snapshot.photos}


def _plain_records() -> Iterator[dict[str, Any]]:
    # As somebody writes it who knows the ORM: without a query for each listing.
    live = Listing.objects.filter(state=Listing.State.LIVE).select_related("seller", "category").order_by("pk")
    belongings = ("attribute_values__attribute", "attribute_values__choice", "tags", "listing_photos__photo")
    for listing in live.prefetch_related(*belongings).iterator(chunk_size=500):
        yield {
            "listing": listing.pk,
            "seller": listing.seller.name,
            "title": listing.title,
            "description": listing.description,
            "category": listing.category.path,
            "price": str(listing.price),
            "currency": listing.currency,
            "condition": listing.condition,
            "state": listing.state,
            "published_at": listing.published_at.isoformat() if listing.published_at else None,
            "attributes": {each.attribute.code: each.value_text for each in listing.attribute_values.all()},
            "tags": [[tag.group, tag.name] for tag in listing.tags.all() if tag.removed_at is None],
            "photos": [
                [placed.photo.digest, placed.photo.width, placed.photo.height]
                for placed in listing.listing_photos.all()
                if placed.photo.is_public
            ],
        }


@transaction.atomic
def _add(numbers: range, pictures: list[Pixels], width: int, height: int) -> None:
    ground, store = ground_of_shop(), blob_store()
    photos = []
    for number in numbers:
        content = _own_jpeg(pictures[number % len(pictures)], number)
        photo = made_up_photo(number)
        photo.digest, photo.byte_size, photo.renditions = store.put(content), len(content), {}
        photo.width, photo.height = width, height
        photos.append(photo)
    Photo.objects.bulk_create(photos)
    listings = [made_up_listing(number, ground) for number in numbers]
    for listing, photo in zip(listings, photos, strict=True):
        listing.cover = photo
    Listing.objects.bulk_create(listings)
    pairs = list(zip(listings, photos, strict=True))
    ListingPhoto.objects.bulk_create([ListingPhoto(listing=each, photo=photo, position=0) for each, photo in pairs])
    colours = sorted(COLOURS)
    ListingAttribute.objects.bulk_create(
        [
            ListingAttribute(listing=each, attribute=ground.colour, choice=ground.choices[colours[n % len(colours)]])
            for n, each in enumerate(listings)
        ]
    )


def _drawn(number: int, width: int, height: int) -> Pixels:
    """Return a photo as it comes from a camera: smooth shapes and some grain."""
    chance = np.random.default_rng(number)
    coarse = chance.integers(0, 256, (8, 6, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC), dtype=np.int16)
    grain = chance.normal(0, 6, smooth.shape).astype(np.int16)
    return (smooth + grain).clip(0, 255).astype(np.uint8)


def _own_jpeg(picture: Pixels, number: int) -> bytes:
    """Return the photo with a patch of its own: what is made of it has to be another file, too, and is written."""
    own = picture.copy()
    own[:PATCH, :PATCH] = np.random.default_rng(number).integers(0, 256, (PATCH, PATCH, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(own).save(file, "JPEG", quality=88)
    return file.getvalue()
