"""Jobs over every broker: round trip and throughput against bare Celery; with --kill, what survives `kill -9`.

Bare Celery has the settings it comes with and no ledger; over the embedded broker it uses the shop's transport. Both
have a worker on the same broker at the same time and are measured in turn. A round trip lasts from submitting until the
job stands in the ledger as done, or bare Celery has run it; a burst is submitted one by one, each job in a transaction.

With --kill a shop works off jobs of 0.05 to 2 s that one process asks for in transactions, while workers, their
children, their parents, the asking process, the beat, the broker, the database, or all of them are killed and started
again, and workers are frozen until their leases are gone. Brokers and databases are servers of the benchmark's own.
It ends with exit code 1 when a job was lost, or had its effect twice.
"""

import argparse
import statistics
import sys
from pathlib import Path
from typing import Any

from rig.kill import Outcome, Terms, recoveries, under_fire
from rig.report import Report, median_ms, percentile_ms, tell
from rig.servers import NotInstalled
from rig.speed import Size, Speed, measure

BROKERS = ("embedded", "redis", "rabbitmq")
PAIRS = (("embedded", "sqlite"), ("embedded", "postgresql"), ("redis", "postgresql"), ("rabbitmq", "postgresql"))
SAID = {"ledger": "Feira", "before": "Feira before", "bare": "bare Celery"}


def main() -> None:
    """Run and print; exit 1 when a job was lost or had its effect twice."""
    asked = arguments()
    sys.exit(kill(asked) if asked.kill else speed(asked))


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--broker", choices=BROKERS, action="append", help="which; may be repeated [all]")
    parser.add_argument("--rounds", type=int, default=5, help="times that Feira and bare Celery take turns [5]")
    parser.add_argument("--alone", type=int, default=60, help="round trips in each [60]")
    parser.add_argument("--burst", type=int, default=500, help="jobs at once in each [500]")
    parser.add_argument("--idle", type=float, default=60.0, help="seconds of doing nothing [60]")
    parser.add_argument("--kill", action="store_true", help="kill the shop's parts while it works")
    parser.add_argument(
        "--database", choices=("sqlite", "postgresql"), help="only this one; may be left out with --kill [sqlite]"
    )
    parser.add_argument("--against", type=Path, help="another checkout of Feira, which takes its turns too")
    parser.add_argument("--jobs", type=int, default=1000, help="with --kill, how many [1000]")
    parser.add_argument("--workers", type=int, default=2, help="with --kill, worker processes [2]")
    parser.add_argument("--concurrency", type=int, help="jobs at once in each worker [2, with --kill 4]")
    parser.add_argument("--every", type=float, default=5.0, help="with --kill, seconds between two faults [5]")
    parser.add_argument("--seconds", type=float, default=900.0, help="with --kill, most per broker [900]")
    parser.add_argument("--seed", type=int, default=1, help="with --kill, of lengths and faults [1]")
    parser.add_argument("--quick", action="store_true", help="only see that it works: the embedded broker, few jobs")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    asked = parser.parse_args()
    asked.broker = asked.broker or list(BROKERS[:1] if asked.quick else BROKERS)
    asked.concurrency = asked.concurrency or (4 if asked.kill else 2)
    if asked.quick:
        asked.rounds, asked.alone, asked.burst, asked.idle = 1, 3, 10, 0.5
        asked.jobs, asked.every, asked.database = 20, 1.0, "sqlite"
    return asked


def speed(asked: argparse.Namespace) -> int:
    """Measure each broker; return the exit code."""
    size = Size(asked.rounds, asked.alone, asked.burst, asked.idle, asked.concurrency)
    database = asked.database or "sqlite"
    report = Report("jobs", as_json=asked.json, database=database, concurrency=size.concurrency, burst=size.burst)
    rows: list[dict[str, Any]] = []
    for broker in asked.broker:
        tell(f"jobs over {broker}")
        try:
            found = measure(broker, database, size, against=asked.against)
        except NotInstalled as missing:
            tell(str(missing))
            continue
        rows += [speed_row(broker, SAID[name], each) for name, each in found.items()]
        ours, bare = found["ledger"], found["bare"]
        report.ratio(f"{broker}: p50, Feira / bare", statistics.median(ours.alone_s) / statistics.median(bare.alone_s))
        report.ratio(f"{broker}: jobs/s, Feira / bare", statistics.median(ours.per_s) / statistics.median(bare.per_s))
        if before := found.get("before"):
            report.ratio(f"{broker}: p50, Feira / before", median_ms(ours.alone_s) / median_ms(before.alone_s))
            report.ratio(f"{broker}: processor time, Feira / before", median_ms(ours.cpu_s) / median_ms(before.cpu_s))
            faster = [now / then for now, then in zip(ours.per_s, before.per_s, strict=True)]
            report.ratio(f"{broker}: jobs/s, Feira / before", statistics.median(faster))
        if broker == "embedded":
            report.ratio("embedded: idle worker, share of a core", ours.idle_share, goal="< 0.01")
    report.table("Empty jobs", rows)
    report.show()
    return 0 if rows else 1


def speed_row(broker: str, who: str, found: Speed) -> dict[str, Any]:
    """Return what is told about one of the two over one broker."""
    return {
        "broker": broker,
        "who": who,
        "p50 ms": median_ms(found.alone_s),
        "p95 ms": percentile_ms(found.alone_s, 95),
        "jobs/s": round(statistics.median(found.per_s), 1),
        "least": round(min(found.per_s), 1),
        "most": round(max(found.per_s), 1),
        "processor ms": median_ms(found.cpu_s),
        "idle worker, % of a core": round(100 * found.idle_share, 2),
    }


def kill(asked: argparse.Namespace) -> int:
    """Let each broker work under fire; return the exit code."""
    terms = Terms(asked.jobs, asked.workers, asked.concurrency, asked.every, asked.seconds, asked.seed)
    facts = {"jobs": terms.jobs, "workers": terms.workers, "concurrency": terms.concurrency, "seed": terms.seed}
    report = Report("jobs --kill", as_json=asked.json, **facts)
    rows: list[dict[str, Any]] = []
    for broker, database in PAIRS:
        if broker not in asked.broker or asked.database not in (None, database):
            continue
        tell(f"{terms.jobs} jobs over {broker}, with {database}")
        try:
            outcome = under_fire(broker, database, terms)
        except NotInstalled as missing:
            tell(str(missing))
            continue
        rows.append(kill_row(broker, database, outcome))
        tell(", ".join(f"{name} {value}" for name, value in rows[-1].items()))
        report.table(f"Recovery in seconds: {broker}, {database}", recoveries(outcome))
        if not outcome.is_clean:
            tell(outcome.last_lines)
    report.table("Jobs under fire", rows)
    report.show()
    return 0 if rows and all(row["clean"] for row in rows) else 1


def kill_row(broker: str, database: str, outcome: Outcome) -> dict[str, Any]:
    """Return what is told about one broker."""
    return {
        "broker": broker,
        "database": database,
        "asked": outcome.asked,
        "lost": outcome.lost,
        "doubled": outcome.doubled,
        "rolled back, yet done": outcome.undone,
        "faults": len(outcome.faults),
        "begun again": outcome.begun - outcome.asked,
        "seconds": round(outcome.seconds, 1),
        "after the last fault": round(outcome.settling_s, 1),
        "clean": outcome.is_clean,
    }


if __name__ == "__main__":
    main()
