"""Every benchmark still runs: small, with real processes, and nothing left behind."""

import ast
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
SCRIPTS = sorted(BENCHMARKS.glob("*.py"))
PATIENCE_S = 120


def run(script: Path, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "TMPDIR": str(folder)}
    return subprocess.run(
        [sys.executable, script, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def report_of(name: str, folder: Path, *options: str) -> dict[str, Any]:
    done = run(BENCHMARKS / f"{name}.py", "--quick", "--json", *options, folder=folder)
    assert done.returncode == 0, done.stderr
    assert not list(folder.iterdir()), "temporary folders are left behind"
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.fixture
def folder() -> Any:
    # Short, because processes may bind sockets below it.
    with tempfile.TemporaryDirectory(prefix="fb-") as name:
        yield Path(name)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: str(script.stem))
def test_help_says_what_a_benchmark_shows(script: Path, tmp_path: Path) -> None:
    first_line = (ast.get_docstring(ast.parse(script.read_text())) or "").partition("\n")[0]
    done = run(script, "--help", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert first_line in done.stdout
    assert {"--quick", "--json"} <= set(done.stdout.split())


def test_every_benchmark_stands_in_the_table() -> None:
    table = (BENCHMARKS / "README.md").read_text()
    assert [script.stem for script in SCRIPTS if f"feira bench {script.stem}" not in table] == []


@pytest.mark.system
def test_photos_are_imported_and_compared_with_the_bare_loop(folder: Path) -> None:
    report = report_of("import_photos", folder)
    (there,) = report["tables"]["Import: what there is"]
    assert there["photos"] == there["embeddings"] == there["indexed"] == there["neighbour_lists"] == report["photos"]
    assert report["ratios"]["import / bare loop, photos per second"] > 0


@pytest.mark.system
def test_the_listing_page_asks_as_much_of_a_large_catalogue_as_of_a_small_one(folder: Path) -> None:
    report = report_of("similar_page", folder)
    for small, large in (report["tables"]["Listing page"], report["tables"]["“You may also like” alone"]):
        assert small["queries"] == large["queries"]
    plans = [row["plan"] for row in report["tables"]["How SQLite finds the rows of the section"]]
    assert plans
    assert not [plan for plan in plans if plan.startswith("SCAN") or "state=?" in plan]


@pytest.mark.system
def test_added_photos_reach_index_and_lists(folder: Path) -> None:
    report = report_of("add_photo", folder)
    assert [row["listings"] for row in report["tables"]["Baseline: every similarity anew"]] == [100, 400]
    assert report["ratios"]["cost of adding to 400 / to 100 listings"] > 0


@pytest.mark.system
def test_pages_bear_a_load(folder: Path) -> None:
    report = report_of("pages", folder)
    assert all(row["req/s"] > 0 and row["queries"] for row in report["tables"]["Pages"])
    memory = {
        row["process"]: row["after the load"] for row in report["tables"]["Memory (PSS in MB, children included)"]
    }
    assert {"web", "engine", "worker", "beat", "together"} <= set(memory)
    assert all(memory.values())


@pytest.mark.system
def test_photos_go_through_the_engine_in_every_way(folder: Path) -> None:
    report = report_of("encoding", folder)
    assert [row["way"] for row in report["tables"]["Photos per second"]][:2] == ["bare loop", "engine in bulk"]
    assert all(row["least"] > 0 for row in report["tables"]["Photos per second"])
    assert all(ratio > 0 for ratio in report["ratios"].values())


@pytest.mark.system
def test_photos_are_augmented_by_feira_and_by_its_rivals(folder: Path) -> None:
    report = report_of("augment", folder)
    steps = report["tables"].pop("Where Feira's time goes")
    assert {"decode", "crop", "jitter", "encode"} <= {row["step"] for row in steps if row["processor ms"] > 0}
    assert set(report["tables"]) == {"As they are", "Enlarged as from a phone"}
    for table in report["tables"].values():
        assert [row["way"] for row in table][:2] == ["Feira", "plain Pillow"]
        assert all(row["1 process, images/s"] > 0 and row["2 processes, images/s"] > 0 for row in table)
        # Of stripes 72 levels to each side of grey, which no small picture can show.
        assert all(row["stripes left, levels"] < 72 for row in table)
        assert table[0]["stripes left, levels"] < 20


@pytest.mark.system
def test_an_engine_starts_from_a_snapshot_of_made_up_vectors(folder: Path) -> None:
    report = report_of("start_up", folder)
    table = report["tables"]["From the start of the process to the first answer"]
    assert [row["shop"] for row in table] == ["empty", "full"]


@pytest.mark.system
def test_every_index_is_measured_under_filters_and_ours_fill_them(folder: Path) -> None:
    report = report_of("index", folder)
    plain, filtered = report["tables"].values()
    assert [row["index"] for row in plain][:2] == ["Feira exact", "Feira inverted"]
    assert all(row["recall@10"] >= 0.9 and not row["remark"] for row in plain)
    for row in filtered[:2]:
        assert all(value.endswith("full 1.00") for name, value in row.items() if name != "index")


@pytest.mark.system
def test_empty_jobs_go_through_the_ledger_and_through_bare_celery(folder: Path) -> None:
    report = report_of("jobs", folder)
    rows = report["tables"]["Empty jobs"]
    assert [(row["broker"], row["who"]) for row in rows] == [("embedded", "Feira"), ("embedded", "bare Celery")]
    assert all(0 < row["p50 ms"] <= row["p95 ms"] and row["jobs/s"] > 0 for row in rows)


@pytest.mark.system
def test_a_shop_under_fire_is_counted(folder: Path) -> None:
    report = report_of("jobs", folder, "--kill")
    (row,) = report["tables"]["Jobs under fire"]
    assert (row["asked"], row["lost"], row["doubled"], row["clean"]) == (20, 0, 0, True)
    assert row["faults"] > 0


@pytest.mark.system
def test_records_and_archives_are_fetched_whole_and_compared_with_plain_loops(folder: Path) -> None:
    report = report_of("export", folder)
    assert [row["way"] for row in report["tables"]["Records as JSON Lines"]] == ["over the API", "plain loop"]
    assert [row["photos"] for row in report["tables"]["Memory of an export"]] == [20, 40]
    made, fetched, copied = report["tables"]["Photos with metadata"]
    assert all(row["images/s"] > 0 for row in (made, fetched, copied))
    assert all(ratio > 0 for ratio in report["ratios"].values())
