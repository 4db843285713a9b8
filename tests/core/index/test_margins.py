"""How far a query looks follows from the queries that need most, and from how sure the measurement is."""

import numpy as np
import pytest
from numpy.typing import NDArray

from feira.core.index.margins import Margins, Sought

LISTS, PHOTOS = 50, 1000


def sought(losses: NDArray[np.float64]) -> Sought:
    """Return queries whose lists lie 0.01 apart and whose neighbours' lists are so much less near than the nearest."""
    nearness = np.tile(0.9 - 0.01 * np.arange(LISTS), (len(losses), 1)).astype(np.float32)
    return Sought(nearness=nearness, found_in=(0.9 - losses).astype(np.float32))


def least(margins: Margins, depth: float) -> float:
    found = margins.least_nearness(sought(np.zeros((1, 10))).nearness, depth, photos=PHOTOS)
    assert found is not None
    return float(found[0, 0])


def test_the_kind_of_query_that_needs_most_decides() -> None:
    easy, hard = sought(np.full((400, 10), 0.01)), sought(np.full((3, 10), 0.2))
    margins = Margins.measured([easy, hard], photos=PHOTOS, target=0.9)
    assert least(margins, 10) == pytest.approx(0.7, abs=1e-6)
    alone = Margins.measured([easy], photos=PHOTOS, target=0.9)
    assert least(alone, 10) == pytest.approx(0.89, abs=1e-6)


def test_few_queries_are_less_sure_and_look_further() -> None:
    losses = np.linspace(0, 0.4, 3000)
    rng = np.random.default_rng(0)
    # All neighbours of a query lie equally far, so each query is found whole or not at all.
    few, many = (np.repeat(rng.permutation(losses)[:count, None], 10, axis=1) for count in (30, 3000))
    narrow, wide = (Margins.measured([sought(each)], photos=PHOTOS, target=0.9).widths[0] for each in (many, few))
    assert 0.36 <= narrow < wide <= 0.4


def test_deeper_ranks_begin_where_the_lists_hold_enough_photos() -> None:
    losses = np.repeat([[0.0, 0.1]], 100, axis=1) + np.zeros((5, 200))  # the second hundred in the tenth list
    margins = Margins.measured([sought(losses)], photos=PHOTOS, target=0.99)
    assert margins.depths.tolist() == [10, 20, 50, 100, 200]
    assert margins.deepest == 200
    assert least(margins, 100) == pytest.approx(0.85, abs=1e-6)  # 5 lists hold 100 photos
    assert least(margins, 101) == least(margins, 200) == pytest.approx(0.8, abs=1e-6)  # 10 lists hold 200
    assert least(margins, 3) == pytest.approx(0.9, abs=1e-6)


def test_beyond_what_was_measured_nothing_is_known() -> None:
    near = sought(np.zeros((5, 40)))
    margins = Margins.measured([near], photos=PHOTOS, target=0.9)
    assert margins.least_nearness(near.nearness, 41, photos=PHOTOS) is None
    assert Margins.unknown().least_nearness(near.nearness, 1, photos=PHOTOS) is None
    assert Margins.unknown().deepest == 0
