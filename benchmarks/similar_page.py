"""The listing page with "You may also like" at 4,000 and at 100,000 listings: queries and time do not grow.

Both catalogues are made up, and both are asked in turn, in batches, by Django's test client in a process each: what is
timed is the view with its queries and its template, without network. `section` is what "You may also like" reads.
"""

import argparse
import statistics
from typing import Any

from rig.report import Report, median_ms, percentile_ms, tell
from rig.shop import Inside, Shop

ENCODER_ID, DIM = "made-up", 8
BATCH = 25


def main() -> None:
    """Run and print."""
    asked = arguments()
    report = Report("similar_page", as_json=asked.json, pages_each=asked.pages)
    with Shop() as small, Shop() as large:
        small.migrate()
        large.begin_like(small)
        insides = {count: catalogue(shop, count) for shop, count in ((small, asked.small), (large, asked.large))}
        found = measure(insides, pages=asked.pages)
    tabulate(report, found)
    report.show()


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", type=int, default=4_000, help="listings in the small catalogue [4000]")
    parser.add_argument("--large", type=int, default=100_000, help="listings in the large catalogue [100000]")
    parser.add_argument("--pages", type=int, default=500, help="pages asked for in each [500]")
    parser.add_argument("--quick", action="store_true", help="only see that it works: 100 and 400 listings")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    asked = parser.parse_args()
    if asked.quick:
        asked.small, asked.large, asked.pages = 100, 400, 25
    return asked


def catalogue(shop: Shop, count: int) -> Inside:
    """Fill a shop."""
    tell(f"making {count} listings")
    inside = shop.inside()
    inside.call("rig.catalogue:grow", count=count, encoder_id=ENCODER_ID, dim=DIM)
    return inside


def measure(insides: dict[int, Inside], *, pages: int) -> dict[int, dict[str, Any]]:
    """Ask both catalogues in turn; the first batch of each warms caches and does not count."""
    found: dict[int, dict[str, Any]] = {}
    for inside in insides.values():
        inside.call("rig.similar:ask", count=BATCH, seed=0)
    tell(f"asking for {pages} pages of each")
    for batch in range(1, pages // BATCH + 1):
        for count, inside in insides.items():
            answer = inside.call("rig.similar:ask", count=BATCH, seed=batch)
            known = found.setdefault(count, {name: [] for name in answer})
            for name, values in answer.items():
                known[name] += values
    return found


def tabulate(report: Report, found: dict[int, dict[str, Any]]) -> None:
    """Put what was measured into tables."""
    for title, times, queries in (
        ("Listing page", "pages", "page_queries"),
        ("“You may also like” alone", "sections", "section_queries"),
    ):
        report.table(
            title,
            [
                {
                    "listings": count,
                    "queries": ", ".join(map(str, sorted(set(facts[queries])))),
                    "median ms": median_ms(facts[times]),
                    "p90 ms": percentile_ms(facts[times], 90),
                }
                for count, facts in found.items()
            ],
        )
    small, large = found.values()
    plans = sorted(set(small["plans"] + large["plans"]))
    report.table("How SQLite finds the rows of the section", [{"plan": plan} for plan in plans])
    for what, name in (("page", "pages"), ("section", "sections")):
        ratio = statistics.median(large[name]) / statistics.median(small[name])
        report.ratio(f"time of the {what}, large / small catalogue", ratio, goal="about 1")
    same = set(small["page_queries"]) == set(large["page_queries"]) and len(set(small["page_queries"])) == 1
    assert same, f"The number of queries changes: {set(small['page_queries'])} and {set(large['page_queries'])}"


if __name__ == "__main__":
    main()
