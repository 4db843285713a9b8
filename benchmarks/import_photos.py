"""Import of a photo folder through the real processes, against a bare loop that only decodes and encodes.

The shop runs as `feira up` runs it: web, worker (2 at once), engine and beat on SQLite and the embedded broker. The
clock runs from the first row written until every photo is embedded, in the index, and every listing has neighbours.

The bare loop is two processes that read the same files, decode them, make the three WebP renditions and embed the
decoded pixels: no database, no jobs, no HTTP, nothing written. One half of it runs before the import and one after.
"""

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from rig.bare_loop import STAGES, BareLoop
from rig.processes import machine_cpu_s
from rig.report import Report, tell
from rig.shop import SHARED, Broken, Shop

from feira.core.datasets.drawn.catalogue import draw_catalogue
from feira.shop.listings.records import PHOTO_SUFFIXES

CLOTHING = SHARED / "data" / "clothing"
MODELS = SHARED / "models"
PROCESSES = 2
PATIENCE_S = 900.0
QUICK = 24


def main() -> None:
    """Run and print."""
    asked = arguments()
    with tempfile.TemporaryDirectory(prefix="feira-bench-photos-") as folder:
        photos = photos_to_import(asked.photos, asked.count, Path(folder))
        facts = {"photos": len(photos), "encoder": asked.encoder}
        report = Report("import_photos", as_json=asked.json, **facts)
        measure(report, photos, encoder=asked.encoder, models_dir=asked.models)
    report.show()


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="folder of photos [../shared/data/clothing, else drawn ones]")
    parser.add_argument("--count", type=int, default=0, help="use this many, spread over the folder [all; 400 drawn]")
    parser.add_argument("--encoder", default="descriptors", help="`descriptors` or a folder name in --models")
    parser.add_argument("--models", type=Path, default=MODELS, help="folder of models [../shared/models]")
    parser.add_argument("--quick", action="store_true", help=f"only see that it works, with {QUICK} drawn photos")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    asked = parser.parse_args()
    if asked.quick:
        asked.photos, asked.count = Path(), QUICK
    return asked


def photos_to_import(source: Path | None, count: int, folder: Path) -> list[Path]:
    """Return the files, in a folder of their own whose sub-folders are the categories."""
    source = source or CLOTHING
    found = sorted(path for path in source.rglob("*") if path.suffix.lower() in PHOTO_SUFFIXES) if source.name else []
    if not found:
        tell(f"drawing {count or 400} photos")
        for drawn in draw_catalogue(count or 400):
            kind = folder / drawn.attributes["kind"]
            kind.mkdir(exist_ok=True)
            (kind / f"{drawn.key}.jpg").write_bytes(drawn.photos[0])
    for path in found if not 0 < count < len(found) else [found[i * len(found) // count] for i in range(count)]:
        place = folder / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
    return sorted(path for path in folder.rglob("*") if path.is_file())


def measure(report: Report, photos: list[Path], *, encoder: str, models_dir: Path) -> None:
    """Run bare loop, import and bare loop in turn."""
    with BareLoop(processes=PROCESSES, encoder=encoder, models_dir=models_dir) as bare:
        tell("bare loop, first half")
        bare.run(photos[::2])
    with Shop(encoder=encoder, models_dir=models_dir, worker_concurrency=PROCESSES) as shop:
        tell("starting the shop")
        shop.open()
        imported = import_all(shop, photos)
    with BareLoop(processes=PROCESSES, encoder=encoder, models_dir=models_dir) as again:
        tell("bare loop, second half")
        again.run(photos[1::2])
    bare.add(again)
    tabulate(report, bare, imported, count=len(photos))


def import_all(shop: Shop, photos: list[Path]) -> dict[str, Any]:
    """Import and wait for the end; return seconds, processor time by part, and what there is afterwards."""
    inside = shop.inside()
    inside.call("rig.importing:ready")
    folder = Path(shop.folder)
    before, busy_before = shop.cpu_s(), machine_cpu_s()
    tell(f"importing {len(photos)} photos")
    started = time.perf_counter()
    inside.call("rig.importing:start", source=str(common_folder(photos)))
    while True:
        state = inside.call("rig.importing:how_far")
        if state["done"]:
            break
        shop.check()
        if time.perf_counter() - started > PATIENCE_S:
            raise Broken(f"Not done after {PATIENCE_S:.0f} s: {state}")
        time.sleep(0.1)
    seconds = time.perf_counter() - started
    busy = machine_cpu_s() - busy_before
    shop.check()
    used = {part: total - before.get(part, 0.0) for part, total in shop.cpu_s().items()}
    stored = sum(path.stat().st_size for path in (folder / "blobs").rglob("*") if path.is_file())
    return {"seconds": seconds, "cpu": used, "machine_cpu_s": busy, "stored_mb": stored / 1e6, **state}


def common_folder(photos: list[Path]) -> Path:
    """Return the folder that holds them all."""
    return next(folder for folder in photos[0].parents if all(folder in photo.parents for photo in photos))


def rates(way: str, seconds: float, cpu_s: float, machine_cpu_s: float, count: int) -> dict[str, Any]:
    """Return a row of the first table."""
    others = max(machine_cpu_s - cpu_s, 0.0) / seconds / (os.cpu_count() or 1)
    return {
        "way": way,
        "seconds": round(seconds, 1),
        "photos/s": round(count / seconds, 1),
        "CPU ms/photo": round(1000 * cpu_s / count, 2),
        "machine used by others": f"{100 * others:.0f} %",
    }


def tabulate(report: Report, bare: BareLoop, imported: dict[str, Any], *, count: int) -> None:
    """Put what was measured into tables."""
    used, bare_used = sum(imported["cpu"].values()), bare.cpu_s
    report.table(
        "Rates",
        [
            rates("bare loop", bare.seconds, bare_used, bare.machine_cpu_s, count),
            rates("import", imported["seconds"], used, imported["machine_cpu_s"], count),
        ],
    )
    report.table(
        "Bare loop, per photo",
        [{"stage": stage, "ms": round(1000 * bare.stages[stage] / count, 2)} for stage in STAGES],
    )
    decode_share = bare.stages["decode"] / (bare.stages["decode"] + bare.stages["renditions"])
    parts = {"sandbox": 0.0, "engine": 0.0, "worker": 0.0} | imported["cpu"]
    shares = {
        "decode (sandbox)": parts["sandbox"] * decode_share,
        "encode: WebP renditions (sandbox)": parts["sandbox"] * (1 - decode_share),
        "encode: embedding, index, neighbour search (engine)": parts["engine"],
        "write: rows, blobs, jobs (worker)": parts["worker"],
        "supervision, reconciler (beat, web)": used - parts["sandbox"] - parts["engine"] - parts["worker"],
    }
    report.table(
        "Import: where the processor time goes",
        [
            {"part": part, "ms/photo": round(1000 * share / count, 2), "share": f"{100 * share / used:.0f} %"}
            for part, share in shares.items()
        ],
    )
    report.table(
        "Import: what there is",
        [{name: imported[name] for name in ("photos", "embeddings", "indexed", "neighbour_lists", "jobs")}
         | {"stored MB": round(imported["stored_mb"], 1)}],
    )  # fmt: skip
    report.ratio("import / bare loop, photos per second", bare.seconds / imported["seconds"], goal="≥ 0.60")
    report.ratio("bare loop / import, processor time per photo", bare_used / used)


if __name__ == "__main__":
    main()
