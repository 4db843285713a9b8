"""A list for somebody with several interests: everybody's share, nothing seen, no seller in all places."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feira.core.recommend.sharing import (
    LIKED,
    MOST,
    OPENED,
    Chosen,
    Recommended,
    pack_recommended,
    share_out,
    unpack_recommended,
)

listings = st.integers(1, 60)
found_by = st.lists(st.lists(listings, max_size=40, unique=True), min_size=1, max_size=5)
weights_of = st.lists(st.integers(1, 9).map(float), min_size=5, max_size=5)


def scored(listing_ids: list[int]) -> list[tuple[int, float]]:
    return [(listing_id, 1 - place / 100) for place, listing_id in enumerate(listing_ids)]


@given(
    found=found_by, weights=weights_of, seen=st.sets(listings, max_size=20), sellers=st.integers(1, 7), data=st.data()
)
def test_the_list_keeps_its_promises(
    found: list[list[int]], weights: list[float], seen: set[int], sellers: int, data: st.DataObject
) -> None:
    most, limit = data.draw(st.integers(1, MOST)), data.draw(st.integers(1, 5))
    gone = data.draw(st.sets(listings, max_size=10))
    seller_of = {listing_id: listing_id % sellers for listing_id in range(1, 61) if listing_id not in gone}
    chosen = share_out(
        [scored(each) for each in found],
        weights[: len(found)],
        seller_of=seller_of,
        exclude=seen,
        most=most,
        most_per_seller=limit,
    )
    ids = [each.listing_id for each in chosen]
    eligible = {listing_id for each in found for listing_id in each} - seen - gone
    assert len(ids) == len(set(ids)) == min(most, len(eligible)), "as long as it can be, and nothing twice"
    assert set(ids) <= eligible
    assert all((each.listing_id, each.score) in scored(found[each.interest]) for each in chosen)
    by_seller = Counter(seller_of[listing_id] for listing_id in eligible)
    within = sum(min(count, limit) for count in by_seller.values())
    if within >= most:
        assert max(Counter(seller_of[listing_id] for listing_id in ids).values(), default=0) <= limit


@given(weights=st.lists(st.integers(1, 9).map(float), min_size=2, max_size=5), most=st.integers(1, MOST))
def test_everybody_gets_the_share_of_their_weight_from_the_start_on(weights: list[float], most: int) -> None:
    """When nothing is scarce. Webster's method may stray from the exact share by little more than one place."""
    found = [scored(list(range(100 * number, 100 * number + 30))) for number in range(len(weights))]
    seller_of = {listing_id: listing_id for each in found for listing_id, _score in each}
    chosen = share_out(found, weights, seller_of=seller_of, most=most)
    for length in range(1, len(chosen) + 1):
        counts = Counter(each.interest for each in chosen[:length])
        for number, weight in enumerate(weights):
            assert abs(counts[number] - length * weight / sum(weights)) < 1.6


def test_each_interest_gives_its_best_first() -> None:
    chosen = share_out(
        [scored([1, 2, 3]), scored([9, 8])], [1.0, 1.0], seller_of={number: number for number in (1, 2, 3, 8, 9)}
    )
    assert chosen == [Chosen(1, 1.0, 0), Chosen(9, 1.0, 1), Chosen(2, 0.99, 0), Chosen(8, 0.99, 1), Chosen(3, 0.98, 0)]


def test_a_shop_with_one_seller_fills_the_list_all_the_same() -> None:
    chosen = share_out([scored(list(range(1, 31)))], [1.0], seller_of=dict.fromkeys(range(1, 31), 7), most_per_seller=4)
    assert [each.listing_id for each in chosen] == list(range(1, MOST + 1))


def test_a_weight_for_each_interest_is_asked_for() -> None:
    with pytest.raises(ValueError, match="one weight per interest"):
        share_out([scored([1])], [0.5, 0.5], seller_of={1: 1})


entries = st.builds(
    Recommended,
    listing_id=st.integers(1, 2**62),
    because=st.integers(1, 2**62),
    score=st.floats(-1, 1, width=32),
    kind=st.sampled_from([LIKED, OPENED]),
)


@given(recommended=st.lists(entries, max_size=MOST))
def test_what_is_packed_comes_back_in_its_order(recommended: list[Recommended]) -> None:
    packed = pack_recommended(recommended)
    assert len(packed) == 21 * len(recommended)
    assert unpack_recommended(packed) == recommended


def test_bytes_that_are_no_recommendations_are_refused() -> None:
    for damaged in (b"x", bytes(21 * (MOST + 1))):
        with pytest.raises(ValueError, match="no packed recommendations"):
            unpack_recommended(damaged)
    with pytest.raises(ValueError, match="at most 24"):
        pack_recommended([Recommended(1, 2, 0.5, LIKED)] * (MOST + 1))
