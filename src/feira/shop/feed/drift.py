"""Neighbours that have drifted: lists that are no longer what a search would find now.

Lists are kept up as listings come and go, one change at a time, and each change sees only the best few hits of the
index. So a list may miss what a search of its own would find, and the more so the more has changed since it was made,
and the shorter others' leaving has made it. A few at a time are found anew, those first for which that is most likely.
"""

import heapq
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.db import transaction

from feira.core.recommend.neighbours import MOST, unpack
from feira.shop.feed.models import NeighbourList
from feira.shop.feed.selectors import neighbours_of
from feira.shop.feed.services import LISTINGS_AT_ONCE, Found, replace_neighbours
from feira.shop.listings.selectors import live_listings, stands_in
from feira.shop.photos.models import IndexLogEntry

# So many lists are looked at per pass, one part of the shop after the other, and so many at most are found anew: as
# many as one search takes.
LOOKED_AT = 4096
REFRESHED = LISTINGS_AT_ONCE
# Whoever missed more changes than this has missed enough.
MOST_CHANGES = 10_000


@dataclass(frozen=True, slots=True)
class Drifted:
    """Lists to be found anew, those that need it most first.

    Attributes:
        listing_ids: whose lists; at most `REFRESHED`.
        looked_at: how many lists they were chosen from.
        after: the number of the listing where the next pass begins; 0 at the end of the shop.
    """

    listing_ids: Sequence[int]
    looked_at: int
    after: int


def drifted_lists(encoder_id: str, *, after: int = 0) -> Drifted:
    """Choose from the lists of the live listings above `after`; two queries, however large the shop is.

    What counts is how much was added to the index or left it since a list was made, and up to twice as much the shorter
    the list is. A list since which nothing has changed has not drifted.
    """
    rows = NeighbourList.objects.filter(
        stands_in(live_listings(), "listing_id"), encoder_id=encoder_id, listing__gt=after
    ).order_by("listing")
    lists = list(rows.values_list("listing_id", "updated_at", "packed")[:LOOKED_AT])
    changes = IndexLogEntry.objects.order_by("-seq").values_list("created_at", flat=True)[:MOST_CHANGES]
    changed_at = sorted(changes)
    needs = []
    for listing_id, updated_at, packed in lists:
        missed = len(changed_at) - bisect_right(changed_at, updated_at)
        if missed:
            empty = 1 - len(unpack(bytes(packed))) / MOST
            needs.append((missed * (1 + empty), -listing_id))
    chosen = [-number for _need, number in heapq.nlargest(REFRESHED, needs)]
    return Drifted(chosen, len(lists), lists[-1][0] if len(lists) == LOOKED_AT else 0)


@transaction.atomic
def keep_refreshed(wanted: Sequence[int], found: Found) -> int:
    """Keep lists as they were found now; return how many of them hold other listings, or in another order, than before.

    Args:
        wanted: the listings that were asked about. Those of which nothing is known are not asked about again until
            something changes.
    """
    rows = NeighbourList.objects.select_for_update().filter(listing__in=wanted).order_by("listing")
    there = set(rows.values_list("listing_id", flat=True))
    # A listing that was taken down meanwhile has lost its list, and gets none again.
    found = replace(found, neighbours={pk: entries for pk, entries in found.neighbours.items() if pk in there})
    numbers = sorted(found.neighbours)
    before = neighbours_of(numbers)
    replace_neighbours(found)
    after = neighbours_of(numbers)
    NeighbourList.objects.filter(listing__in=there - {*numbers}).update(updated_at=found.at)
    return sum(before[pk] != after[pk] for pk in numbers)
