"""The pool gives the same bytes for any number of processes, and outlives whatever happens to them."""

import io
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from PIL import Image

from feira.core.augment import PRESETS, ImageRule, RenderPool, RenderTask, render
from feira.core.augment.pool_wire import Wanted, pack_rendered, unpack_rendered
from feira.core.images.child import SandboxUnavailableError
from feira.core.images.limits import IntakeLimits
from feira.core.images.wire import UnbelievableAnswerError
from feira.core.testing.photos import photo_bytes

RULE = ImageRule("square", 48)
RECIPE = PRESETS["strong"].changed(seed=3, variants=3)


def tasks(count: int = 12) -> list[RenderTask]:
    return [
        RenderTask(f"photo-{number}", photo_bytes((number, 80, 160), (90, 70), pattern="noise"), RULE, RECIPE)
        for number in range(count)
    ]


def digests(pool: RenderPool, some: list[RenderTask]) -> dict[str, list[str]]:
    return {outcome.key: [each.digest for each in outcome.rendered] for outcome in pool.map(some)}


@pytest.fixture(scope="module")
def pool() -> Iterator[RenderPool]:
    with RenderPool(2) as pool:
        yield pool


@pytest.fixture(scope="module")
def slow() -> RenderTask:
    """Half a second of work at least: four megapixels with whatever phones do to them."""
    photo = photo_bytes(size=(2000, 2000), format="PNG", pattern="checks")
    return RenderTask("slow", photo, ImageRule("original", None), PRESETS["phone photos"])


@pytest.fixture(scope="module")
def enormous() -> RenderTask:
    """Seconds of work and 200 MB of pixels: 49 megapixels with transparency."""
    buffer = io.BytesIO()
    Image.new("RGBA", (7000, 7000), (10, 20, 30, 128)).save(buffer, "PNG", compress_level=1)
    return RenderTask("enormous", buffer.getvalue(), RULE)


def pids(pool: RenderPool) -> list[int]:
    return [child._child._process.pid for child in pool._children if child._child is not None]


def test_one_and_four_processes_make_the_bytes_that_this_process_makes() -> None:
    wanted = {task.key: render(task.content, RULE, RECIPE, key=task.key) for task in tasks()}
    for workers in (1, 4):
        with RenderPool(workers) as pool:
            outcomes = list(pool.map(tasks()))
        assert [outcome.key for outcome in outcomes] == list(wanted)
        assert {outcome.key: list(outcome.rendered) for outcome in outcomes} == wanted


def test_neither_order_nor_what_is_left_after_a_retry_changes_a_picture(pool: RenderPool) -> None:
    wanted = digests(pool, tasks())
    assert digests(pool, tasks()[::-1]) == wanted
    left = [RenderTask(task.key, task.content, RULE, RECIPE, numbers=(3, 0)) for task in tasks()]
    assert digests(pool, left) == {key: [each[3], each[0]] for key, each in wanted.items()}


def test_a_bad_photo_is_refused_alone(pool: RenderPool) -> None:
    some = tasks(4)
    some[1:3] = [RenderTask("bad", b"<svg/>", RULE, RECIPE), RenderTask("cut", photo_bytes()[:300], RULE)]
    outcomes = list(pool.map(some))
    reasons = [outcome.error.reason if outcome.error else None for outcome in outcomes]
    assert reasons == [None, "unsupported_format", "truncated", None]
    assert [len(outcome.rendered) for outcome in outcomes] == [4, 0, 0, 4]


def test_few_photos_are_in_memory_however_many_there_are() -> None:
    taken: list[str] = []

    def counted() -> Iterator[RenderTask]:
        for task in tasks(40):
            taken.append(task.key)
            yield task

    with RenderPool(2) as pool:
        ahead = [len(taken) - done for done, _ in enumerate(pool.map(counted()), start=1)]
    assert len(taken) == 40
    assert max(ahead) <= 3


def test_a_killed_child_is_replaced_and_its_photo_made_all_the_same(slow: RenderTask) -> None:
    with RenderPool(1) as pool:
        list(pool.map(tasks(1)))
        (victim,) = pids(pool)
        killer = threading.Timer(0.15, os.kill, (victim, signal.SIGKILL))
        killer.start()
        outcomes = list(pool.map([slow, *tasks(2)]))
        killer.join()
        assert pids(pool) != [victim]
    assert [outcome.error for outcome in outcomes] == [None] * 3
    assert list(outcomes[0].rendered) == render(slow.content, slow.rule, slow.recipe, key="slow")
    assert list(outcomes[2].rendered) == render(tasks(2)[1].content, RULE, RECIPE, key="photo-1")


