"""Which side of a split each listing is on: the same for all its photos, for copies of them, and next month.

Listings that belong together form a group and stay on one side: those of one seller (by seller), and in every kind of
split those that show a copy of the same photo, directly or through others.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise
from typing import Literal

from feira.core.datasets.errors import InvalidRecord, InvalidSplit

_SPAN = 2**64
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SplitRow:
    """What a split has to know of one photo; `published_at` is that of the listing and has a time zone."""

    listing: str
    seller: str
    photo_sha256: str
    published_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """How a data set is split.

    Args:
        by: `seller` and `hash` draw a side for each seller or listing, from its name and the seed alone. `time` puts
            what was published before the first boundary on the first side, and so on: train on the past.
        shares: side → how much of it, in any unit, in the order of the sides. By time it only names the sides.
        seed: of the draw; another seed draws other sides.
        boundaries: by time only, ascending, one less than there are sides; a moment belongs to what comes after it.

    Raises:
        InvalidSplit: fewer than two sides, a share below zero or all of them zero, boundaries that do not fit.
    """

    by: Literal["seller", "time", "hash"]
    shares: Mapping[str, float]
    seed: int = 0
    boundaries: Sequence[datetime] = ()

    def __post_init__(self) -> None:
        if len(self.shares) < 2:
            raise InvalidSplit("A split needs two sides or more, as in train 80, test 20.")
        if min(self.shares.values()) < 0 or not 0 < sum(self.shares.values()) < float("inf"):
            raise InvalidSplit(
                f"The shares {dict(self.shares)} have to be zero or more, and one of them more than zero."
            )
        if self.by != "time" and self.boundaries:
            raise InvalidSplit("Boundaries belong to a split by time.")
        if self.by == "time" and len(self.boundaries) != len(self.shares) - 1:
            raise InvalidSplit(
                f"A split by time into {len(self.shares)} sides needs {len(self.shares) - 1} boundaries, "
                f"not {len(self.boundaries)}."
            )
        if any(moment.tzinfo is None for moment in self.boundaries):
            raise InvalidSplit("A boundary has no time zone.")
        if any(one >= other for one, other in pairwise(self.boundaries)):
            raise InvalidSplit("The boundaries are not in ascending order.")

    def assign(self, rows: Iterable[SplitRow]) -> dict[str, str]:
        """Return listing → side; the order of the rows does not matter.

        A group's side is that of its listing that was published first. So rows that are published later move nothing,
        except where one of them joins two groups that were apart: then the older one keeps its side and the other
        follows. Listings without a moment count as the last; among equals the name decides.

        Memory grows with listings, sellers and different photos, about 1 kB for each photo.

        Raises:
            InvalidRecord: a listing with two sellers or moments, or by time one without a moment.
        """
        groups = _Groups()
        firsts: dict[str, SplitRow] = {}
        for row in rows:
            known = firsts.setdefault(row.listing, row)
            if (known.seller, known.published_at) != (row.seller, row.published_at):
                raise InvalidRecord(f"{row.listing} has two sellers or two moments of publication.")
            if self.by == "time" and row.published_at is None:
                raise InvalidRecord(f"{row.listing} has no moment of publication, which a split by time needs.")
            groups.join(_LISTING + row.listing, _PHOTO + row.photo_sha256)
            if self.by == "seller":
                groups.join(_LISTING + row.listing, _SELLER + row.seller)
        sides = self._sides(groups, firsts)
        return {listing: sides[groups.root(_LISTING + listing)] for listing in sorted(firsts)}

    def _sides(self, groups: "_Groups", rows: Mapping[str, SplitRow]) -> dict[str, str]:
        """Return root of a group → side."""
        leaders: dict[str, tuple[datetime, int, str]] = {}
        for row in rows.values():
            root, place = groups.root(_LISTING + row.listing), self._place(row)
            leaders[root] = min(leaders.get(root, place), place)
        return {root: self._side(*place) for root, place in leaders.items()}

    def _place(self, row: SplitRow) -> tuple[datetime, int, str]:
        """Return what decides who leads a group, and the name by which it draws."""
        name = row.seller if self.by == "seller" else row.listing
        return row.published_at or _NEVER, _number(f"lead {self.seed} {name}"), name

    def _side(self, published_at: datetime, _: int, name: str) -> str:
        sides = list(self.shares)
        if self.by == "time":
            return sides[sum(published_at >= boundary for boundary in self.boundaries)]
        # Not the number that led: whoever leads among equals has a low one, and would be on the first side too often.
        drawn, total, passed = (
            _number(f"side {self.seed} {name}"),
            sum(map(Fraction, self.shares.values())),
            Fraction(0),
        )
        for side, share in self.shares.items():
            passed += Fraction(share)
            if drawn < passed / total * _SPAN:
                return side
        return sides[-1]


def boundaries_by_share(moments: Iterable[datetime], shares: Mapping[str, float]) -> tuple[datetime, ...]:
    """Return boundaries for a split by time that come closest below the shares; keep them, so that they stay.

    Args:
        moments: of publication, one for each listing; all are held.

    Raises:
        InvalidSplit: there are fewer different moments than sides.
    """
    ordered, total, passed = sorted(moments), sum(map(Fraction, shares.values())), Fraction(0)
    found: list[datetime] = []
    for share in list(shares.values())[:-1]:
        passed += Fraction(share)
        place = int(passed / total * len(ordered))
        if place >= len(ordered) or (found and ordered[place] <= found[-1]) or ordered[place] == ordered[0]:
            raise InvalidSplit("The listings were published at too few different moments for these shares.")
        found.append(ordered[place])
    return tuple(found)


_LISTING, _SELLER, _PHOTO = "l:", "s:", "p:"


def _number(text: str) -> int:
    """Return a whole number below 2⁶⁴ that follows from the text alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


class _Groups:
    """Names that belong together, directly or through others."""

    def __init__(self) -> None:
        self._above: dict[str, str] = {}

    def root(self, name: str) -> str:
        """Return the name that stands for the group."""
        above = self._above
        while (parent := above.setdefault(name, name)) != name:
            above[name] = above[parent]
            name = parent
        return name

    def join(self, one: str, other: str) -> None:
        """Make one group of two."""
        first, second = self.root(one), self.root(other)
        if first != second:
            self._above[max(first, second)] = min(first, second)
