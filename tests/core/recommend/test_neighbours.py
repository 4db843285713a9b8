"""Neighbour lists kept up one listing at a time are those that a full comparison would give."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feira.core.recommend.neighbours import MOST, enter, enter_each, group_by_listing, leave, pack, unpack
from feira.core.types import Hit

# Quarters are exact in float32 and make ties common.
scores = st.integers(-4, 4).map(lambda quarters: quarters / 4)
ids = st.integers(1, 2**40)
tables = st.dictionaries(ids, scores, max_size=60)


def best_first(table: dict[int, float]) -> list[tuple[int, float]]:
    return sorted(table.items(), key=lambda entry: (-entry[1], entry[0]))


@given(table=tables, data=st.data())
def test_packing_keeps_the_best_whatever_the_order(table: dict[int, float], data: st.DataObject) -> None:
    packed = pack(data.draw(st.permutations(list(table.items()))))
    assert unpack(packed) == best_first(table)[:MOST]
    assert len(packed) == 12 * min(len(table), MOST)
    assert pack(unpack(packed)) == packed


@given(table=tables, data=st.data())
def test_entering_all_one_by_one_gives_the_list_of_all(table: dict[int, float], data: st.DataObject) -> None:
    packed = b""
    for listing_id, score in data.draw(st.permutations(list(table.items()))):
        packed = enter(packed, listing_id, score) or packed
    assert packed == pack(list(table.items()))


@given(table=tables, listing_id=ids, score=scores)
def test_none_means_that_nothing_changed(table: dict[int, float], listing_id: int, score: float) -> None:
    table.pop(listing_id, None)
    packed = pack(list(table.items()))
    entered = enter(packed, listing_id, score)
    expected = best_first(table | {listing_id: score})[:MOST]
    assert unpack(packed if entered is None else entered) == expected
    assert (entered is None) == ((listing_id, score) not in expected)


@given(table=tables.filter(bool), score=scores, data=st.data())
def test_a_listing_that_is_there_gets_the_new_score_and_no_second_place(
    table: dict[int, float], score: float, data: st.DataObject
) -> None:
    packed = pack(list(table.items()))
    kept = dict(unpack(packed))
    listing_id = data.draw(st.sampled_from(sorted(kept)))
    entered = enter(packed, listing_id, score)
    assert unpack(packed if entered is None else entered) == best_first(kept | {listing_id: score})
    assert (entered is None) == (kept[listing_id] == score)


@given(table=tables, listing_id=ids, data=st.data())
def test_who_leaves_is_gone_and_the_others_stay(table: dict[int, float], listing_id: int, data: st.DataObject) -> None:
    packed = pack(list(table.items()))
    kept = dict(unpack(packed))
    listing_id = data.draw(st.sampled_from([*kept, listing_id]))
    left = leave(packed, listing_id)
    assert (left is None) == (listing_id not in kept)
    assert unpack(packed if left is None else left) == [entry for entry in unpack(packed) if entry[0] != listing_id]


@given(lists=st.lists(tables, max_size=8), listing_id=ids, data=st.data())
@settings(deadline=None)
def test_many_lists_at_once_are_entered_like_one_by_one(
    lists: list[dict[int, float]], listing_id: int, data: st.DataObject
) -> None:
    packed = [pack(list(table.items())) for table in lists]
    news = data.draw(st.lists(scores, min_size=len(lists), max_size=len(lists)))
    one_by_one = [enter(each, listing_id, score) for each, score in zip(packed, news, strict=True)]
    assert enter_each(packed, listing_id, news) == one_by_one


@given(seed=st.integers(0, 1000), count=st.integers(1, 45), data=st.data())
@settings(deadline=None, max_examples=40)
def test_listings_that_arrive_one_by_one_end_with_the_lists_of_a_full_comparison(
    seed: int, count: int, data: st.DataObject
) -> None:
    """Each newcomer is compared with all earlier ones, makes its own list and enters theirs."""
    rows = np.random.default_rng(seed).integers(-3, 4, (count, 5)).astype(np.float32)
    similarity = rows @ rows.T
    lists: dict[int, bytes] = {}
    for newcomer in data.draw(st.permutations(range(count))):
        earlier = list(lists)
        closeness = [float(similarity[newcomer, other]) for other in earlier]
        entered = enter_each([lists[other] for other in earlier], newcomer, closeness)
        lists.update({other: new for other, new in zip(earlier, entered, strict=True) if new is not None})
        lists[newcomer] = pack(list(zip(earlier, closeness, strict=True)))
    for listing_id, packed in lists.items():
        truth = {other: float(similarity[listing_id, other]) for other in range(count) if other != listing_id}
        assert unpack(packed) == best_first(truth)[:MOST]


def test_an_id_that_only_looks_present_in_the_bytes_does_no_harm() -> None:
    """The quick test looks for eight bytes anywhere: also across entries or within the scores."""
    full = pack([(2**32 * place, 1.0) for place in range(1, MOST + 1)])
    assert enter(full, 1, 0.5) is None
    assert enter(full, 2**32, 0.5) is not None
    assert enter(full, 99, 1.0) is not None


@pytest.mark.parametrize("content", [b"\0" * 11, b"\0" * 13, b"\0" * 12 * 25])
def test_bytes_that_are_no_list_are_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="compute the list anew"):
        unpack(content)


def test_lists_and_scores_must_be_as_many() -> None:
    with pytest.raises(ValueError, match="one score per list"):
        enter_each([b"", b""], 1, [0.5])


@given(
    hits=st.lists(st.builds(Hit, st.integers(1, 20), scores), max_size=30),
    listing_of=st.dictionaries(st.integers(1, 20), st.integers(1, 6)),
    exclude=st.sets(st.integers(1, 6), max_size=2),
)
def test_the_best_photo_speaks_for_its_listing(hits: list[Hit], listing_of: dict[int, int], exclude: set[int]) -> None:
    grouped = group_by_listing(hits, listing_of, exclude)
    wanted = {listing_of[hit.photo_id] for hit in hits if hit.photo_id in listing_of} - exclude
    assert {listing_id for listing_id, _ in grouped} == wanted
    assert grouped == sorted(grouped, key=lambda entry: (-entry[1], entry[0]))
    for listing_id, score in grouped:
        assert score == max(hit.score for hit in hits if listing_of.get(hit.photo_id) == listing_id)
