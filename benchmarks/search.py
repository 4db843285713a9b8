"""Whole search requests, by words and by photo, as the catalogue grows: p50, p99, requests per second, encoder time.

Everything runs as `feira up` runs it. Listings are made up: their words are real words, their photos have embeddings
but no bytes, in groups that look alike. What is searched with is real: words, and photos of which no two are the same,
so that each is decoded, kept and encoded. One person asks alone for p50 and p99, eight at once for req/s; `encoder` is
the time spent inside the encoder per request of the one, `web` and `engine` the processor time of those processes,
`empty` how many answers had no results (nobody offers a red blue dress).
"""

import argparse
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import quote

import httpx
from prometheus_client.parser import text_string_to_metric_families
from rig.load import press
from rig.report import Report, median_ms, percentile_ms, tell
from rig.shop import SHARED, Shop
from rig.words import WORDS

from feira.core.testing.photos import photo_bytes
from feira.engine.registry import open_encoder

FILTERS = {
    "": "",
    "a colour": "&attr_colour=red",
    "a price": "&max_price=100",
    "colour and price": "&attr_colour=red&max_price=100",
}
PEOPLE = 8
INDEX_PATIENCE_S = 900.0

Request = Callable[[], httpx.Response]


def main() -> None:
    """Run and print."""
    asked = arguments()
    encoder = open_encoder(asked.encoder, models_dir=SHARED / "models", threads=1)
    vectors = {"encoder_id": encoder.encoder_id, "dim": encoder.dim}
    report = Report("search", as_json=asked.json, **vectors, requests=asked.requests, people=PEOPLE)
    rows: list[dict[str, Any]] = []
    settings: dict[str, Any] = {"web_workers": 2, "web_threads": 4, "trusted_proxies": 1}
    with Shop(encoder=asked.encoder, models_dir=SHARED / "models", **settings) as shop:
        shop.migrate()
        have = 0
        for size in asked.sizes:
            tell(f"making {size:,} listings")
            inside = shop.inside()
            if have < min(size, asked.base):
                have = inside.call("rig.catalogue:grow", count=min(size, asked.base), **vectors)
            if size > have:
                have = inside.call("rig.multiply:multiply", times=size // have, **vectors)
            inside.close()
            began = time.monotonic()
            address = shop.open()
            inside = shop.inside()
            inside.call("rig.adding:catch_up", patience_s=INDEX_PATIENCE_S)
            inside.close()
            tell(f"{have:,} photos were in the index {time.monotonic() - began:.0f} s after the start")
            rows += [{"listings": f"{have:,}"} | row for row in measure(shop, address, asked.requests, asked.seconds)]
            shop.stop()
    report.table("Search", rows)
    report.show()


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[4_000, 100_000, 1_000_000], help="ascending")
    parser.add_argument("--base", type=int, default=100_000, help="larger catalogues are copies of this one [100000]")
    parser.add_argument("--encoder", default="builtin", help="as `feira model list` names it [builtin]")
    parser.add_argument("--requests", type=int, default=100, help="of one person, for each kind of search [100]")
    parser.add_argument("--seconds", type=float, default=6.0, help="of eight people, for each search by words [6]")
    parser.add_argument("--quick", action="store_true", help="only see that it works: 100 and 200 listings")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    asked = parser.parse_args()
    if asked.quick:
        asked.sizes, asked.base, asked.requests, asked.seconds = [100, 200], 100, 4, 0.3
    return asked


def measure(shop: Shop, address: str, requests: int, seconds: float) -> Iterator[dict[str, Any]]:
    """Yield a row for each kind of search."""
    photos = query_photos()
    with httpx.Client(base_url=address, timeout=60.0) as client:
        kinds = {"words": "/api/v1/search/?q={}", "words, as a page with facets": "/search/?q={}"}
        for kind, path in kinds.items():
            for filtered, rest in FILTERS.items() if path.startswith("/api") else [("", "")]:
                paths = [path.format(quote(words)) + rest for words in WORDS]
                turns = itertools.islice(itertools.cycle(paths), requests)
                alone = one_by_one(shop, [getter(client, each) for each in turns])
                load = press(address, paths, people=PEOPLE, seconds=seconds)
                assert not load.faults, load.faults[:3]
                yield {
                    "search": f"{kind}, {filtered}".strip(", "),
                    **alone,
                    "req/s": round(len(load.seconds) / load.lasted_s),
                }
        for filtered, rest in FILTERS.items():
            alone = one_by_one(
                shop, [sender(client, next(photos), rest.removeprefix("&")) for _turn in range(requests)]
            )
            # Photos come from one person at a time: their rate is one over their time.
            yield {"search": f"photo, {filtered}".strip(", "), **alone, "req/s": round(1000 / alone["mean ms"])}


def one_by_one(shop: Shop, asked: Sequence[Request]) -> dict[str, Any]:
    """Return the times of requests that one person makes, the first of them left out, and what they cost."""
    asked[0]().raise_for_status()
    before, encoding = shop.cpu_s(), encoder_seconds(shop)
    seconds, empty = [], 0
    for request in asked[1:]:
        began = time.perf_counter()
        answer = request()
        seconds.append(time.perf_counter() - began)
        answer.raise_for_status()
        empty += b'"results":[]' in answer.content
    count = len(asked) - 1
    used = {part: 1000 * (total - before[part]) / count for part, total in shop.cpu_s().items() if part in before}
    shop.check()
    return {
        "p50 ms": median_ms(seconds),
        "p99 ms": percentile_ms(seconds, 99),
        "mean ms": round(1000 * sum(seconds) / count, 1),
        "encoder ms": round(1000 * (encoder_seconds(shop) - encoding) / count, 1),
        "empty": empty,
        "web ms": round(used["web"], 1),
        "engine ms": round(used["engine"], 1),
    }


def encoder_seconds(shop: Shop) -> float:
    """Return the time that the engine has spent in its encoders so far, for photos and words."""
    page = httpx.get(f"{shop.running().processes['engine'].url}/metrics", trust_env=False).text
    samples = (sample for family in text_string_to_metric_families(page) for sample in family.samples)
    return sum(sample.value for sample in samples if sample.name == "feira_engine_encode_seconds_sum")


def getter(client: httpx.Client, path: str) -> Request:
    """Return a search by words, which seems to come from a visitor of its own: limits are not what is measured."""
    visitor = f"10.1.{abs(hash(path)) % 200}.{next(_visitors) % 250}"
    return lambda: client.get(path, headers={"X-Forwarded-For": visitor})


def sender(client: httpx.Client, photo: bytes, rest: str) -> Request:
    """Return a search by a photo that is sent along."""
    fields = dict(pair.split("=") for pair in rest.split("&") if pair)
    visitor = f"10.2.{next(_visitors) // 250 % 250}.{next(_visitors) % 250}"
    return lambda: client.post(
        "/api/v1/search/photo/", files={"photo": photo}, data=fields, headers={"X-Forwarded-For": visitor}
    )


def query_photos() -> Iterator[bytes]:
    """Yield photos to search with, no two the same: real ones when they lie beside the clone, then drawn ones."""
    yield from (path.read_bytes() for path in sorted((SHARED / "data" / "clothing" / "test").glob("*/*.jpg")))
    for number in itertools.count():
        yield photo_bytes(colour=(number % 250, number // 250 % 250, 90), size=(400, 533))


_visitors = itertools.count()

if __name__ == "__main__":
    main()
