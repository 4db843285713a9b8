"""Encoding through the engine against a bare loop around the runtime: bulk, one by one, and 64 callers at once.

The bare loop decodes and encodes the same photos in this process, a thread per core. Every photo is new to the engine,
so that none is remembered. Rounds of each take turns. What 64 callers gain by being batched is shown by a second engine
that takes one photo at a time. Processor time per photo, callers included, says what each way costs on a machine that
others keep busy, where photos per second mostly say how busy.
"""

import argparse
import itertools
import os
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from rig.report import Report, median_ms, percentile_ms, tell
from rig.shop import SHARED, Shop

from feira.core.datasets.drawn import draw_listing
from feira.core.encoders.protocol import Encoder
from feira.core.images.decode import decode_for_encoder
from feira.engine.client import EngineClient
from feira.engine.registry import open_encoder

CALLERS = 64
BATCH = 32
DRAWN = 24
BULK = ("bare loop", "engine in bulk", "64 callers", "64 callers, unbatched")


def main() -> None:
    """Run and print."""
    asked = arguments()
    encoder = open_encoder(asked.encoder, models_dir=asked.models, threads=1)
    report = Report(
        "encoding", as_json=asked.json, encoder=encoder.encoder_id, photos=asked.photos, rounds=asked.rounds
    )
    photos = unseen_photos()
    with Shop(models_dir=asked.models) as shop:
        shop.migrate()
        batched, single = (shop.engine_alone(asked.encoder, max_batch=most) for most in (8, 1))
        found = measure(encoder, (shop, batched, single), photos, asked)
    tabulate(report, found)
    report.show()


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", default="builtin", help="as `feira model list` shows it [builtin]")
    parser.add_argument("--models", type=Path, default=SHARED / "models", help="folder of models [../shared/models]")
    parser.add_argument("--photos", type=int, default=512, help="photos per round [512]")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of everything [5]")
    parser.add_argument("--quick", action="store_true", help="only see that it works: one round of 64 photos")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    asked = parser.parse_args()
    if asked.quick:
        asked.photos, asked.rounds = 64, 1
    return asked


def unseen_photos() -> Iterator[bytes]:
    """Yield JPEG files without end, no two alike to whoever remembers them by their bytes."""
    drawn = [draw_listing(number, seed=3).photos[0] for number in range(DRAWN)]
    # What stands behind the end of a JPEG changes its digest and nothing else.
    return (drawn[number % DRAWN] + number.to_bytes(8, "little") for number in itertools.count())


def measure(
    encoder: Encoder,
    engines: tuple[Shop, EngineClient, EngineClient],
    photos: Iterator[bytes],
    asked: argparse.Namespace,
) -> dict[str, list[float]]:
    """Return photos per second, and for `… one by one` seconds per photo, of each way and round.

    Under `… cpu` stands the processor time of a photo in seconds, here and in the engine that was asked.
    """
    shop, batched, single = engines
    ways: dict[str, Callable[[list[bytes]], list[float]]] = {
        "bare loop": lambda some: bare_bulk(encoder, some),
        "engine in bulk": lambda some: engine_bulk(batched, some),
        "bare one by one": lambda some: one_by_one(lambda photo: bare(encoder, [photo]), some[: len(some) // 8]),
        "engine one by one": lambda some: one_by_one(lambda photo: batched.encode([photo]), some[: len(some) // 8]),
        "64 callers": lambda some: [callers(batched, some)],
        "64 callers, unbatched": lambda some: [callers(single, some)],
    }
    asks = {"engine in bulk": batched, "64 callers": batched, "64 callers, unbatched": single}

    def cpu_s(name: str) -> float:
        return time.process_time() + (shop.engine_cpu_s(asks[name]) if name in asks else 0.0)

    found: dict[str, list[float]] = {name: [] for name in [*ways, *(f"{way} cpu" for way in BULK)]}
    for way in ways.values():
        way(list(itertools.islice(photos, 16)))
    for number in range(asked.rounds):
        tell(f"round {number + 1} of {asked.rounds}")
        for name, way in ways.items():
            some = list(itertools.islice(photos, asked.photos))
            before = cpu_s(name)
            found[name] += way(some)
            if name in BULK:
                found[f"{name} cpu"].append((cpu_s(name) - before) / len(some))
    return found


def bare(encoder: Encoder, photos: list[bytes]) -> np.ndarray:
    """Decode and encode without any engine."""
    return encoder.encode_images([decode_for_encoder(photo, encoder.input_size) for photo in photos])


def bare_bulk(encoder: Encoder, photos: list[bytes]) -> list[float]:
    """Return photos per second of a thread per core, eight photos at a time."""
    pieces = [photos[start : start + 8] for start in range(0, len(photos), 8)]
    started = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda piece: bare(encoder, piece), pieces))
    return [len(photos) / (time.perf_counter() - started)]


def engine_bulk(client: EngineClient, photos: list[bytes]) -> list[float]:
    """Return photos per second of two jobs that send 32 at a time, as workers do."""
    pieces = [photos[start : start + BATCH] for start in range(0, len(photos), BATCH)]
    started = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda piece: client.encode(piece, bulk=True), pieces))
    return [len(photos) / (time.perf_counter() - started)]


def one_by_one(ask: Callable[[bytes], Any], photos: list[bytes]) -> list[float]:
    """Return the seconds of each photo for a lone caller."""
    seconds = []
    for photo in photos:
        started = time.perf_counter()
        ask(photo)
        seconds.append(time.perf_counter() - started)
    return seconds


def callers(client: EngineClient, photos: list[bytes]) -> float:
    """Return photos per second of 64 callers with a photo each."""
    with ThreadPoolExecutor(CALLERS) as pool:
        started = time.perf_counter()
        list(pool.map(lambda photo: client.encode([photo]), photos))
        return len(photos) / (time.perf_counter() - started)


def tabulate(report: Report, found: dict[str, list[float]]) -> None:
    """Put what was measured into tables."""
    middle = {name: statistics.median(found[name]) for name in found}
    report.table(
        "Photos per second",
        [
            {
                "way": name,
                "median": round(middle[name], 1),
                "least": round(min(found[name]), 1),
                "most": round(max(found[name]), 1),
                "cpu ms a photo": median_ms(found[f"{name} cpu"]),
            }
            for name in BULK
        ],
    )
    report.table(
        "One by one",
        [
            {"way": name, "p50 ms": median_ms(found[name]), "p90 ms": percentile_ms(found[name], 90)}
            for name in ("bare one by one", "engine one by one")
        ],
    )
    report.ratio("engine in bulk / bare loop", middle["engine in bulk"] / middle["bare loop"], goal="≥ 0.8")
    spent = middle["bare loop cpu"] / middle["engine in bulk cpu"]
    report.ratio("the same by processor time, bare / engine", spent, goal="≥ 0.8")
    alone = statistics.median(found["engine one by one"]) / statistics.median(found["bare one by one"])
    report.ratio("time of one photo, engine / bare", alone, goal="about 1")
    gain = middle["64 callers"] / middle["64 callers, unbatched"]
    report.ratio("64 callers, batched / unbatched", gain, goal="> 1")
    spared = middle["64 callers, unbatched cpu"] / middle["64 callers cpu"]
    report.ratio("the same by processor time, unbatched / batched", spared, goal="> 1")


if __name__ == "__main__":
    main()
