"""One contender in a process of its own: built, brought to a recall, timed, and asked under filters.

Reads vectors from a folder and prints one JSON document; memory is what the process grew by.
"""

import argparse
import importlib
import json
import os
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

from rig.engines import Contender, Found, by_name, forget, scratch

K = 10


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--recall", type=float, required=True)
    asked = parser.parse_args()
    work = scratch()
    try:
        print(json.dumps(measured(by_name(asked.name)(work), asked.folder, recall=asked.recall)), flush=True)
    finally:
        forget(work)


def measured(contender: Contender, folder: Path, *, recall: float) -> dict[str, Any]:
    """Return everything that was measured."""
    rows, queries = np.load(folder / "rows.npy", mmap_mode="r"), np.load(folder / "queries.npy")
    np.asarray(rows[:1000]).sum()
    if contender.module:
        importlib.import_module(contender.module)  # programs are not the index
    before, started, cpu = resident(), time.perf_counter(), time.process_time()
    contender.build(np.asarray(rows))
    build_s, build_cpu_s = time.perf_counter() - started, time.process_time() - cpu
    truth = np.load(folder / "truth.npy")
    found, times, cpu_times = answers(contender, queries)
    for effort in contender.efforts:
        contender.effort = effort
        found, times, cpu_times = answers(contender, queries)
        if mean_recall(found, truth) >= recall:
            break
    report: dict[str, Any] = {
        "build s": round(build_s, 1),
        "build CPU s": round(build_cpu_s, 1),
        # Pages of the file with the vectors are shared memory and do not count.
        "RAM MB": round((resident() - before) / 1e6),
        "effort": contender.effort,
        "recall@10": round(mean_recall(found, truth), 3),
        "p50 ms": median(times),
        "CPU ms": median(cpu_times),
        "p99 ms": round(1000 * float(np.quantile(times, 0.99)), 2),
        "filters": {},
    }
    for path in sorted(folder.glob("filter-*.npy"), reverse=True):
        among, share = np.load(path), path.stem.removeprefix("filter-")
        report["filters"][share] = filtered(contender, queries, among, np.load(folder / f"truth-{share}.npy"))
    return report


def filtered(contender: Contender, queries: Any, among: Found, truth: Any) -> dict[str, Any]:
    """Return recall, time and share of full answers under one filter."""
    prepared = contender.prepare(among)
    if prepared is None:
        return {}
    found, times, cpu_times = [], [], []
    for query in queries[:100]:
        started, cpu = time.perf_counter(), time.process_time()
        found.append(contender.search_among(query, K, prepared))
        cpu_times.append(time.process_time() - cpu)
        times.append(time.perf_counter() - started)
        if sum(times) > 30:  # whoever is that slow has shown it
            break
    full = sum(len(each) == truth.shape[1] for each in found) / len(found)  # all ten, or all that pass
    measured = {"recall@10": round(mean_recall(found, truth), 3), "p50 ms": median(times), "CPU ms": median(cpu_times)}
    return measured | {"full": round(full, 3)}


def answers(contender: Contender, queries: Any) -> tuple[list[Found], list[float], list[float]]:
    """Ask every query by itself; return what was found, seconds and processor seconds.

    The first few warm up and are asked again.
    """
    for query in queries[:5]:
        contender.search(query, K)
    found, times, cpu_times = [], [], []
    for query in queries:
        started, cpu = time.perf_counter(), time.process_time()
        found.append(contender.search(query, K))
        cpu_times.append(time.process_time() - cpu)
        times.append(time.perf_counter() - started)
    return found, times, cpu_times


def mean_recall(found: list[Found], truth: Any) -> float:
    """Return the mean share of the true nearest that was found."""
    pairs = zip(found, truth, strict=False)
    return float(np.mean([len(set(a.tolist()) & set(b.tolist())) / truth.shape[1] for a, b in pairs]))


def median(times: list[float]) -> float:
    """Return the median in milliseconds."""
    return round(1000 * statistics.median(times), 2)


def resident() -> int:
    """Return the anonymous memory of this process in bytes."""
    lines = Path(f"/proc/{os.getpid()}/status").read_text(encoding="ascii").splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith("RssAnon")))


if __name__ == "__main__":
    main()
