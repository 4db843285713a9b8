"""`kill -9` of any process while photos are imported: all come back, nothing is lost, nothing is done twice."""

import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from feira.cli.console import say
from feira.core.encoders import builtin
from feira.core.encoders.manifest import read_manifest
from tests.system.living_shop import LivingShop, children_of, is_alive, living_shop, wait_until
from tests.system.photos import digests_of, photo_folder

pytestmark = pytest.mark.system

PHOTOS = int(os.environ.get("FEIRA_TEST_KILL_PHOTOS", "160"))
SEED = int(os.environ.get("FEIRA_TEST_KILL_SEED", "1"))
VICTIMS = ["a worker's child", "engine", "web", "worker", "beat", "the import", "engine", "a worker's child"]
PROCESSES = {"web", "engine", "worker", "beat"}
TABLES = [
    "photos_photo",
    "photos_embedding",
    "photos_indexlogentry",
    "listings_listing",
    "listings_listingphoto",
    "listings_importrun",
    "listings_importrow",
    "listings_category",
    "feed_neighbourlist",
    "accounts_seller",
]


@dataclass
class Attacked:
    """A shop whose import was attacked, and what was seen meanwhile."""

    shop: LivingShop
    folder: Path
    files: list[Path]
    kills: list[tuple[str, int]] = field(default_factory=list)
    recovered_s: dict[str, list[float]] = field(default_factory=dict)
    took_s: float = 0.0
    restarts: dict[str, int] = field(default_factory=dict)
    log_head: int = 0


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    """Import photos by the command line into a shop that is being killed."""
    folder = tmp_path_factory.mktemp("photos")
    files = photo_folder(folder, PHOTOS)
    with living_shop(tmp_path_factory.mktemp("shop")) as shop:
        shop.up()
        attacked = Attacked(shop, folder, files)
        _attack(attacked, random.Random(SEED))
        attacked.restarts = {name: found["restarts"] for name, found in shop.processes().items()}
        yield attacked


