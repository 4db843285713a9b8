"""Exports: 50,000 listings as JSON Lines and 5,000 photos as an archive, against plain loops; memory up to 100,000.

The shop is one web process and one worker; the benchmark does what the beat does. Both are asked over HTTP, by somebody
of the ML team. Beside them, in turn, a loop over the ORM's objects writes the same records by `json.dumps`, and
`shutil.copy` copies the files of the same data set. Label Studio's 210 records/s is what its issue 5873 reports:
50,000 text records of about 30 MB in nearly 4 minutes, in the community edition; it was not measured here.

Memory is that of a process and its children, shared pages counted once, the most that was seen twice a second. Photos
are made up; those of the memory test are tiny, so that the number counts and not their size.
"""

import argparse
import statistics
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from rig.fetching import Fetched, fetch, first_byte, size_of
from rig.peak import Peak
from rig.processes import cpu_s, family_of
from rig.report import Report, tell
from rig.running import running
from rig.shop import Broken, Inside, Shop

from feira.cli.supervisor import answers
from feira.cli.up import FEIRA, free_ports

LABEL_STUDIO_PER_S = 210
TERMS: dict[str, Any] = {"encoder": "descriptors", "web_workers": 1, "trusted_proxies": 1}
PARTS = ("archive", "first-byte", "records", "memory")
LOOK_S = 5.0
START_S = 90.0
TINY, USUAL = (48, 64), (400, 533)


@dataclass(frozen=True)
class Open:
    """A shop that answers: its address, a token of the ML team, and the numbers of its processes."""

    inside: Inside
    address: str
    token: str
    web: int
    worker: int


def main() -> None:
    """Run and print."""
    asked = arguments()
    facts = {"listings": asked.listings, "photos": asked.photos, "rounds": asked.rounds}
    report = Report("export", as_json=asked.json, **facts)
    with Shop(**TERMS) as empty:
        empty.migrate()
        for parts, measure in (
            (("archive",), measure_archive),
            (("first-byte",), measure_first_byte),
            (("records", "memory"), measure_many),
        ):
            if set(parts) & set(asked.only):
                with ExitStack() as stack:
                    measure(report, open_shop(stack, empty), asked)
    report.show()


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listings", type=int, default=50_000, help="records as JSON Lines [50000]")
    parser.add_argument("--photos", type=int, default=5_000, help="photos as an archive [5000]")
    parser.add_argument("--sizes", type=int, nargs=2, default=[10_000, 100_000], help="of memory [10000 100000]")
    parser.add_argument("--files", type=int, nargs=2, default=[5_000, 100_000], help="of archives begun [5000 100000]")
    parser.add_argument("--rounds", type=int, default=3, help="times that each takes its turn [3]")
    parser.add_argument("--only", choices=PARTS, action="append", help="which part; may be repeated [all]")
    parser.add_argument("--quick", action="store_true", help="only see that it works: some dozens of each")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    asked = parser.parse_args()
    asked.only = asked.only or list(PARTS)
    if asked.quick:
        asked.listings, asked.photos, asked.sizes, asked.rounds = 60, 20, [20, 40], 1
        asked.files = [50, 100]
    return asked


def open_shop(stack: ExitStack, empty: Shop) -> Open:
    """Start a shop that holds what the empty one holds: one web process and one worker."""
    shop = stack.enter_context(Shop(**TERMS))
    shop.begin_like(empty)
    # What is ended leaves temporary files behind; these go with the folder.
    shop.environment["TMPDIR"] = str(shop.folder)
    (port,) = free_ports(1)
    address = f"http://127.0.0.1:{port}"
    web = stack.enter_context(running([*FEIRA, "web", "--port", str(port)], shop))
    worker = stack.enter_context(running([*FEIRA, "worker", "--concurrency", "1"], shop))
    inside = shop.inside()
    token = inside.call("rig.exporting:member")
    deadline = time.monotonic() + START_S
    while not answers(f"{address}/healthz"):
        if time.monotonic() > deadline:
            raise Broken("The web process does not answer.")
        time.sleep(0.1)
    return Open(inside, address, token, web, worker)


