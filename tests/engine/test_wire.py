import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feira.core.types import Hit
from feira.engine import wire

hits = st.lists(st.builds(Hit, st.integers(-(2**63), 2**63 - 1), st.floats(-1, 1, width=32)), max_size=5)


@given(found=st.lists(hits, max_size=4))
def test_hits_survive_the_journey(found: list[list[Hit]]) -> None:
    counts, photo_ids, scores = wire.pack_hits(found)
    reply = wire.SearchReply(encoder_id="e", seq=1, counts=counts, photo_ids=photo_ids, scores=scores)
    assert wire.unpack_hits(reply) == found


def test_rows_survive_the_journey_in_three_to_five() -> None:
    rows = np.arange(15, dtype=np.float32).reshape(3, 5)
    assert np.array_equal(wire.unpack_rows(wire.pack_rows(rows), 5), rows)


def test_no_rows_survive_the_journey_with_their_length() -> None:
    assert wire.unpack_rows(wire.pack_rows(np.empty((0, 7), np.float32)), 7).shape == (0, 7)


def test_rows_that_are_cut_off_are_refused() -> None:
    with pytest.raises(ValueError, match="reshape"):
        wire.unpack_rows(bytes(4 * 7), 5)
