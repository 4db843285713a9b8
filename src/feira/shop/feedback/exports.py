"""Figures as JSON, CSV or Parquet, piece by piece: the whole is never in memory."""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from importlib import import_module
from itertools import islice
from tempfile import TemporaryFile
from typing import Any

import orjson

from feira.core.errors import FeiraError
from feira.shop.feedback.statistics import ListingFigures, Period, QueryFigures

COLUMNS = (
    "query",
    "key",
    "searches",
    "without_results",
    "listing_id",
    "title",
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
_TEXTS = frozenset({"query", "key", "title"})
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
    first = True
    while some := list(islice(rows, ROWS_AT_ONCE)):
        out = io.StringIO()
        writer = csv.DictWriter(out, COLUMNS)
        if first:
            writer.writeheader()
        writer.writerows({name: _safe(value) for name, value in row.items()} for row in some)
        yield out.getvalue().encode()
        first = False
    if first:
        yield (",".join(COLUMNS) + "\r\n").encode()


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
    kinds = {
        name: pa.string() if name in _TEXTS else pa.int64() if name in _WHOLE else pa.float64() for name in COLUMNS
    }
    schema = pa.schema([pa.field(name, kind) for name, kind in kinds.items()])
    return _written(pa, pq, schema, _rows(found))


def _written(pa: Any, pq: Any, schema: Any, rows: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    with TemporaryFile() as file:
        with pq.ParquetWriter(file, schema) as writer:
            while some := list(islice(rows, ROWS_AT_ONCE)):
                writer.write_table(pa.Table.from_pylist(some, schema))
        file.seek(0)
        while chunk := file.read(_CHUNK):
            yield chunk


def _rows(found: Iterable[QueryFigures]) -> Iterator[dict[str, Any]]:
    nothing = dict.fromkeys(COLUMNS)
    for query in found:
        common = {
            "query": query.text,
            "key": query.key,
            "searches": query.searches,
            "without_results": query.without_results,
        }
        if not query.listings:
            yield {**nothing, **common}
        for each in query.listings:
            yield {**common, **_listing_body(each)}


def _listing_body(each: ListingFigures) -> dict[str, Any]:
    plain = asdict(each)
    del plain["positions"]
    return {
        **plain,
        "agreement": _rounded(each.agreement),
        "examined": _rounded(each.examined),
        "mean_position": _rounded(each.mean_position),
        "ctr": _rounded(each.ctr),
        "weighted_ctr": _rounded(each.weighted_ctr),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _safe(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
