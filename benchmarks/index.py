"""The index against faiss, hnswlib, usearch, lancedb and chromadb at equal recall, with and without filters.

Every contender runs in a process of its own, one after the other, on the same vectors of 256 dimensions. Those that can
be tuned get more effort until they find the wanted share of the true ten nearest. A filter keeps a share of the photos
drawn by chance; `full` is the share of answers with all ten. `CPU ms` is the median processor time of a search, which
depends less than `p50` on what else the machine does. Rivals that are not installed are named and left out:
`pip install 'feira[bench]'`.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from rig.engines import CONTENDERS, Contender
from rig.report import Report, tell
from rig.vectors import DIM, vectors

SHARES = {"50": 0.5, "10": 0.1, "1": 0.01, "0.1": 0.001}
K = 10


def main() -> None:
    """Run and print."""
    asked = arguments()
    chosen = [each for each in CONTENDERS if not asked.only or any(part in each.name for part in asked.only)]
    missing = sorted({each.module for each in chosen if each.module and find_spec(each.module) is None})
    report = Report("index", as_json=asked.json, dim=DIM, k=K, wanted_recall=asked.recall, missing=", ".join(missing))
    for size in asked.size:
        with tempfile.TemporaryDirectory(prefix="feira-bench-") as name:
            folder = Path(name)
            kind = prepare(folder, size, asked.queries, asked.real)
            found = {each.name: run(each, folder, asked) for each in chosen if each.module not in missing}
        tabulate(report, f"{size:,} vectors: {kind}", found)
    report.show()


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, action="append", help="vectors; may be given again [100000]")
    parser.add_argument("--queries", type=int, default=300, help="queries, asked one by one [300]")
    parser.add_argument("--recall", type=float, default=0.95, help="recall@10 that everyone is brought to [0.95]")
    parser.add_argument("--real", type=Path, help="a .npy of real embeddings to multiply; made-up vectors without")
    parser.add_argument("--only", action="append", help="contenders whose names hold this; may be given again")
    parser.add_argument("--patience", type=float, default=900, help="seconds after which a contender is given up [900]")
    parser.add_argument("--quick", action="store_true", help="only see that it works: 3,000 vectors, 20 queries")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    asked = parser.parse_args()
    asked.size = asked.size or [100_000]
    if asked.quick:
        asked.size, asked.queries, asked.only = [3_000], 20, asked.only or ["Feira", "faiss"]
    return asked


def prepare(folder: Path, size: int, queries: int, real: Path | None) -> str:
    """Write vectors, queries, filters and the true answers into a folder; return what the vectors are."""
    tell(f"making {size:,} vectors")
    rows, asked, kind = vectors(size, queries, real=real)
    np.save(folder / "rows.npy", rows)
    np.save(folder / "queries.npy", asked)
    scores = np.empty((queries, size), dtype=np.float32)
    for start in range(0, size, 100_000):
        scores[:, start : start + 100_000] = asked @ rows[start : start + 100_000].T
    np.save(folder / "truth.npy", best(scores, np.arange(size)))
    rng = np.random.default_rng(3)
    for name, share in SHARES.items():
        among = np.sort(rng.choice(size, max(int(share * size), 1), replace=False)).astype(np.int64)
        np.save(folder / f"filter-{name}.npy", among)
        np.save(folder / f"truth-{name}.npy", best(scores[:, among], among))
    return kind


def best(scores: Any, ids: Any) -> Any:
    """Return the ids of the highest scores of each row, at most `K`."""
    k = min(K, scores.shape[1])
    return np.stack([ids[np.argpartition(-row, k - 1)[:k]] for row in scores])


def run(contender: type[Contender], folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Let a contender run in a process of its own."""
    tell(contender.name)
    command = [sys.executable, "-m", "rig.contest", contender.name, str(folder), "--recall", str(asked.recall)]
    try:
        done = subprocess.run(
            command,
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=asked.patience,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"fault": f"not done within {asked.patience:.0f} s"}
    if done.returncode != 0:
        return {"fault": (done.stderr.strip().splitlines() or ["ended without a word"])[-1][:100]}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    tell(f"  recall@10 {found['recall@10']}, p50 {found['p50 ms']} ms, filters {found['filters']}")
    return found


def tabulate(report: Report, title: str, found: dict[str, dict[str, Any]]) -> None:
    """Put what was measured into tables."""
    columns = ("build s", "build CPU s", "RAM MB", "effort", "recall@10", "p50 ms", "p99 ms", "CPU ms")
    report.table(
        title,
        [
            {"index": name, **{column: facts.get(column, "") for column in columns}, "remark": facts.get("fault", "")}
            for name, facts in found.items()
        ],
    )
    rows = []
    for name, facts in found.items():
        row: dict[str, Any] = {"index": name}
        for share in SHARES:
            under = facts.get("filters", {}).get(share, {})
            row[f"{share} %"] = (
                f"{under['recall@10']:.3f}, {under['p50 ms']} ms, full {under['full']:.2f}" if under else "–"
            )
        rows.append(row)
    report.table(f"{title}; a filter keeps so much: recall@10, p50, share of full answers", rows)
    ours, theirs = found.get("Feira inverted", {}), found.get("faiss IVF SQ8", {})
    if "p50 ms" in ours and "p50 ms" in theirs:
        report.ratio(f"{title}: Feira inverted / faiss IVF SQ8, p50", ours["p50 ms"] / theirs["p50 ms"])
        if theirs["CPU ms"]:
            report.ratio(f"{title}: the same, processor time", ours["CPU ms"] / theirs["CPU ms"])


if __name__ == "__main__":
    main()
