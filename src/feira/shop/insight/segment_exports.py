"""Segments and their members as CSV, piece by piece."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from feira.shop.feedback.exports import safe_cell
from feira.shop.insight.customer_figures import FIGURES
from feira.shop.insight.segments_shown import Member, ShownSegment

ROWS_AT_ONCE = 2_000
SEGMENT_COLUMNS = ("number", "title", "name", "size", "share", *(figure.name for figure in FIGURES))
PSEUDONYM_COLUMNS = ("pseudonym",)
MEMBER_COLUMNS = (*PSEUDONYM_COLUMNS, "account_id", "name")


def segments_csv(segments: Iterable[ShownSegment]) -> Iterator[bytes]:
    """Yield a header and a row per segment, with the mean of each figure; empty where it is not known."""
    return _lines(
        SEGMENT_COLUMNS,
        (
            [each.number, each.title, each.segment.name, each.size, round(each.share, 6)]
            + [each.segment.facts["means"].get(figure.name) for figure in FIGURES]
            for each in segments
        ),
    )


def members_csv(members: Iterable[Member], *, by_name: bool) -> Iterator[bytes]:
    """Yield a header and a row per member; accounts and names only when they may be seen."""
    if not by_name:
        return _lines(PSEUDONYM_COLUMNS, ([member.pseudonym] for member in members))
    return _lines(MEMBER_COLUMNS, ([member.pseudonym, member.account_id, member.name] for member in members))


def _lines(columns: Sequence[str], rows: Iterator[list[Any]]) -> Iterator[bytes]:
    head: list[Sequence[Any]] = [columns]
    while some := [*head, *islice(rows, ROWS_AT_ONCE)]:
        out = io.StringIO()
        csv.writer(out).writerows([safe_cell(value) for value in row] for row in some)
        yield out.getvalue().encode()
        head = []
