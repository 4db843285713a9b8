"""From starting an engine to its first answer, with 1,000,000 photos in its snapshot, against an empty shop.

Vectors are made up; the shop's log has an entry for each photo, and the engine opens the snapshot, checks its
checksums, compares its end with the log and loads its encoder. Starts with and without photos take turns.
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from rig.report import Report, median_ms, tell
from rig.shop import Broken, Shop

from feira.cli.up import free_ports
from feira.core.encoders.protocol import Encoder
from feira.core.errors import EngineUnavailable
from feira.core.index.scalar import ScalarIndex
from feira.core.index.snapshot import write_snapshot
from feira.core.types import Matrix
from feira.engine.client import EngineClient
from feira.engine.registry import open_encoder

AT_ONCE = 50_000
PATIENCE_S = 600.0


def main() -> None:
    """Run and print."""
    asked = arguments()
    encoder = open_encoder(asked.encoder, models_dir=Path(), threads=1)
    report = Report("start_up", as_json=asked.json, encoder=encoder.encoder_id, dim=encoder.dim, photos=asked.photos)
    with Shop(encoder=asked.encoder) as full, Shop(encoder=asked.encoder) as empty:
        empty.migrate()
        full.begin_like(empty)
        tell(f"making {asked.photos} vectors and their snapshot")
        probe = fill(full, encoder, asked.photos)
        found = measure({"empty": empty, "full": full}, probe, asked)
    report.table(
        "From the start of the process to the first answer",
        [
            {
                "shop": name,
                "median ms": median_ms(times),
                "least ms": round(1000 * min(times)),
                "most ms": round(1000 * max(times)),
            }
            for name, times in found.items()
        ],
    )
    middle = {name: statistics.median(times) for name, times in found.items()}
    report.ratio(f"start-up with {asked.photos} photos / empty", middle["full"] / middle["empty"])
    report.show()


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", default="builtin", help="a built-in one [builtin]")
    parser.add_argument("--photos", type=int, default=1_000_000, help="photos in the snapshot [1000000]")
    parser.add_argument("--rounds", type=int, default=5, help="starts of each [5]")
    parser.add_argument("--quick", action="store_true", help="only see that it works: 2,000 photos, one start of each")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    asked = parser.parse_args()
    if asked.quick:
        asked.photos, asked.rounds = 2_000, 1
    return asked


def fill(shop: Shop, encoder: Encoder, count: int) -> Matrix:
    """Write log and snapshot; return the vector of the last photo, which every engine must find."""
    chance = np.random.default_rng(11)
    index, last = ScalarIndex(encoder.dim), np.empty((0, encoder.dim), dtype=np.float32)
    for start in range(0, count, AT_ONCE):
        ids = range(start + 1, min(start + AT_ONCE, count) + 1)
        rows = chance.standard_normal((len(ids), encoder.dim), dtype=np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        # As the shop keeps them, so that the snapshot's end is what the log says.
        rows = rows.astype(np.float16).astype(np.float32)
        index.add(ids, rows)
        last = rows[-1:]
    root = shop.settings().snapshots_dir() / encoder.encoder_id
    write_snapshot(root, index, encoder_id=encoder.encoder_id, seq=count)
    inside = shop.inside()
    inside.call(
        "rig.catalogue:log_alone",
        count=count,
        encoder_id=encoder.encoder_id,
        last=last.astype(np.float16).tobytes().hex(),
    )
    inside.close()
    return last


def measure(shops: dict[str, Shop], probe: Matrix, asked: argparse.Namespace) -> dict[str, list[float]]:
    """Return the seconds of every start."""
    found: dict[str, list[float]] = {name: [] for name in shops}
    for number in range(asked.rounds):
        tell(f"start {number + 1} of {asked.rounds}")
        for name, shop in shops.items():
            found[name].append(start_up(shop, probe, expect=asked.photos if name == "full" else 0))
    return found


def start_up(shop: Shop, probe: Matrix, *, expect: int) -> float:
    """Start an engine, ask until it answers, end it; return the seconds from start to answer."""
    (port,) = free_ports(1)
    client = EngineClient(f"http://127.0.0.1:{port}", timeout_s=30.0)
    started = time.perf_counter()
    command = [sys.executable, "-m", "feira.cli.main", "engine", "--port", str(port)]
    with subprocess.Popen(command, env=shop.environment, stdin=subprocess.DEVNULL) as engine:
        try:
            while True:
                try:
                    (hits,) = client.search(probe, 1)
                    break
                except EngineUnavailable:
                    if engine.poll() is not None or time.perf_counter() - started > PATIENCE_S:
                        raise Broken("The engine did not answer.") from None
                    time.sleep(0.01)
            took_s = time.perf_counter() - started
            if [hit.photo_id for hit in hits] != ([expect] if expect else []):
                raise Broken(f"The engine found {hits}, not photo {expect}.")
            return took_s
        finally:
            client.close()
            engine.terminate()


if __name__ == "__main__":
    main()