def measure_many(report: Report, shop: Open, asked: argparse.Namespace) -> None:
    """Let a catalogue grow; fetch its records at one size, and export its photos at two others."""
    memory: list[dict[str, Any]] = []
    records = {asked.listings} if "records" in asked.only else set()
    exports = set(asked.sizes) if "memory" in asked.only else set()
    for size in sorted(records | exports):
        tell(f"making {size} listings with tiny photos")
        shop.inside.call("rig.exporting:fill", count=size, width=TINY[0], height=TINY[1])
        if size in records:
            measure_lines(report, shop, asked)
        if size in exports:
            memory.append(export(shop, size)[0])
    if not memory:
        return
    report.table("Memory of an export", memory)
    few, many = memory[0], memory[-1]
    for part in ("worker", "web"):
        what = f"most memory of the {part}, {many['photos']} / {few['photos']} photos"
        report.ratio(what, many[f"{part}, most MB"] / max(few[f"{part}, most MB"], 1))


def measure_lines(report: Report, shop: Open, asked: argparse.Namespace) -> None:
    """Fetch all records over HTTP and write them by a plain loop, in turn."""
    address, found, plain = f"{shop.address}/api/v1/datasets/listings.jsonl", [], []
    with Peak(shop.web) as peak, tempfile.TemporaryDirectory() as folder:
        for number in range(asked.rounds):
            tell(f"records, round {number + 1} of {asked.rounds}")
            found.append(fetch(address, token=shop.token))
            plain.append(shop.inside.call("rig.exporting:plain_lines", path=f"{folder}/plain.jsonl")["seconds"])
            tell(f"API {found[-1].seconds:.1f} s, plain loop {plain[-1]:.1f} s")
    counts = {each.lines for each in found}
    if counts != {asked.listings}:
        raise Broken(f"{asked.listings} records were to come, {counts} came.")
    per_s = asked.listings / statistics.median(each.seconds for each in found)
    plain_per_s = asked.listings / statistics.median(plain)
    report.table(
        "Records as JSON Lines",
        [
            {
                "way": "over the API",
                "records/s": round(per_s),
                "first byte ms": first_ms(found),
                "MB": round(found[0].bytes / 1e6, 1),
                "web before, MB": round(peak.before_mb),
                "web, most MB": round(peak.most_mb),
            },
            {"way": "plain loop", "records/s": round(plain_per_s)},
        ],
    )
    report.ratio("records/s, API / plain loop", per_s / plain_per_s)
    report.ratio("records/s, API / 210 of Label Studio", per_s / LABEL_STUDIO_PER_S)


def measure_archive(report: Report, shop: Open, asked: argparse.Namespace) -> None:
    """Make a data set, then fetch it as an archive and copy its files, in turn."""
    tell(f"making {asked.photos} listings with photos of {USUAL[0]} × {USUAL[1]} pixels")
    shop.inside.call("rig.exporting:fill", count=asked.photos, width=USUAL[0], height=USUAL[1])
    built, dataset_id = export(shop, asked.photos)
    found, plain = [], []
    with Peak(shop.web) as peak:
        for number in range(asked.rounds):
            tell(f"archive, round {number + 1} of {asked.rounds}")
            found.append(fetch(shop.address + shop.inside.call("rig.exporting:link", dataset_id=dataset_id)))
            with tempfile.TemporaryDirectory() as folder:
                copied = shop.inside.call("rig.exporting:plain_copy", dataset_id=dataset_id, folder=folder)
                plain.append(copied["seconds"])
            tell(f"zip {found[-1].seconds:.1f} s, copy {plain[-1]:.1f} s")
    per_s = asked.photos / statistics.median(each.seconds for each in found)
    plain_per_s = asked.photos / statistics.median(plain)
    report.table(
        "Photos with metadata",
        [
            {
                "way": "made by jobs: decoded, encoded, hashed",
                "images/s": built["photos/s"],
                "worker, processor ms": built["worker, processor ms/photo"],
            },
            {
                "way": "fetched as a zip",
                "images/s": round(per_s),
                "first byte ms": first_ms(found),
                "MB": round(found[0].bytes / 1e6, 1),
                "web before, MB": round(peak.before_mb),
                "web, most MB": round(peak.most_mb),
            },
            {"way": "shutil.copy and json.dumps", "images/s": round(plain_per_s)},
        ],
    )
    report.ratio("images/s, zip / shutil.copy", per_s / plain_per_s)


