"""The table of ids behaves like a dictionary."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feira.core.index.id_table import IdTable

# Few ids that fall on few places, and some at the ends of the range.
ids = st.sampled_from([*range(-3, 30), 2**63 - 1, -(2**63), 10**12])
steps = st.lists(st.tuples(st.sampled_from(["put", "discard", "shrink"]), st.lists(ids, unique=True, max_size=20)))


@given(steps=steps)
@settings(deadline=None)
def test_any_history_ends_like_a_dictionary(steps: list[tuple[str, list[int]]]) -> None:
    table, truth = IdTable(), dict[int, int]()
    for number, (verb, chosen) in enumerate(steps):
        array = np.array(chosen, dtype=np.int64)
        if verb == "put":
            table.put(array, np.arange(len(array)) + number)
            truth.update(zip(chosen, range(number, number + len(chosen)), strict=True))
        elif verb == "discard":
            table.discard(array)
            truth = {photo_id: value for photo_id, value in truth.items() if photo_id not in chosen}
        else:
            table.shrink()
    asked = np.array([*range(-4, 31), 2**63 - 1, -(2**63), 10**12], dtype=np.int64)
    assert table.get(asked).tolist() == [truth.get(int(photo_id), -1) for photo_id in asked]
    assert sorted(table.ids().tolist()) == sorted(truth)
    assert len(table) == len(truth)


@pytest.mark.parametrize("step", [1, 8, 4096, 10**9])
def test_a_million_ids_take_a_fraction_of_a_dictionary(step: int) -> None:
    table, many = IdTable(), np.arange(0, 200_000 * step, step)
    table.put(many, np.arange(len(many)))
    assert (table.get(many) == np.arange(len(many))).all()
    assert table.nbytes < 40 * len(many)


def test_ids_that_come_and_go_leave_no_growing_table_behind() -> None:
    table = IdTable()
    for start in range(0, 200_000, 1000):
        some = np.arange(start, start + 1000)
        table.put(some, some)
        table.discard(some)
    assert len(table) == 0
    assert table.nbytes < 100_000
