"""Sides of a split: nothing that belongs together is parted, and what is added moves nothing that was there."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feira.core.datasets.errors import InvalidRecord, InvalidSplit
from feira.core.datasets.splits import SplitPlan, SplitRow, boundaries_by_share

SHARES = {"train": 60, "validation": 20, "test": 20}
DAY = datetime(2026, 1, 1, tzinfo=UTC)
BOUNDARIES = (DAY + timedelta(days=10), DAY + timedelta(days=15))
KINDS: tuple[Literal["seller", "time", "hash"], ...] = ("seller", "time", "hash")


def plan(by: Literal["seller", "time", "hash"], **changes: Any) -> SplitPlan:
    return SplitPlan(**{"by": by, "shares": SHARES, "boundaries": BOUNDARIES if by == "time" else (), **changes})


def row(number: int, photo: int) -> SplitRow:
    """Return a photo of one of 40 listings, two or three for a seller, published on one of 20 days."""
    return SplitRow(f"l{number}", f"s{number * 2 // 5}", f"{photo:064x}", DAY + timedelta(days=number * 7 % 20))


# Photos 1000 and up belong to one listing only; the few below are copies that listings share.
photos = st.integers(0, 39).flatmap(lambda n: st.builds(row, st.just(n), st.just(1000 + n) | st.integers(0, 3)))
catalogues = st.lists(photos, max_size=60)


def groups_of(rows: Iterable[SplitRow], *, by_seller: bool) -> list[set[str]]:
    """Return the listings that belong together, found by joining sets until nothing changes."""
    owners = defaultdict(set)
    for each in rows:
        owners[each.photo_sha256].add(each.listing)
        owners[each.seller if by_seller else each.listing].add(each.listing)
    groups: list[set[str]] = []
    for owner in owners.values():
        joined = set(owner).union(*(group for group in groups if group & owner))
        groups = [group for group in groups if not group & owner] + [joined]
    return groups


@pytest.mark.parametrize("by", KINDS)
@settings(deadline=None)
@given(rows=catalogues)
def test_what_belongs_together_is_on_one_side(by: Literal["seller", "time", "hash"], rows: list[SplitRow]) -> None:
    sides = plan(by).assign(rows)
    assert set(sides) == {each.listing for each in rows}
    for group in groups_of(rows, by_seller=by == "seller"):
        assert len({sides[listing] for listing in group}) == 1


@pytest.mark.parametrize("by", KINDS)
@settings(deadline=None)
@given(rows=catalogues, data=st.data())
def test_the_order_of_rows_does_not_matter(
    by: Literal["seller", "time", "hash"], rows: list[SplitRow], data: st.DataObject
) -> None:
    assert plan(by).assign(data.draw(st.permutations(rows))) == plan(by).assign(rows)


def later(number: int, photo: int) -> SplitRow:
    """Return a photo of a listing that came after all of `row`, of a new seller or of one that was there."""
    return SplitRow(f"new{number}", f"s{number}", f"{photo:064x}", DAY + timedelta(days=60 + number % 7))


newcomers = st.lists(st.builds(later, st.integers(0, 25), st.integers(0, 3) | st.integers(990, 1040)), max_size=40)


@pytest.mark.parametrize("by", KINDS)
@settings(deadline=None)
@given(rows=catalogues, more=newcomers)
def test_later_rows_move_nothing_but_what_they_join(
    by: Literal["seller", "time", "hash"], rows: list[SplitRow], more: list[SplitRow]
) -> None:
    before, after = plan(by).assign(rows), plan(by).assign(rows + more)
    old = groups_of(rows, by_seller=by == "seller")
    published = {each.listing: each.published_at for each in rows}
    for group in groups_of(rows + more, by_seller=by == "seller"):
        inside = [each for each in old if each <= group]
        moved = [each for each in inside if before[min(each)] != after[min(each)]]
        assert len(moved) <= max(0, len(inside) - 1)
        # The older of two that were joined stays, when one is older.
        earliest = sorted((min(published[listing] or DAY for listing in each), each in moved) for each in inside)
        if len(earliest) > 1 and earliest[0][0] < earliest[1][0]:
            assert not earliest[0][1]


@settings(deadline=None)
@given(rows=st.lists(st.integers(0, 39), max_size=40))
def test_by_time_the_past_is_on_the_first_side(rows: list[int]) -> None:
    catalogue = [row(number, 1000 + number) for number in rows]
    sides = plan("time").assign(catalogue)
    for each in catalogue:
        assert each.published_at is not None
        late = sum(each.published_at >= boundary for boundary in BOUNDARIES)
        assert sides[each.listing] == list(SHARES)[late]


def test_a_copy_stays_where_the_photo_was_first_seen() -> None:
    old = SplitRow("l1", "s1", "a" * 64, DAY)
    copy = SplitRow("l2", "s2", "a" * 64, DAY + timedelta(days=19))
    other = SplitRow("l3", "s3", "b" * 64, DAY + timedelta(days=19))
    assert plan("time").assign([copy, other, old]) == {"l1": "train", "l2": "train", "l3": "test"}


@pytest.mark.parametrize("by", ["seller", "hash"])
@pytest.mark.parametrize("seed", [0, 1, 77])
def test_shares_are_kept_on_the_whole(by: Literal["seller", "hash"], seed: int) -> None:
    rows = [SplitRow(f"l{number}", f"s{number}", f"{number:064x}") for number in range(4000)]
    counts = Counter(plan(by, seed=seed).assign(rows).values())
    # Four standard deviations of 4,000 draws.
    assert all(abs(counts[side] / 4000 - share / 100) < 4 * (0.25 / 4000) ** 0.5 for side, share in SHARES.items())


def test_groups_of_many_are_not_drawn_to_the_first_side() -> None:
    rows = [SplitRow(f"l{number}", f"s{number}", f"{number // 5:064x}") for number in range(10_000)]
    counts = Counter(plan("hash").assign(rows).values())
    assert abs(counts["train"] / 10_000 - 0.6) < 4 * (0.24 / 2000) ** 0.5


def test_another_seed_draws_other_sides_and_the_same_seed_the_same() -> None:
    rows = [row(number, 1000 + number) for number in range(40)]
    assert plan("hash", seed=1).assign(rows) == plan("hash", seed=1).assign(rows)
    assert plan("hash", seed=1).assign(rows) != plan("hash", seed=2).assign(rows)


def test_a_share_of_zero_gets_nothing() -> None:
    rows = [row(number, 1000 + number) for number in range(40)]
    sides = SplitPlan("hash", {"train": 0, "test": 1}).assign(rows)
    assert set(sides.values()) == {"test"}


def test_nothing_is_split_into_nothing() -> None:
    assert plan("seller").assign([]) == {}


@settings(deadline=None)
@given(numbers=st.lists(st.integers(0, 400), min_size=5, max_size=60, unique=True))
def test_boundaries_come_close_to_the_shares(numbers: list[int]) -> None:
    rows = [SplitRow(f"l{n}", f"s{n}", f"{n:064x}", DAY + timedelta(days=n)) for n in numbers]
    found = boundaries_by_share([each.published_at for each in rows if each.published_at], SHARES)
    counts = Counter(plan("time", boundaries=found).assign(rows).values())
    assert all(abs(counts[side] - share / 100 * len(rows)) < 1 for side, share in SHARES.items())


def test_too_few_moments_have_no_boundaries() -> None:
    with pytest.raises(InvalidSplit, match="too few"):
        boundaries_by_share([DAY] * 9, SHARES)
    with pytest.raises(InvalidSplit, match="too few"):
        boundaries_by_share([], SHARES)


@pytest.mark.parametrize(
    ("by", "changes", "says"),
    [
        ("hash", {"shares": {"train": 1}}, "two sides"),
        ("hash", {"shares": {"train": -1, "test": 2}}, "zero or more"),
        ("hash", {"shares": {"train": 0, "test": 0}}, "more than zero"),
        ("hash", {"shares": {"train": float("inf"), "test": 1}}, "zero or more"),
        ("hash", {"shares": {"train": float("nan"), "test": 1}}, "zero or more"),
        ("hash", {"boundaries": BOUNDARIES}, "by time"),
        ("time", {"boundaries": ()}, "needs 2 boundaries"),
        ("time", {"boundaries": BOUNDARIES[::-1]}, "ascending"),
        ("time", {"boundaries": (datetime(2026, 1, 1), BOUNDARIES[1])}, "zone"),  # noqa: DTZ001 - that is the fault
    ],
)
def test_a_split_that_cannot_be_is_refused(by: Literal["time", "hash"], changes: Mapping[str, Any], says: str) -> None:
    with pytest.raises(InvalidSplit, match=says):
        plan(by, **changes)


def test_a_listing_has_one_seller_and_by_time_a_moment() -> None:
    with pytest.raises(InvalidRecord, match="two sellers"):
        plan("hash").assign([SplitRow("l1", "s1", "a" * 64), SplitRow("l1", "s2", "b" * 64)])
    with pytest.raises(InvalidRecord, match="two moments"):
        plan("hash").assign([SplitRow("l1", "s1", "a" * 64), SplitRow("l1", "s1", "b" * 64, DAY)])
    with pytest.raises(InvalidRecord, match="no moment"):
        plan("time").assign([SplitRow("l1", "s1", "a" * 64)])
