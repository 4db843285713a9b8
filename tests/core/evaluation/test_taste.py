"""The measure of taste: the last like is held out, the whole catalogue is ranked, and settings are chosen by it."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import pytest

from feira.core.evaluation import taste
from feira.core.evaluation.taste import (
    DAY_S,
    TRIED,
    Catalogue,
    HeldOut,
    History,
    choose_settings,
    hold_out,
    measure,
    rank,
)
from feira.core.recommend.taste_settings import TasteSettings

KINDS, PER_KIND = 6, 40


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    """Six kinds of forty things each: listing 1000 + n is of kind n % 6, and each is of a seller of its own."""
    rng = np.random.default_rng(5)
    kind = np.arange(KINDS * PER_KIND) % KINDS
    rows = rng.normal(0, 0.15, (len(kind), 24)) + np.eye(24)[kind]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    ids = np.arange(1000, 1000 + len(kind), dtype=np.int64)
    return Catalogue(ids, rows.astype(np.float16), ids.copy(), alike=0.4)


def of_kind(kind: int, number: int) -> int:
    return 1000 + kind + KINDS * number


def history(name: str, *signs: tuple[int, bool, float]) -> History:
    listing_ids, liked, days = zip(*signs, strict=True)
    return History(name, np.array(listing_ids, np.int64), np.array(liked), np.array(days, np.float64) * DAY_S)


def held(*histories: History, catalogue: Catalogue) -> list[HeldOut]:
    return hold_out(histories, catalogue)


def test_of_each_person_the_last_like_is_held_out_and_what_came_after_it_is_not_known(catalogue: Catalogue) -> None:
    target = of_kind(1, 0)
    person = history(
        "ana",
        (of_kind(0, 0), True, 1.0),
        (of_kind(0, 1), False, 2.0),
        (target, False, 4.0),
        (target, True, 5.0),
        (of_kind(3, 3), False, 6.0),
        (999_999, False, 3.0),
    )
    (one,) = held(person, catalogue=catalogue)
    assert (one.name, one.target) == ("ana", target)
    assert catalogue.listing_ids[one.places].tolist() == [of_kind(0, 0), of_kind(0, 1)]
    assert one.liked.tolist() == [True, False]
    assert (one.ages_s / DAY_S).tolist() == [4.0, 3.0]


@pytest.mark.parametrize(
    "signs",
    [
        [(1000, False, 1.0), (1001, False, 2.0)],
        [(1000, True, 1.0)],
        [(1000, True, 1.0), (1001, True, 1.0)],
        [(1000, True, 1.0), (999_999, True, 2.0)],
        [(999_999, True, 1.0), (1000, True, 2.0)],
        [(1000, True, 5.0), (1001, False, 6.0)],
    ],
    ids=["no like", "one like", "at one moment", "unknown target", "unknown signs", "nothing before"],
)
def test_people_of_whom_nothing_can_be_foretold_are_left_out(
    signs: list[tuple[int, bool, float]], catalogue: Catalogue
) -> None:
    assert held(history("ana", *signs), catalogue=catalogue) == []


def test_what_is_recommended_is_the_nearest_that_was_not_seen(catalogue: Catalogue) -> None:
    (one,) = held(
        history("ana", (of_kind(2, 0), True, 1.0), (of_kind(2, 1), True, 1.5), (of_kind(2, 2), True, 2.0)),
        catalogue=catalogue,
    )
    (ranked,) = rank([one], TasteSettings(), catalogue=catalogue)
    # Signs half a day apart count nearly the same; what is far behind may swap by that.
    middle = catalogue.rows[one.places].astype(np.float32).sum(axis=0)
    scores = catalogue.rows.astype(np.float32) @ middle
    scores[one.places] = -np.inf
    best = catalogue.listing_ids[np.argsort(-scores, kind="stable")[:10]].tolist()
    assert len(set(ranked) & set(best)) >= 9
    assert all((listing_id - 1000) % KINDS == 2 for listing_id in ranked)


def test_neither_blocks_nor_batches_change_the_ranking(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    people = held(
        *(
            history(
                f"person {n}",
                *((of_kind((n + step) % KINDS, n), step % 2 == 0, float(step)) for step in range(4)),
                (of_kind(n % KINDS, 30), True, 9.0),
            )
            for n in range(20)
        ),
        catalogue=catalogue,
    )
    assert len(people) == 20
    whole = rank(people, TasteSettings(), catalogue=catalogue)
    monkeypatch.setattr(taste, "_ROWS_AT_ONCE", 37)
    monkeypatch.setattr(taste, "_QUERIES_AT_ONCE", 12)
    assert rank(people, TasteSettings(), catalogue=catalogue) == whole


def test_two_tastes_need_two_interests(catalogue: Catalogue) -> None:
    """Everybody likes two kinds in turn; who is made one interest of misses one of them."""
    people = held(
        *(
            history(
                f"person {n}",
                *((of_kind(n % 6, number), True, 1.0 + number) for number in range(5)),
                *((of_kind((n + 1) % 6, number), True, 1.5 + number) for number in range(5)),
                (of_kind(n % 6, 20), True, 9.0),
            )
            for n in range(24)
        ),
        catalogue=catalogue,
    )
    rank_all = partial(rank, catalogue=catalogue)
    (two,) = rank(people[:1], TasteSettings(), catalogue=catalogue)
    assert {(listing_id - 1000) % KINDS for listing_id in two} == {0, 1}
    one = measure(people, TasteSettings(most_interests=1), rank_all)
    several = measure(people, TasteSettings(), rank_all)
    assert several.mean_recall >= one.mean_recall
    assert set(several.ndcg) == {person.name for person in people}


def ranks_well_with(good: TasteSettings) -> "taste.Rank":
    """Return a ranking that finds everybody's like, the further in front the more settings are right."""

    def rank_all(people: Sequence[HeldOut], settings: TasteSettings) -> list[list[int]]:
        wrong = sum(getattr(settings, name) != getattr(good, name) for name in TRIED)
        return [[-1 - place for place in range(wrong)] + [person.target] for person in people]

    return rank_all


def test_each_setting_takes_the_value_that_does_best(catalogue: Catalogue) -> None:
    people = held(history("ana", (1000, True, 1.0), (1006, True, 2.0)), catalogue=catalogue)
    good = TasteSettings(half_life_days=90.0, most_interests=8, opened_weight=0.0)
    steps: list[tuple[int, int]] = []
    tried = choose_settings(
        people, TasteSettings(), ranks_well_with(good), progress=lambda done, total: steps.append((done, total))
    )
    assert tried[0].settings == good
    assert tried[0].mean_ndcg == 1.0
    assert steps == [(number, len(tried)) for number in range(1, len(tried) + 1)]
    assert len({each.settings for each in tried}) == len(tried) == 10


def test_without_a_gain_the_present_settings_stay(catalogue: Catalogue) -> None:
    people = held(history("ana", (1000, True, 1.0), (1006, True, 2.0)), catalogue=catalogue)
    present = TasteSettings(half_life_days=12.0)
    tried = choose_settings(people, present, lambda everybody, _settings: [[] for _person in everybody])
    assert tried[0].settings == present
    assert len(tried) == 11


def test_nobody_is_measured_as_nothing(catalogue: Catalogue) -> None:
    measured = measure([], TasteSettings(), partial(rank, catalogue=catalogue))
    assert (measured.mean_ndcg, measured.mean_recall, measured.recall) == (0.0, 0.0, {})
