"""Figures as JSON, CSV or Parquet, piece by piece: the whole is never in memory."""

import csv
import io
from collections.abc import Iterable, Iterator
from importlib import import_module
from itertools import islice
from tempfile import TemporaryFile
from typing import Any

import orjson

from feira.core.errors import FeiraError
from feira.shop.feedback.statistics import ListingFigures, Period, QueryFigures

# The texts come first, for the sake of `safe_cell`.
COLUMNS = (
    "query",
    "key",
    "title",
    "searches",
    "without_results",
    "listing_id",
    "positive",
    "negative",
    "agreement",
    "shown",
    "clicked",
    "mean_position",
    "ctr",
    "examined",
    "weighted_ctr",
)
TEXTS = 3
_WHOLE = frozenset({"searches", "without_results", "listing_id", "positive", "negative", "shown", "clicked"})
ROWS_AT_ONCE = 2_000
_CHUNK = 64 * 1024
NOTE = (
    "weighted_ctr = clicked / examined, where examined sums 1/log2(place + 1) over the places at which a listing was "
    "shown: what stands first is looked at more."
)


class FormatUnavailable(FeiraError):
    """The format needs a package that is not installed here."""

    code = "format_unavailable"
    http_status = 406


def as_json(found: Iterable[QueryFigures], period: Period) -> Iterator[bytes]:
    """Yield one JSON object with a list of queries, a query at a time."""
    head = orjson.dumps({"since": period.since, "until": period.until, "note": NOTE})
    yield head[:-1] + b',"queries":['
    for number, query in enumerate(found):
        yield (b"," if number else b"") + orjson.dumps(query_body(query))
    yield b"]}"


def query_body(query: QueryFigures) -> dict[str, Any]:
    """Return a query's figures as the API shows them."""
    return {
        "query": query.text,
        "key": query.key,
        "searches": query.searches,
        "without_results": query.without_results,
        "positive": query.positive,
        "negative": query.negative,
        "clicked": query.clicked,
        "agreement": _rounded(query.agreement),
        "listings": [_listing_body(each) for each in query.listings],
    }


def as_csv(found: Iterable[QueryFigures]) -> Iterator[bytes]:
    """Yield a header and a row per query and listing; a query without any has one row without a listing.

    A text that a spreadsheet would take for a formula gets an apostrophe in front: titles and queries come from anyone.
    """
    rows = _rows(found)
    head: list[tuple[Any, ...]] = [COLUMNS]
    while some := [*head, *islice(rows, ROWS_AT_ONCE)]:
        out = io.StringIO()
        csv.writer(out).writerows((*map(safe_cell, row[:TEXTS]), *row[TEXTS:]) for row in some)
        yield out.getvalue().encode()
        head = []


def as_parquet(found: Iterable[QueryFigures]) -> Iterator[bytes]:
    """Yield a Parquet file with the columns of the CSV; it is gathered in a file, because its index stands at the end.

    Raises:
        FormatUnavailable: pyarrow is not installed.
    """
    try:
        pa, pq = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise FormatUnavailable(
            "Parquet needs the extra `parquet` (pyarrow) on the server. Ask for CSV or JSON, or install feira[parquet]."
        ) from error
    kinds = [pa.string()] * TEXTS + [pa.int64() if name in _WHOLE else pa.float64() for name in COLUMNS[TEXTS:]]
    schema = pa.schema([pa.field(name, kind) for name, kind in zip(COLUMNS, kinds, strict=True)])
    return _written(pa, pq, schema, _rows(found))


def _written(pa: Any, pq: Any, schema: Any, rows: Iterator[tuple[Any, ...]]) -> Iterator[bytes]:
    with TemporaryFile() as file:
        with pq.ParquetWriter(file, schema) as writer:
            while some := list(islice(rows, ROWS_AT_ONCE)):
                writer.write_table(pa.Table.from_arrays(list(map(list, zip(*some, strict=True))), schema=schema))
        file.seek(0)
        while chunk := file.read(_CHUNK):
            yield chunk


def _rows(found: Iterable[QueryFigures]) -> Iterator[tuple[Any, ...]]:
    """Yield rows in the order of `COLUMNS`."""
    for query in found:
        if not query.listings:
            nothing = (None,) * (len(COLUMNS) - 5)
            yield query.text, query.key, None, query.searches, query.without_results, *nothing
        for each in query.listings:
            figures = _listing_body(each)
            title = figures.pop("title")
            yield query.text, query.key, title, query.searches, query.without_results, *figures.values()


def _listing_body(each: ListingFigures) -> dict[str, Any]:
    """Return a listing's figures; after the title in the order of `COLUMNS`."""
    return {
        "title": each.title,
        "listing_id": each.listing_id,
        "positive": each.positive,
        "negative": each.negative,
        "agreement": _rounded(each.agreement),
        "shown": each.shown,
        "clicked": each.clicked,
        "mean_position": _rounded(each.mean_position),
        "ctr": _rounded(each.ctr),
        "examined": _rounded(each.examined),
        "weighted_ctr": _rounded(each.weighted_ctr),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def safe_cell(value: Any) -> Any:
    """Return a value for CSV; a text that a spreadsheet would take for a formula gets an apostrophe in front."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
