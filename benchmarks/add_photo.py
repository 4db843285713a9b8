"""Adding one photo to 4,000 and to 100,000 listings: about the same cost, and no matrix of similarities anywhere.

`whole` goes from the embedding of a new listing's photo being stored, over the index, to the neighbour lists of that
listing and of those that look like it, as the shop's own job does it (in the benchmark's process; the engine is a
process as always). Both shops are asked in turn. Vectors are made up, in the dimension of the encoder.

The baseline computes every similarity anew, in blocks with NumPy on all cores, and keeps the best 24 of each. Of the
large matrix only a share is computed, and its time is reckoned from that; the table says how large a share.
"""

import argparse
import statistics
from pathlib import Path
from typing import Any

from rig.report import Report, median_ms, percentile_ms, tell
from rig.shop import SHARED, Inside, Shop

from feira.engine.registry import open_encoder

MODELS = SHARED / "models"
BATCH = 10
MATRIX_BLOCKS = 8
STEPS = {
    "store": "embedding, log entry, job",
    "index": "until the index holds it",
    "search": "find what looks alike",
    "lists": "update the lists",
    "whole": "whole, by the ledger's job",
}


def main() -> None:
    """Run and print."""
    asked = arguments()
    encoder = open_encoder(asked.encoder, models_dir=asked.models, threads=1)
    report = Report(
        "add_photo", as_json=asked.json, encoder=encoder.encoder_id, dim=encoder.dim, photos_each=asked.photos
    )
    settings: dict[str, Any] = {"encoder": asked.encoder, "models_dir": asked.models}
    with Shop(**settings) as small, Shop(**settings) as large:
        small.migrate()
        large.begin_like(small)
        shops = {asked.small: small, asked.large: large}
        insides = {
            count: catalogue(shop, count, encoder_id=encoder.encoder_id, dim=encoder.dim)
            for count, shop in shops.items()
        }
        added = add_in_turn(shops, insides, photos=asked.photos)
        matrices = {}
        for count, inside in insides.items():
            tell(f"similarity matrix of {count} photos")
            blocks = 10**9 if count <= 5000 else MATRIX_BLOCKS
            matrices[count] = inside.call("rig.adding:full_matrix", count=count, dim=encoder.dim, blocks=blocks)
    tabulate(report, added, matrices)
    report.show()


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", type=int, default=4_000, help="listings in the small catalogue [4000]")
    parser.add_argument("--large", type=int, default=100_000, help="listings in the large catalogue [100000]")
    parser.add_argument("--photos", type=int, default=200, help="photos added to each [200]")
    parser.add_argument("--encoder", default="descriptors", help="`descriptors` or a folder name in --models")
    parser.add_argument("--models", type=Path, default=MODELS, help="folder of models [../shared/models]")
    parser.add_argument("--quick", action="store_true", help="only see that it works: 100 and 400 listings")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    asked = parser.parse_args()
    if asked.quick:
        asked.small, asked.large, asked.photos = 100, 400, BATCH
    return asked


def catalogue(shop: Shop, count: int, *, encoder_id: str, dim: int) -> Inside:
    """Fill a shop and start its engine."""
    tell(f"making {count} listings")
    inside = shop.inside()
    inside.call("rig.catalogue:grow", count=count, encoder_id=encoder_id, dim=dim)
    shop.start_engine()
    held = inside.call("rig.adding:catch_up")
    assert held == count, f"The index holds {held} photos of {count}."
    return inside


def add_in_turn(
    shops: dict[int, Shop], insides: dict[int, Inside], *, photos: int
) -> dict[int, dict[str, list[float]]]:
    """Add to both in turn; the first batch of each warms caches and does not count."""
    added: dict[int, dict[str, list[float]]] = {}
    tell(f"adding {photos} photos to each")
    for batch in range(photos // BATCH + 1):
        for count, inside in insides.items():
            seconds = inside.call("rig.adding:add", count=BATCH, first=10**7 + batch * BATCH, groups=count // 50)
            shops[count].check()
            known = added.setdefault(count, {name: [] for name in seconds})
            for name, values in seconds.items() if batch else ():
                known[name] += values
    return added


def tabulate(report: Report, added: dict[int, dict[str, list[float]]], matrices: dict[int, dict[str, Any]]) -> None:
    """Put what was measured into tables."""
    report.table(
        "Adding one photo, milliseconds (median; p90)",
        [
            {
                "step": what,
                **{
                    f"{count} listings": f"{median_ms(seconds[step])}; {percentile_ms(seconds[step], 90)}"
                    for count, seconds in added.items()
                },
            }
            for step, what in STEPS.items()
        ],
    )
    report.table(
        "Baseline: every similarity anew",
        [
            {
                "listings": count,
                "seconds": round(matrix["seconds"], 2),
                "computed": f"{100 * matrix['measured_share']:.0f} %",
            }
            for count, matrix in matrices.items()
        ],
    )
    whole = {count: statistics.median(seconds["whole"]) for count, seconds in added.items()}
    small, large = whole
    report.ratio(f"cost of adding to {large} / to {small} listings", whole[large] / whole[small], goal="≤ 3")
    cpu = {count: statistics.median(seconds["cpu"]) for count, seconds in added.items()}
    report.ratio("the same, processor time of the shop's process", cpu[large] / cpu[small])
    for count, matrix in matrices.items():
        report.ratio(f"full matrix / adding one photo, {count} listings", matrix["seconds"] / whole[count])


if __name__ == "__main__":
    main()
