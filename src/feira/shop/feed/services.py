"""What the feed does: keep every listing's neighbours up to date, remember likes."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

import numpy as np
from django.db import transaction
from django.utils import timezone

from feira.core.errors import EngineUnavailable
from feira.core.recommend.neighbours import MOST, Scored, enter_each, group_by_listing, leave, pack, unpack
from feira.shop.accounts.models import Account
from feira.shop.feed.models import Like, NeighbourList
from feira.shop.feed.selectors import SHOWN, listings_not_seen_by, neighbours_of, photos_on_listings
from feira.shop.feed.taste import ask_for_update
from feira.shop.listings.models import Listing
from feira.shop.listings.selectors import listing_of_photos, live_listings
from feira.shop.photos.engine import engine
from feira.shop.photos.selectors import embeddings_of

# Listings have several photos, so 24 listings need more than 24 hits; and who has this listing among their best 24
# is usually, not always, among its own best hundred. 200 cost half as much again per photo.
HITS_PER_PHOTO = 128
LISTINGS_AT_ONCE = 128
WAIT_FOR_INDEX_S = 5.0


@dataclass(frozen=True, slots=True)
class Found:
    """The listings most similar to some listings, as one encoder sees them at one moment."""

    encoder_id: str
    neighbours: Mapping[int, Sequence[Scored]]
    at: datetime


def wait_for_index(seq: int) -> None:
    """Return when the engine has followed the index log up to `seq`.

    Raises:
        EngineUnavailable: it has not within some seconds; try again later.
    """
    if not engine().wait_for(seq, WAIT_FOR_INDEX_S):
        raise EngineUnavailable(
            f"The engine has not read index log entry {seq} within {WAIT_FOR_INDEX_S:g} s. It is tried again later.",
            seq=seq,
        )


def find_neighbours(listing_ids: Iterable[int]) -> Found:
    """Ask the engine what looks like these live listings, with all of their photos; nothing is stored.

    Raises:
        EngineUnavailable: try again later.
    """
    at, encoder_id = timezone.now(), engine().status().encoder_id
    wanted = sorted(set(listing_ids))
    neighbours: dict[int, Sequence[Scored]] = {}
    for start in range(0, len(wanted), LISTINGS_AT_ONCE):
        neighbours |= _find(wanted[start : start + LISTINGS_AT_ONCE], encoder_id)
    return Found(encoder_id, neighbours, at)


def find_neighbours_of_photos(photo_ids: Sequence[int]) -> Found:
    """Ask the engine what looks like the live listings that these photos stand on.

    Raises:
        EngineUnavailable: try again later.
    """
    return find_neighbours(listing_of_photos(photo_ids).values())


@transaction.atomic
def enter_neighbours(found: Found) -> int:
    """Keep the listings' own lists and enter them into the lists of those found; return how many lists changed.

    May run twice, and beside itself: an entry only ever gains, so that the order of two runs does not matter. (The
    index compares a row with codes of 8 bits, so that two listings see each other a hair differently; the better
    score counts for both.) The full lists that another encoder made are left to `follow_encoder`: to enter them would
    be to empty them first.
    """
    touched = {*found.neighbours, *_ids(found.neighbours.values())}
    touched -= set(_lists_of_other_encoders(touched, found.encoder_id)) - {*found.neighbours}
    lists = _locked_lists(touched, found.encoder_id)
    if missing := sorted(touched - {*lists}):
        _make_lists(missing, found.encoder_id)
        lists |= _locked_lists(missing, found.encoder_id)
    before = dict(lists)
    for listing_id, entries in found.neighbours.items():
        lists[listing_id] = _united(lists[listing_id], entries)
        others = [
            (other, score) for other, score in entries if other in lists and _gains(lists[other], listing_id, score)
        ]
        entered = enter_each(
            [lists[other] for other, _score in others], listing_id, [score for _other, score in others]
        )
        lists.update({other: new for (other, _score), new in zip(others, entered, strict=True) if new is not None})
    return _store(found.encoder_id, {pk: packed for pk, packed in lists.items() if packed != before[pk]})


@transaction.atomic
def replace_neighbours(found: Found) -> int:
    """Keep the listings' own lists as found, forgetting what was there; return how many there are.

    What entered a list after the question was asked is kept: the answer cannot know it.
    """
    known = NeighbourList.objects.select_for_update().filter(pk__in=found.neighbours, encoder_id=found.encoder_id)
    later = dict(known.filter(updated_at__gte=found.at).order_by("pk").values_list("pk", "packed"))
    fresh = {
        listing_id: _united(bytes(later.get(listing_id, b"")), entries)
        for listing_id, entries in found.neighbours.items()
    }
    return _store(found.encoder_id, fresh)


@transaction.atomic
def leave_neighbours(listing_ids: Sequence[int]) -> int:
    """Take listings out of the lists of their neighbours, and their own lists away; return how many lists changed."""
    gone = neighbours_of(listing_ids)
    rows = NeighbourList.objects.select_for_update().filter(pk__in=set(chain.from_iterable(gone.values())) - {*gone})
    changed: dict[str, dict[int, bytes]] = {}
    for pk, encoder_id, packed in rows.order_by("pk").values_list("pk", "encoder_id", "packed"):
        left = _without(bytes(packed), gone)
        if left != bytes(packed):
            changed.setdefault(encoder_id, {})[pk] = left
    NeighbourList.objects.filter(pk__in=listing_ids).delete()
    return sum(_store(encoder_id, lists) for encoder_id, lists in changed.items())


def lists_made_short_without(listing_ids: Sequence[int]) -> list[int]:
    """Return the listings whose own lists would no longer fill a page if these listings left."""
    gone = neighbours_of(listing_ids)
    rows = NeighbourList.objects.filter(pk__in=set(chain.from_iterable(gone.values())) - {*gone}).order_by("pk")
    lists = rows.values_list("pk", "packed")
    return [pk for pk, packed in lists if len(unpack(_without(bytes(packed), gone))) < SHOWN]


def rebuild_all_neighbours(progress: Callable[[int, int], None] = lambda _done, _total: None) -> int:
    """Find the neighbours of every live listing anew; return how many that were.

    Args:
        progress: called with listings done and in all, once per step.

    Raises:
        EngineUnavailable: what was done so far stays done.
    """
    listing_ids = list(live_listings().order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(listing_ids), LISTINGS_AT_ONCE):
        replace_neighbours(find_neighbours(listing_ids[start : start + LISTINGS_AT_ONCE]))
        progress(min(start + LISTINGS_AT_ONCE, len(listing_ids)), len(listing_ids))
    forget_lists_of_others()
    return len(listing_ids)


def listing_ranges() -> Iterator[str]:
    """Yield the ranges of numbers in which there are live listings, as in `128-255`; the same at every call as long as
    none is added."""
    last = -1
    for listing_id in live_listings().order_by("pk").values_list("pk", flat=True).iterator():
        if listing_id // LISTINGS_AT_ONCE != last:
            last = listing_id // LISTINGS_AT_ONCE
            yield f"{last * LISTINGS_AT_ONCE}-{(last + 1) * LISTINGS_AT_ONCE - 1}"


def live_listings_in(name: str) -> list[int]:
    """Return the live listings of a range."""
    first, last = (int(number) for number in name.split("-"))
    return list(live_listings().filter(pk__range=(first, last)).order_by("pk").values_list("pk", flat=True))


def forget_lists_of_others() -> None:
    """Delete the neighbours of listings that are not live."""
    NeighbourList.objects.exclude(listing__in=live_listings()).delete()


def follow_encoder(encoder_id: str, progress: Callable[[int, int], None] = lambda _done, _total: None) -> int:
    """Find neighbours by this encoder where a list is not by it yet; return how many listings that were.

    May be stopped and called again. It ends early when the engine answers with another encoder, whose own turn it is.

    Raises:
        EngineUnavailable: what was done so far stays done.
    """
    done, after = 0, 0
    total = len(listings_not_seen_by(encoder_id, most=None))
    while batch := listings_not_seen_by(encoder_id, most=LISTINGS_AT_ONCE, after=after):
        after = batch[-1]
        found = find_neighbours(batch)
        if found.encoder_id != encoder_id:
            break
        replace_neighbours(found)
        done += len(batch)
        progress(done, max(done, total))
    return done


@transaction.atomic
def like(*, account: Account, listing: Listing) -> None:
    """Remember that an account likes a listing, and let its taste follow; saying so twice changes nothing."""
    Like.objects.bulk_create([Like(account=account, listing=listing)], ignore_conflicts=True)
    ask_for_update(account)


@transaction.atomic
def unlike(*, account: Account, listing: Listing) -> None:
    """Forget that an account likes a listing, if it did, and let its taste follow."""
    Like.objects.filter(account=account, listing=listing).delete()
    ask_for_update(account)


def _find(listing_ids: Sequence[int], encoder_id: str) -> dict[int, Sequence[Scored]]:
    """Compare all photos of these listings in one search; listings without an embedded photo are left out."""
    own = photos_on_listings(listing_ids)
    photo_ids, rows = embeddings_of(list(own), encoder_id)
    if not photo_ids:
        return {}
    hits = engine().search(rows, HITS_PER_PHOTO, encoder_id=encoder_id)
    listing_of = listing_of_photos({hit.photo_id for found in hits for hit in found})
    by_listing: dict[int, list[int]] = {}
    for position, photo_id in enumerate(photo_ids):
        by_listing.setdefault(own[photo_id], []).append(position)
    return {
        listing_id: group_by_listing(
            chain.from_iterable(hits[position] for position in positions), listing_of, exclude=(listing_id,)
        )
        for listing_id, positions in by_listing.items()
    }


def _make_lists(listing_ids: Sequence[int], encoder_id: str) -> None:
    """Make empty lists for listings that have none; ascending ids keep two writers from waiting for each other."""
    empty = [NeighbourList(listing_id=pk, encoder_id=encoder_id, packed=b"") for pk in listing_ids]
    NeighbourList.objects.bulk_create(empty, ignore_conflicts=True)


def _locked_lists(listing_ids: Iterable[int], encoder_id: str) -> dict[int, bytes]:
    """Return the lists there are, locked in one order; what another encoder made counts as empty."""
    rows = NeighbourList.objects.select_for_update().filter(pk__in=set(listing_ids)).order_by("pk")
    return {
        pk: bytes(packed) if made_by == encoder_id else b""
        for pk, made_by, packed in rows.values_list("pk", "encoder_id", "packed")
    }


def _lists_of_other_encoders(listing_ids: Iterable[int], encoder_id: str) -> list[int]:
    rows = NeighbourList.objects.filter(pk__in=set(listing_ids)).exclude(encoder_id=encoder_id).exclude(packed=b"")
    return list(rows.values_list("pk", flat=True))


def _store(encoder_id: str, lists: Mapping[int, bytes]) -> int:
    now = timezone.now()
    NeighbourList.objects.bulk_create(
        [NeighbourList(listing_id=pk, encoder_id=encoder_id, packed=lists[pk], updated_at=now) for pk in sorted(lists)],
        update_conflicts=True,
        unique_fields=["listing"],
        update_fields=["encoder_id", "packed", "updated_at"],
    )
    return len(lists)


def _united(packed: bytes, entries: Sequence[Scored]) -> bytes:
    """Return the list with the entries added, each listing with the better of its scores."""
    best = dict(unpack(packed))
    for listing_id, score in entries[:MOST]:
        best[listing_id] = max(score, best.get(listing_id, score))
    return pack(list(best.items()))


def _gains(packed: bytes, listing_id: int, score: float) -> bool:
    """Tell whether the score is better than the one the listing has in the list, if any."""
    if listing_id.to_bytes(8, "little") not in packed:
        return True
    return bool(dict(unpack(packed)).get(listing_id, -2.0) < np.float32(score))


def _without(packed: bytes, listing_ids: Iterable[int]) -> bytes:
    for listing_id in listing_ids:
        shorter = leave(packed, listing_id)
        packed = packed if shorter is None else shorter
    return packed


def _ids(entries: Iterable[Sequence[Scored]]) -> Iterable[int]:
    return (listing_id for scored in entries for listing_id, _score in scored)
