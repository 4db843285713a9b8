"""One scale for how much listings look like what is asked for."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from feira.shop.search.similarity import SAMPLE, Background, Similarity

cosines = st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=20)


def similar(values: list[float], *, mean: float = 0.1, spread: float = 0.1) -> Similarity:
    column = np.array(values, np.float32)[:, None]
    return Similarity(column, np.array([mean], np.float32), np.array([spread], np.float32))


@given(cosines)
def test_what_is_nearer_is_more_alike_and_all_lies_between_nothing_and_everything(values: list[float]) -> None:
    likeness = similar(values).likeness((1.0,))
    assert ((likeness > 0) & (likeness < 1)).all()
    order = np.argsort(values, kind="stable")
    assert (np.diff(likeness[order]) >= 0).all()


def test_near_copies_are_told_apart() -> None:
    likeness = similar([0.991, 0.992, 1.0]).likeness((1.0,))
    assert likeness[1] - likeness[0] > 2**-18
    assert likeness[2] - likeness[1] > 2**-18


def test_the_scale_does_not_depend_on_what_cosines_an_encoder_likes() -> None:
    narrow = similar([0.40, 0.45], mean=0.35, spread=0.05).likeness((1.0,))
    wide = similar([0.2, 0.4], mean=0.0, spread=0.2).likeness((1.0,))
    assert np.allclose(narrow, wide, atol=1e-5)


def test_rows_count_by_their_shares_and_what_has_no_photo_is_like_nothing() -> None:
    both = Similarity(
        np.array([[0.9, 0.1], [np.nan, np.nan]], np.float32), np.zeros(2, np.float32), np.full(2, 0.1, np.float32)
    )
    first, last = (both.likeness(shares) for shares in ((1.0, 0.0), (0.0, 1.0)))
    assert np.allclose(both.likeness((0.25, 0.75)), 0.25 * first + 0.75 * last, atol=1e-6)
    assert both.likeness((0.5, 0.5))[1] == 0


def test_a_sample_is_drawn_anew_after_a_while_and_sooner_in_a_small_shop() -> None:
    now, drawn = [0.0], [frozenset({1}), frozenset(range(SAMPLE)), frozenset({2})]
    background = Background(lambda: drawn.pop(0), clock=lambda: now[0])
    assert background.get() == {1}
    now[0] = 11.0
    assert len(background.get()) == SAMPLE
    now[0] = 300.0
    assert len(background.get()) == SAMPLE
    now[0] = 320.0
    assert background.get() == {2}