def test_a_child_killed_while_it_starts_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marker, starter = tmp_path / "started", tmp_path / "python"
    starter.write_text(
        f'#!/bin/sh\nif [ -e {marker} ]; then exec {sys.executable} "$@"; fi\ntouch {marker}\nkill -9 $$\n'
    )
    starter.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(starter))
    with RenderPool(1) as pool:
        (outcome,) = pool.map(tasks(1))
    assert marker.exists()
    assert outcome.error is None


def test_a_pool_that_cannot_start_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with RenderPool(1) as pool, pytest.raises(SandboxUnavailableError, match="does not start"):
        list(pool.map(tasks(1)))


def test_children_killed_again_and_again_mean_the_refusal_of_that_photo_alone(enormous: RenderTask) -> None:
    with RenderPool(1) as pool:
        list(pool.map(tasks(1)))
        killed: set[int] = set()
        refused = threading.Event()

        def kill_each() -> None:
            # One that is killed while it starts has not tried the photo, so that two kills may not be enough.
            while not refused.wait(0.8):
                for pid in set(pids(pool)) - killed:
                    os.kill(pid, signal.SIGKILL)
                    killed.add(pid)

        killer = threading.Thread(target=kill_each)
        killer.start()
        whole = replace(enormous, rule=ImageRule("original", None))
        (first,) = pool.map([whole])
        refused.set()
        killer.join()
        (second,) = pool.map(tasks(1))
        assert first.error is not None
        assert first.error.reason == "too_much_memory"
        assert first.rendered == ()
        assert second.error is None


def test_a_photo_that_takes_too_long_is_refused_and_the_next_one_is_made(enormous: RenderTask) -> None:
    with RenderPool(1, IntakeLimits(timeout_s=0.5)) as pool:
        list(pool.map(tasks(1)))
        started = time.monotonic()
        first, second = pool.map([enormous, *tasks(1)])
        assert time.monotonic() - started < 10
    assert first.error is not None
    assert first.error.reason == "took_too_long"
    assert second.error is None


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS does not enforce a limit on address space")
def test_a_photo_that_needs_too_much_memory_is_refused(enormous: RenderTask) -> None:
    with RenderPool(1, IntakeLimits(memory_bytes=250_000_000)) as pool:
        first, second = pool.map([enormous, *tasks(1)])
    assert first.error is not None
    assert first.error.reason == "too_much_memory"
    assert second.error is None


def test_no_process_outlives_the_pool_and_none_knows_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEIRA_SECRET_KEY", "do-not-tell")
    with RenderPool(2) as pool:
        list(pool.map(tasks(6)))
        children = pids(pool)
        for pid in children:
            environment = Path(f"/proc/{pid}/environ")
            assert not environment.exists() or b"do-not-tell" not in environment.read_bytes()
    assert children
    for pid in children:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_whoever_stops_early_leaves_a_pool_that_goes_on(pool: RenderPool) -> None:
    mapped = pool.map(tasks())
    assert next(mapped).key == "photo-0"
    mapped.close()  # type: ignore[attr-defined]
    assert len(digests(pool, tasks(3))) == 3


def test_variants_need_a_recipe(pool: RenderPool) -> None:
    for numbers, recipe in (((1,), None), ((-1,), RECIPE)):
        with pytest.raises(ValueError, match="names pictures that no recipe makes"):
            list(pool.map([RenderTask("a", photo_bytes(), RULE, recipe, numbers=numbers)]))
    with pytest.raises(ValueError, match="at least 1"):
        RenderPool(0)


def render_in_a_daemon(answers: Connection) -> None:
    assert multiprocessing.current_process().daemon
    with RenderPool(2) as pool:
        answers.send(digests(pool, tasks(4)))


def test_a_daemonic_process_has_a_pool_as_well(pool: RenderPool) -> None:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    daemon = context.Process(target=render_in_a_daemon, args=(there,), daemon=True)
    daemon.start()
    there.close()
    assert here.poll(60)
    assert here.recv() == digests(pool, tasks(4))
    daemon.join(30)
    assert daemon.exitcode == 0


def test_an_answer_is_not_believed() -> None:
    (photo,) = render(photo_bytes(), RULE)
    wanted = Wanted("a", RULE, RECIPE, 0)
    assert unpack_rendered(pack_rendered(photo, (64, 80)), wanted) == photo
    assert unpack_rendered(pack_rendered(None, (0, 0)), wanted) is None
    sound = pack_rendered(photo, (64, 80))
    for forged in (
        b"",
        pack_rendered(photo, (0, 80)),
        pack_rendered(photo, (1 << 40, 80)),
        sound.replace(b'"size": [64, 80]', b'"size": "sixty"'),
        sound.replace(photo.content[:3], b"GIF"),
        sound[: -len(photo.content)],
    ):
        with pytest.raises(UnbelievableAnswerError):
            unpack_rendered(forged, wanted)