def measure_first_byte(report: Report, shop: Open, asked: argparse.Namespace) -> None:
    """Begin archives of few and of many files, at their first byte and shortly before their end."""
    rows = []
    for count in asked.files:
        tell(f"writing {count} files of a data set down")
        dataset_id = shop.inside.call("rig.exporting:many_files", count=count)
        for archive in ("zip", "tar"):
            address = shop.address + shop.inside.call("rig.exporting:link", dataset_id=dataset_id, archive=archive)
            end = size_of(address) - 1_000
            found = [(first_byte(address), first_byte(address, start=end)) for _ in range(asked.rounds)]
            begun, gone_on = (round(1000 * statistics.median(each)) for each in zip(*found, strict=True))
            rows.append(
                {"files": count, "archive": archive, "first byte ms": begun, "first byte of the end ms": gone_on}
            )
            tell(str(rows[-1]))
    report.table("Archives begun and gone on with", rows)
    for few, many in zip(rows[:2], rows[2:], strict=True):
        for what in ("first byte", "first byte of the end"):
            ratio = many[f"{what} ms"] / max(few[f"{what} ms"], 1)
            report.ratio(f"{what} of a {many['archive']}, {many['files']} / {few['files']} files", ratio)


def export(shop: Open, photos: int) -> tuple[dict[str, Any], int]:
    """Make a data set of everything and fetch it; return what it took, and its number."""
    tell(f"exporting {photos} photos")
    dataset_id = shop.inside.call("rig.exporting:ask", formats=["folder"])
    began, state, spent_s = time.perf_counter(), "", family_cpu_s(shop.worker)
    with Peak(shop.worker) as worker:
        while not state:
            state = shop.inside.call("rig.exporting:follow", dataset_id=dataset_id, seconds=LOOK_S)
    seconds = time.perf_counter() - began
    spent_s = family_cpu_s(shop.worker) - spent_s
    if state != "ready":
        raise Broken(f"The data set was not made. {state}")
    with Peak(shop.web) as web:
        fetched = fetch(shop.address + shop.inside.call("rig.exporting:link", dataset_id=dataset_id))
    row = {
        "photos": photos,
        "photos/s": round(photos / seconds, 1),
        "worker, processor ms/photo": round(1000 * spent_s / photos, 2),
        "worker before, MB": round(worker.before_mb),
        "worker, most MB": round(worker.most_mb),
        "first byte ms": round(1000 * fetched.first_byte_s),
        "archive MB": round(fetched.bytes / 1e6, 1),
        "web before, MB": round(web.before_mb),
        "web, most MB": round(web.most_mb),
    }
    tell(", ".join(f"{name} {value}" for name, value in row.items()))
    return row, dataset_id


def family_cpu_s(pid: int) -> float:
    """Return the processor time that a process has used so far, and all that it started, in seconds."""
    return sum(map(cpu_s, family_of(pid)))


def first_ms(found: list[Fetched]) -> int:
    """Return the median time to the first byte in milliseconds."""
    return round(1000 * statistics.median(each.first_byte_s for each in found))


if __name__ == "__main__":
    main()
