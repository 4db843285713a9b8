"""Pages and API with two web workers: queries, requests per second, p50 and p99, and the memory of every process.

The shop runs as `feira up` runs it, on a made-up catalogue whose photos have embeddings but no bytes: pages are whole,
pictures are not asked for. The load comes from a process on the same machine, so it shares the cores with the shop:
rates are lower than what a second machine would see. `CPU` is the processor time of the web processes per request, in
milliseconds, `engine` that of the engine: the generator does not touch either. The last columns say how much of the
machine the generator took (`asking`), and how much went to everybody else who had work there (`others`).
"""

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from rig.load import Load, press
from rig.processes import machine_cpu_s
from rig.report import Report, median_ms, percentile_ms, tell
from rig.shop import SHARED, Broken, Shop

from feira.engine.registry import open_encoder

MODELS = SHARED / "models"


def main() -> None:
    """Run and print."""
    asked = arguments()
    report = Report(
        "pages",
        as_json=asked.json,
        listings=asked.listings,
        web_workers=asked.workers,
        threads_each=4,
        people=asked.people,
        seconds_each=asked.seconds,
    )
    encoder = open_encoder("descriptors", models_dir=MODELS, threads=1)
    settings: dict[str, Any] = {"web_workers": asked.workers, "web_threads": 4, "trusted_proxies": 1}
    with Shop(encoder="descriptors", models_dir=Path("none"), **settings) as shop:
        address = shop.open()
        inside = shop.inside()
        tell(f"making {asked.listings} listings")
        inside.call("rig.catalogue:grow", count=asked.listings, encoder_id=encoder.encoder_id, dim=encoder.dim)
        inside.call("rig.adding:catch_up")
        visits: dict[str, list[str]] = inside.call("rig.visits:choose")
        queries = {name: inside.call("rig.visits:count_queries", paths=paths) for name, paths in visits.items()}
        inside.close()
        idle = shop.pss_mb()
        rows = measure(shop, address, visits, queries, people=asked.people, seconds=asked.seconds)
        busy = shop.pss_mb()
    report.table("Pages", rows)
    report.table("Memory (PSS in MB, children included)", memory_rows(idle, busy))
    by_name = {row["page"]: row for row in rows}
    for page, api in (("detail", "API detail"), ("by words", "API by words")):
        report.ratio(f"CPU of “{page}” / of “{api}”", by_name[page]["CPU"] / by_name[api]["CPU"])
    report.show()


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listings", type=int, default=4_000, help="listings in the catalogue [4000]")
    parser.add_argument("--workers", type=int, default=2, help="web processes [2]")
    parser.add_argument("--people", type=int, default=8, help="requests under way at once [8]")
    parser.add_argument("--seconds", type=float, default=8.0, help="length of the load on each page [8]")
    parser.add_argument("--quick", action="store_true", help="only see that it works: 100 listings, 0.3 s each")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    asked = parser.parse_args()
    if asked.quick:
        asked.listings, asked.people, asked.seconds = 100, 2, 0.3
    return asked


def memory_rows(idle: dict[str, tuple[int, float]], busy: dict[str, tuple[int, float]]) -> list[dict[str, Any]]:
    """Return a row per process of `feira up`, and one for all of them."""
    rows: list[dict[str, Any]] = [
        {"process": name, "processes": count, "at first": round(idle[name][1]), "after the load": round(memory_mb)}
        for name, (count, memory_mb) in busy.items()
    ]
    columns = ("processes", "at first", "after the load")
    return [*rows, {"process": "together", **{column: sum(row[column] for row in rows) for column in columns}}]


def measure(
    shop: Shop,
    address: str,
    visits: dict[str, list[str]],
    queries: dict[str, list[int]],
    *,
    people: int,
    seconds: float,
) -> list[dict[str, Any]]:
    """Press on one kind of page after the other; a quarter of the time first, uncounted, to warm it."""
    rows = []
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as generator:
        for name, paths in visits.items():
            tell(f"load on: {name}")
            generator.submit(press, address, paths, people=people, seconds=seconds / 4).result()
            before, busy_before = shop.cpu_s(), machine_cpu_s()
            load: Load = generator.submit(press, address, paths, people=people, seconds=seconds).result()
            busy = machine_cpu_s() - busy_before
            used = {part: total - before[part] for part, total in shop.cpu_s().items()}
            others = max(busy - sum(used.values()) - load.cpu_s, 0.0) / load.lasted_s / (os.cpu_count() or 1)
            shop.check()
            if load.faults or not load.seconds:
                raise Broken(f"{len(load.faults)} of {len(load.seconds)} requests failed: {load.faults[:3]}")
            answered = len(load.seconds)
            rows.append(
                {
                    "page": name,
                    "queries": ", ".join(map(str, queries[name])),
                    "req/s": round(answered / load.lasted_s, 1),
                    "p50 ms": median_ms(load.seconds),
                    "p99 ms": percentile_ms(load.seconds, 99),
                    "CPU": round(1000 * used["web"] / answered, 2),
                    "engine": round(1000 * used["engine"] / answered, 2),
                    "kB": round(load.bytes_received / answered / 1000, 1),
                    "asking": f"{100 * load.cpu_s / load.lasted_s / (os.cpu_count() or 1):.0f} %",
                    "others": f"{100 * others:.0f} %",
                }
            )
    return rows


if __name__ == "__main__":
    main()
