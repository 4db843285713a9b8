"""A shop changes its encoder while people search and while its engine is killed, and goes back: nobody notices."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import pytest

from feira.core.encoders import builtin
from feira.core.encoders.manifest import read_manifest
from feira.engine.client import EngineClient
from tests.shared_files import SHARED, needs_shared
from tests.system.living_shop import LivingShop, living_shop, wait_until
from tests.system.photos import photo_folder

pytestmark = [pytest.mark.system, needs_shared("models/mobilenet_v2/model.json")]

PHOTOS = int(os.environ.get("FEIRA_TEST_SWAP_PHOTOS", "120"))
BEFORE, AFTER = read_manifest(builtin.FOLDER).encoder_id, "mobilenet_v2_1.0_224@d9cb3c82"
PATIENCE_S = 240.0


@pytest.fixture
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivingShop]:
    """A shop full of photos that the built-in encoder has seen, with its teacher in the models folder."""
    folder = tmp_path_factory.mktemp("photos")
    photo_folder(folder, PHOTOS)
    services = {"FEIRA_ENCODER": "builtin", "FEIRA_MODELS_DIR": str(SHARED / "models")}
    with living_shop(tmp_path_factory.mktemp("shop"), services=services) as shop:
        shop.up()
        shop.feira("import", str(folder), "--samples")
        wait_until(lambda: shop.unfinished() == [], "every photo is seen", shop=shop, patience_s=PATIENCE_S)
        yield shop


@dataclass
class Searching:
    """What people met who searched without a pause."""

    answered: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    empty: int = 0
    mixed: int = 0
    similar_pages: int = 0


class People:
    """Searches by photo as pages do, in three threads, and looks at a listing's page in a fourth."""

    def __init__(self, shop: LivingShop) -> None:
        self.found = Searching()
        self._shop, self._over = shop, threading.Event()
        self._photos = [path.read_bytes() for path in sorted(shop.data.glob("blobs/*/*"))[:8]]
        self._pool = ThreadPoolExecutor(4)

    def __enter__(self) -> Searching:
        self._tasks = [self._pool.submit(self._search, number) for number in range(3)] + [self._pool.submit(self._look)]
        return self.found

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for task in self._tasks:
            task.result()
        self._pool.shutdown()

    def _search(self, number: int) -> None:
        readable = [photo for photo in self._photos if photo[:4] == b"RIFF"] or self._photos
        # One's own id for each encoder's vector: a mixed answer would not be of the length that belongs to the id.
        length = {BEFORE: 256, AFTER: 1280}
        with closing(EngineClient(self._shop.processes()["engine"]["url"], timeout_s=30.0)) as client:
            while not self._over.is_set():
                number += 1
                try:
                    seen = client.encode([readable[number % len(readable)]])
                    self.found.mixed += seen.rows.shape[1] != length[seen.encoder_id]
                    (hits,) = client.search(seen.rows, 5, encoder_id=seen.encoder_id)
                    self.found.empty += len(hits) < 5
                    self.found.mixed += not np.isfinite([hit.score for hit in hits]).all()
                    self.found.answered.append(seen.encoder_id)
                except Exception as error:  # noqa: BLE001 - whatever it is, a person would have met it
                    self.found.failed.append(f"{type(error).__name__}: {error}")

    def _look(self) -> None:
        (listing_id,) = self._shop.rows("SELECT listing_id FROM feed_neighbourlist LIMIT 1")[0]
        while not self._over.wait(0.05):
            answer = httpx.get(f"{self._shop.address}/api/v1/listings/{listing_id}/similar/", timeout=30)
            if answer.status_code != 200 or not answer.json()["results"]:
                self.found.failed.append(f"similar listings: HTTP {answer.status_code} {answer.text[:80]}")
            self.found.similar_pages += 1


def live_of(shop: LivingShop) -> str:
    with closing(EngineClient(shop.processes()["engine"]["url"], timeout_s=30.0)) as client:
        return client.status().encoder_id


def states(shop: LivingShop) -> dict[str, str]:
    rows = json.loads(shop.feira("model", "swap", "status", "--json"))
    return {row["state"]: row["encoder_id"] for row in rows}


def seen_by(shop: LivingShop, encoder_id: str) -> int:
    return shop.count("photos_embedding", f"encoder_id = '{encoder_id}'")


def test_a_change_of_encoder_and_the_way_back_fail_nobody(shop: LivingShop, tmp_path: Path) -> None:
    with People(shop) as found:
        shop.feira("model", "use", "mobilenet_v2")
        wait_until(lambda: live_of(shop) == AFTER, "the new encoder is live", shop=shop, patience_s=PATIENCE_S)
        assert states(shop) == {"live": AFTER, "previous": BEFORE}
        rebuilt = f"encoder_id = '{AFTER}'"
        wait_until(
            lambda: shop.count("feed_neighbourlist", rebuilt) == shop.count("feed_neighbourlist"),
            "neighbours are found anew",
            shop=shop,
            patience_s=PATIENCE_S,
        )
        shop.feira("model", "roll-back")
        wait_until(lambda: live_of(shop) == BEFORE, "the encoder before is live again", shop=shop)
    assert found.failed == []
    assert (found.empty, found.mixed) == (0, 0)
    assert {*found.answered} == {BEFORE, AFTER}
    assert found.answered[-1] == BEFORE
    assert len(found.answered) > 100
    assert found.similar_pages > 20
    assert seen_by(shop, AFTER) == seen_by(shop, BEFORE) == PHOTOS
    shop.feira("model", "drop-previous")
    wait_until(lambda: seen_by(shop, AFTER) == 0, "what the other encoder saw is deleted", shop=shop)


def test_an_engine_that_is_killed_in_the_middle_loses_nothing(shop: LivingShop) -> None:
    shop.feira("model", "use", "mobilenet_v2", "--ask")
    wait_until(lambda: seen_by(shop, AFTER) > 0, "the first batch is seen", shop=shop, patience_s=PATIENCE_S)
    pid = shop.processes()["engine"]["pid"]
    os.kill(pid, signal.SIGKILL)
    wait_until(
        lambda: states(shop).get("ready") == AFTER,
        "the catalogue is seen all the same",
        shop=shop,
        patience_s=PATIENCE_S,
    )
    assert shop.processes()["engine"]["pid"] != pid
    assert seen_by(shop, AFTER) == PHOTOS
    assert live_of(shop) == BEFORE
    shop.feira("model", "switch")
    wait_until(lambda: live_of(shop) == AFTER, "the new encoder is live", shop=shop)
    assert shop.feira("index", "verify")
