"""Made-up listings by the hundred thousand: rows as an import leaves them, without the bytes of their photos.

Vectors come in groups of fifty that look alike, so the stored neighbours are the true ones and cost nothing to find.
Everything follows from the number of a listing: the same numbers, the same catalogue.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from random import Random

import numpy as np
from django.db import transaction
from django.utils import timezone

from feira.core.datasets.drawn.palette import COLOURS
from feira.core.datasets.drawn.plan import KINDS
from feira.core.datasets.drawn.wording import description_of, title_of
from feira.core.recommend.neighbours import MOST, pack
from feira.core.types import Matrix
from feira.shop.accounts.models import Seller
from feira.shop.accounts.services import create_seller
from feira.shop.feed.models import NeighbourList
from feira.shop.listings.models import Attribute, AttributeChoice, Category, Listing, ListingAttribute, ListingPhoto
from feira.shop.listings.services import category_at, ensure_attribute, ensure_choice
from feira.shop.listings.statistics import refresh_statistics
from feira.shop.photos.models import Embedding, IndexLogEntry, IndexLogHead, Photo

GROUP = 50
GROUPS_AT_ONCE = 40
SELLERS = 12
LOG_AT_ONCE = 50_000
# How far the members of a group lie from its centre: two of them have a cosine of about 0.8, two others about 0.
SPREAD = 0.5


@dataclass(frozen=True)
class Ground:
    """What listings refer to."""

    sellers: list[Seller]
    categories: dict[str, Category]
    colour: Attribute
    choices: dict[str, AttributeChoice]


def grow(count: int, encoder_id: str, dim: int) -> int:
    """Add listings until there are `count`, each live with one embedded photo and its neighbours; return how many.

    Whole groups are added, and the index log grows with them.
    """
    ground = ground_of_shop()
    for start in range(Listing.objects.count(), count, GROUP * GROUPS_AT_ONCE):
        _add(range(start, min(start + GROUP * GROUPS_AT_ONCE, count)), ground, encoder_id, dim)
    refresh_statistics()  # which the beat of a running shop does
    return Listing.objects.count()


def log_alone(count: int, encoder_id: str, last: str) -> int:
    """Write an index log of `count` additions, and the embedding (float16, as hex) of the last photo alone.

    For engines that open a snapshot of the rest: the others are neither photos nor embeddings here.
    """
    for start in range(0, count, LOG_AT_ONCE):
        numbers = range(start + 1, min(start + LOG_AT_ONCE, count) + 1)
        IndexLogEntry.objects.bulk_create([IndexLogEntry(seq=n, op=IndexLogEntry.ADD, photo_id=n) for n in numbers])
    IndexLogHead.objects.update_or_create(pk=1, defaults={"seq": count})
    photo = made_up_photo(count)
    photo.pk = count
    photo.save(force_insert=True)
    Embedding.objects.create(photo=photo, encoder_id=encoder_id, vector=bytes.fromhex(last))
    return count


def group_rows(group: int, dim: int, *, members: int = GROUP, seed: int = 0) -> Matrix:
    """Return unit vectors around the centre of a group; another seed gives other members of the same group."""
    centre = np.random.default_rng([7, group]).standard_normal(dim, dtype=np.float32)
    noise = np.random.default_rng([8, group, seed]).standard_normal((members, dim), dtype=np.float32)
    rows = centre + SPREAD * noise
    unit: Matrix = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def rows_of(count: int, dim: int) -> Matrix:
    """Return the vectors of the first `count` listings, shape (count, dim)."""
    rows = np.concatenate([group_rows(group, dim) for group in range(-(-count // GROUP))])
    return rows[:count]


def bare_listing(number: int) -> tuple[int, int]:
    """Add a live listing whose photo is public but not embedded; return the ids of listing and photo."""
    ground = ground_of_shop()
    with transaction.atomic():
        photo = made_up_photo(number)
        photo.save()
        listing = made_up_listing(number, ground)
        listing.cover = photo
        listing.save()
        ListingPhoto.objects.create(listing=listing, photo=photo, position=0)
    return listing.pk, photo.pk


def ground_of_shop() -> Ground:
    """Return what made-up listings refer to, made when it is not there."""
    sellers = list(Seller.objects.order_by("pk")[:SELLERS])
    sellers += [create_seller(name=f"Stall {number}") for number in range(len(sellers), SELLERS)]
    categories = {name: category_at(kind.category) for name, kind in KINDS.items()}
    colour = next(
        ensure_attribute(code="colour", kind=Attribute.Kind.CHOICE, category=category)
        for category in categories.values()
    )
    choices = {name: ensure_choice(attribute=colour, value=name) for name in COLOURS}
    return Ground(sellers, categories, colour, choices)


@transaction.atomic
def _add(numbers: range, ground: Ground, encoder_id: str, dim: int) -> None:
    photos = Photo.objects.bulk_create([made_up_photo(number) for number in numbers])
    listings = [made_up_listing(number, ground) for number in numbers]
    for listing, photo in zip(listings, photos, strict=True):
        listing.cover = photo
    Listing.objects.bulk_create(listings)
    ListingPhoto.objects.bulk_create(
        [
            ListingPhoto(listing=listing, photo=photo, position=0)
            for listing, photo in zip(listings, photos, strict=True)
        ]
    )
    ListingAttribute.objects.bulk_create(
        [
            ListingAttribute(listing=listing, attribute=ground.colour, choice=ground.choices[_look(number)[1]])
            for number, listing in zip(numbers, listings, strict=True)
        ]
    )
    rows = np.concatenate(
        [group_rows(group, dim) for group in range(numbers.start // GROUP, -(-numbers.stop // GROUP))]
    )
    Embedding.objects.bulk_create(
        [
            Embedding(photo=photo, encoder_id=encoder_id, vector=row.astype(np.float16).tobytes())
            for photo, row in zip(photos, rows, strict=False)
        ]
    )
    head, _made = IndexLogHead.objects.get_or_create(pk=1)
    IndexLogEntry.objects.bulk_create(
        [
            IndexLogEntry(seq=head.seq + n, op=IndexLogEntry.ADD, photo_id=photo.pk)
            for n, photo in enumerate(photos, start=1)
        ]
    )
    head.seq += len(photos)
    head.save()
    ids = np.array([listing.pk for listing in listings])
    NeighbourList.objects.bulk_create(
        [
            NeighbourList(listing_id=listing_id, encoder_id=encoder_id, packed=packed)
            for listing_id, packed in _neighbours(ids, rows)
        ]
    )


def _neighbours(ids: np.ndarray, rows: Matrix) -> Iterator[tuple[int, bytes]]:
    for start in range(0, len(ids), GROUP):
        members = ids[start : start + GROUP]
        scores = rows[start : start + len(members)] @ rows[start : start + len(members)].T
        np.fill_diagonal(scores, -1)
        for place, listing_id in enumerate(members):
            best = np.argsort(-scores[place])[: min(MOST, len(members) - 1)]
            yield int(listing_id), pack([(int(members[i]), float(scores[place, i])) for i in best])


def made_up_photo(number: int) -> Photo:
    """Return a photo without bytes, not saved."""
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    sizes = {"thumb": (180, 240), "card": (360, 480), "full": (400, 533)}
    return Photo(
        digest=digest,
        format="jpeg",
        byte_size=30_000,
        width=400,
        height=533,
        tint=number % 216,
        renditions={
            name: {"digest": f"{place}{digest[1:]}", "width": size[0], "height": size[1]}
            for place, (name, size) in enumerate(sizes.items())
        },
        is_public=True,
        searchable=True,
    )


def _look(number: int) -> tuple[str, str]:
    """Return the kind and the colour of a listing; the members of a group are of one kind."""
    kinds, colours = sorted(KINDS), sorted(COLOURS)
    return kinds[number // GROUP % len(kinds)], colours[number % len(colours)]


def made_up_listing(number: int, ground: Ground) -> Listing:
    """Return a live listing without photos, not saved."""
    rng = Random(number)
    name, colour = _look(number)
    kind = KINDS[name]
    words = {
        "kind": kind.name,
        "colour": colour,
        "pattern": rng.choice(kind.patterns),
        "shape": rng.choice(kind.shapes),
    }
    category = ground.categories[name]
    condition = rng.choice(Listing.Condition.values)
    return Listing(
        seller=ground.sellers[number % SELLERS],
        category=category,
        title=title_of(rng, **words),
        description=description_of(rng, **words, condition=condition),
        search_text=f"{category.path.replace('/', ' ')} {colour}",
        price=Decimal(rng.randint(400, 20_000)) / 100,
        currency="EUR",
        condition=condition,
        state=Listing.State.LIVE,
        published_at=timezone.now() - timedelta(seconds=rng.randint(0, 90 * 86_400)),
    )