def _attack(attacked: Attacked, rng: random.Random) -> None:
    """Start the import and kill the victims one after another, each when so many photos are done."""
    shop, started = attacked.shop, time.monotonic()
    victims = rng.sample(VICTIMS, len(VICTIMS))
    moments = sorted(rng.randrange(PHOTOS * 3 // 4) for _victim in victims)
    missing: list[tuple[str, int, float]] = []
    importing = _start_import(attacked)
    while importing.poll() is None or moments or missing:
        assert time.monotonic() - started < 120 + PHOTOS, f"the import hangs\n{shop.told()}"
        assert not importing.returncode, shop.commands_told()
        done = shop.count("listings_importrow", "state = 'done'")
        if moments and done >= moments[0]:
            moments.pop(0)
            time.sleep(rng.uniform(0, 0.3))
            victim = victims.pop(0)
            attacked.kills.append((victim, done))
            if victim == "the import":
                importing.kill()
                importing.wait()
                importing = _start_import(attacked)
            elif victim == "a worker's child":
                _kill_a_child(attacked, rng)
            else:
                missing.append((victim, _kill(attacked, victim), time.monotonic()))
        missing = [gone for gone in missing if not _is_back(attacked, *gone)]
        time.sleep(0.05)
    # The command does not wait for the engine's part while there is no worker; that goes on by itself.
    wait_until(lambda: not shop.unfinished(), "every job is done", shop=shop, patience_s=120 + PHOTOS)
    attacked.took_s = time.monotonic() - started
    attacked.log_head = shop.rows("SELECT seq FROM photos_indexloghead")[0][0]


def _start_import(attacked: Attacked) -> "subprocess.Popen[str]":
    return attacked.shop.start("import", str(attacked.folder), "--samples")


def _kill(attacked: Attacked, name: str) -> int:
    """Kill a process that runs; return its number."""
    running: list[int] = []

    def is_there() -> bool:
        pid = attacked.shop.processes()[name]["pid"]
        running[:] = [pid] if pid and is_alive(pid) else []
        return bool(running)

    wait_until(is_there, f"{name} runs, to be killed", shop=attacked.shop)
    os.kill(running[0], signal.SIGKILL)
    return running[0]


def _kill_a_child(attacked: Attacked, rng: random.Random) -> None:
    """Kill one of the processes in which the worker runs jobs."""
    children: list[int] = []

    def are_there() -> bool:
        pid = attacked.shop.processes()["worker"]["pid"]
        children[:] = children_of(pid) if pid else []
        return len(children) >= 2

    wait_until(are_there, "the worker has children", shop=attacked.shop)
    os.kill(rng.choice(children), signal.SIGKILL)


def _is_back(attacked: Attacked, name: str, pid: int, killed_at: float) -> bool:
    now = attacked.shop.processes()[name]
    if now["pid"] in {None, pid} or not now["ready"]:
        return False
    attacked.recovered_s.setdefault(name, []).append(round(time.monotonic() - killed_at, 1))
    return True


def _sizes(shop: LivingShop) -> dict[str, int]:
    return {table: shop.count(table) for table in TABLES}


def _verified(shop: LivingShop) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(shop.feira("index", "verify", "--json"))
    return found


def _searchable(shop: LivingShop) -> int:
    return shop.count("photos_photo", "searchable")


def test_whatever_was_killed_is_started_again(attacked: Attacked, capsys: pytest.CaptureFixture[str]) -> None:
    assert {name for name, _done in attacked.kills} == {*VICTIMS}
    assert set(attacked.recovered_s) == PROCESSES
    for name, seconds in attacked.recovered_s.items():
        assert attacked.restarts[name] >= len(seconds)
    with capsys.disabled():
        say(
            f"\n{PHOTOS} photos in {attacked.took_s:.0f} s; killed (at so many photos): {attacked.kills}; "
            f"ready again after seconds: {attacked.recovered_s}"
        )


def test_every_photo_is_there_once(attacked: Attacked) -> None:
    shop = attacked.shop
    kept = Counter(
        {
            str(digest): int(count)
            for digest, count in shop.rows("SELECT digest, count(*) FROM photos_photo GROUP BY digest")
        }
    )
    assert kept == digests_of(attacked.files)
    imported = shop.rows("SELECT key, state, listing_id FROM listings_importrow ORDER BY key")
    assert [key for key, _state, _listing in imported] == sorted(
        str(file.relative_to(attacked.folder)) for file in attacked.files
    )
    assert {state for _key, state, _listing in imported} == {"done"}
    assert len({listing for _key, _state, listing in imported}) == PHOTOS
    assert shop.count("listings_listing") == PHOTOS
    on_listings = shop.rows(
        "SELECT r.key, p.digest FROM listings_importrow r "
        "JOIN listings_listingphoto lp ON lp.listing_id = r.listing_id JOIN photos_photo p ON p.id = lp.photo_id"
    )
    assert len({key for key, _digest in on_listings}) == len(on_listings) == PHOTOS
    for key, digest in on_listings:
        assert digests_of([attacked.folder / str(key)]) == {digest: 1}


def test_every_photo_has_its_pictures(attacked: Attacked) -> None:
    blobs = attacked.shop.data / "blobs"
    for (renditions,) in attacked.shop.rows("SELECT renditions FROM photos_photo"):
        for rendition in json.loads(renditions).values():
            digest = rendition["digest"]
            assert (blobs / digest[:2] / digest).stat().st_size > 0


def test_every_photo_is_embedded_and_logged_once_without_gaps(attacked: Attacked) -> None:
    shop = attacked.shop
    counts = shop.rows("SELECT encoder_id, count(DISTINCT photo_id), count(*) FROM photos_embedding GROUP BY 1")
    assert counts == [(read_manifest(builtin.FOLDER).encoder_id, PHOTOS, PHOTOS)]
    entries = shop.rows("SELECT seq, op, photo_id FROM photos_indexlogentry ORDER BY seq")
    assert [seq for seq, _op, _photo in entries] == [*range(1, len(entries) + 1)]
    assert shop.rows("SELECT seq FROM photos_indexloghead") == [(len(entries),)]
    by_the_import = entries[: attacked.log_head]
    assert {op for _seq, op, _photo in by_the_import} == {1}
    assert len({photo for _seq, _op, photo in by_the_import}) == len(by_the_import) == PHOTOS


def test_no_job_is_left_over_or_failed(attacked: Attacked) -> None:
    assert attacked.shop.count("jobs_job", "state <> 'succeeded'") == 0


def test_every_live_listing_has_neighbours(attacked: Attacked) -> None:
    lacking = attacked.shop.rows(
        "SELECT l.id FROM listings_listing l LEFT JOIN feed_neighbourlist n ON n.listing_id = l.id "
        "WHERE l.state = 'live' AND (n.listing_id IS NULL OR length(n.packed) = 0)"
    )
    assert lacking == []


def test_the_index_equals_its_rebuild(attacked: Attacked) -> None:
    attacked.shop.ensure_up()
    found = _verified(attacked.shop)
    assert found["equal"]
    assert found["photos"] == _searchable(attacked.shop)


def test_the_same_import_again_changes_nothing(attacked: Attacked) -> None:
    attacked.shop.ensure_up()
    before = _sizes(attacked.shop)
    told = attacked.shop.feira("import", str(attacked.folder), "--samples", "--json")
    assert json.loads(told) == {"total": PHOTOS, "done": PHOTOS, "refused": 0, "report": None}
    assert _sizes(attacked.shop) == before


def test_the_index_follows_what_leaves_and_comes_back(attacked: Attacked) -> None:
    shop = attacked.shop
    shop.ensure_up()
    before = _searchable(shop)
    shop.python(
        "from feira.shop.listings import services\n"
        "from feira.shop.listings.models import Listing\n"
        "live = list(Listing.objects.filter(state='live').order_by('pk'))[:12]\n"
        "for listing in live[:6]: services.archive_listing(listing=listing)\n"
        "for listing in live[6:]: services.mark_sold(listing=listing)\n"
        "for listing in live[:3]: services.publish_listing(listing=listing)\n"
    )
    found = _verified(shop)
    assert found["equal"]
    assert found["photos"] == before - 9 == _searchable(shop)
    wait_until(lambda: not shop.unfinished(), "the neighbours know", shop=shop)
    test_every_live_listing_has_neighbours(attacked)


def test_a_lost_or_damaged_snapshot_is_made_anew(attacked: Attacked) -> None:
    shop = attacked.shop
    shop.ensure_up()
    assert shop.down() == 0
    snapshots = shop.data / "index"
    (pointer,) = snapshots.glob("*/CURRENT")
    codes = pointer.parent / pointer.read_text().strip() / "codes.npy"
    damaged = bytearray(codes.read_bytes())
    damaged[-1] ^= 0xFF
    codes.write_bytes(damaged)
    shop.up()
    assert any("Deleting it and rebuilding from the log" in line for line in shop.lines)
    found = _verified(shop)
    assert found["equal"]
    assert found["photos"] == _searchable(shop)
    assert shop.down() == 0
    shutil.rmtree(snapshots)
    # Nothing runs now: the command opens the index as the engine would.
    found = _verified(shop)
    assert found["equal"]
    assert found["photos"] == _searchable(shop)
    assert list(snapshots.glob("*/CURRENT"))


def test_a_killed_supervisor_takes_its_processes_along_and_the_next_one_goes_on(
    attacked: Attacked, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = attacked.shop
    shop.ensure_up()
    leaders = [found["pid"] for found in shop.processes().values()]
    family = leaders + [child for leader in leaders for child in children_of(leader)]
    shop.supervisor.kill()
    shop.supervisor.wait()
    gone_s = wait_until(lambda: not any(map(is_alive, family)), "the children have left", shop=shop, patience_s=20)
    wait_until(shop.is_free, "the data folder is free", shop=shop, patience_s=30)
    again_s = shop.up()
    assert _verified(shop)["photos"] == _searchable(shop)
    with capsys.disabled():
        say(f"\nsupervisor killed: its processes left after {gone_s:.1f} s, a new one was open after {again_s:.1f} s")
