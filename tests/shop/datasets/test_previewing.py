"""A preview of a recipe: rendered elsewhere, within limits, and heavy ones refused before any work."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from feira.core.augment.pool import RenderTask
from feira.core.augment.recipe import Recipe
from feira.core.augment.render import render
from feira.core.augment.rule import ImageRule
from feira.core.images.limits import IntakeLimits
from feira.core.testing.photos import photo_bytes
from feira.shop.accounts.models import Account
from feira.shop.datasets import preview_process, previewing, services
from feira.shop.datasets.errors import PreviewBusy, PreviewTooHeavy
from feira.shop.datasets.preview_process import PreviewProcess
from feira.shop.photos.models import Photo

ClientOf = Callable[[Account | None], APIClient]
ADDRESS = "/api/v1/datasets/recipes/preview/"
RULE = ImageRule("longest", 64)
LARGE = {"operation": "resize", "side": "both", "size": 4096}


def recipe(*operations: dict[str, Any], variants: int = 1) -> Recipe:
    return Recipe.from_json({"operations": list(operations), "variants": variants})


@pytest.fixture
def process() -> Iterator[Callable[..., PreviewProcess]]:
    """Return a function that makes one with limits of its own; they end with the test."""
    made: list[PreviewProcess] = []

    def make(**given: Any) -> PreviewProcess:
        made.append(PreviewProcess(**given))
        return made[-1]

    yield make
    for each in made:
        each.close()


@contextmanager
def turns_taken(process: PreviewProcess, count: int) -> Iterator[None]:
    """Have so many others wait in the middle of a preview."""
    inside, go_on = threading.Semaphore(0), threading.Event()

    def tasks() -> Iterator[RenderTask]:
        inside.release()
        go_on.wait()
        yield from ()

    threads = [threading.Thread(target=process.pictures, args=(tasks(),)) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        for _ in threads:
            assert inside.acquire(timeout=30)
        yield
    finally:
        go_on.set()
        for thread in threads:
            thread.join()


def test_pictures_are_those_of_the_data_set(process: Callable[..., PreviewProcess]) -> None:
    photo, wanted = (
        photo_bytes((180, 60, 40), (90, 60), pattern="noise"),
        recipe({"operation": "crop"}, {"operation": "noise"}, variants=2),
    )
    outcomes = process().pictures(RenderTask("a", photo, RULE, wanted, (number,)) for number in range(3))
    assert [rendered for outcome in outcomes for rendered in outcome.rendered] == render(photo, RULE, wanted, key="a")


@pytest.mark.parametrize(
    "given",
    [
        {"limits": IntakeLimits(timeout_s=0.05)},
        {"limits": IntakeLimits(memory_bytes=250_000_000, timeout_s=60.0), "total_s": 600.0},
        {"limits": IntakeLimits(timeout_s=60.0), "total_s": 0.0},
    ],
    ids=["time of a picture", "memory", "time of all"],
)
def test_what_takes_too_much_is_stopped_and_the_next_one_served(
    process: Callable[..., PreviewProcess], given: dict[str, Any]
) -> None:
    photo, heavy = (
        photo_bytes((180, 60, 40), (90, 60)),
        recipe(LARGE, {"operation": "blur", "radius": 20}, {"operation": "noise"}),
    )
    bounded = process(**given)
    with pytest.raises(PreviewTooHeavy) as caught:
        bounded.pictures([RenderTask("a", photo, RULE, heavy, (number,)) for number in (1, 1, 1)])
    assert caught.value.code == "preview_too_heavy"
    assert bounded.pictures([]) == []


def test_the_third_at_once_is_told_to_come_again(process: Callable[..., PreviewProcess]) -> None:
    bounded = process(at_once=2)
    with turns_taken(bounded, 2), pytest.raises(PreviewBusy):
        bounded.pictures([])
    assert bounded.pictures([]) == []


def test_the_process_ends_when_nobody_asks(process: Callable[..., PreviewProcess]) -> None:
    bounded = process(idle_s=0.0)
    for _ in range(2):
        (outcome,) = bounded.pictures([RenderTask("a", photo_bytes((180, 60, 40), (9, 6)), RULE, None, (0,))])
        assert outcome.rendered
        (child,) = bounded._pool._children
        until = time.monotonic() + 30
        while child._child is not None and time.monotonic() < until:
            time.sleep(0.01)
        assert child._child is None


HOSTILE = [
    ([{**LARGE}] * 2, "preview_too_heavy"),
    ([{"operation": "crop", "size": 4096}, {"operation": "noise"}], "preview_too_heavy"),
    ([{"operation": "resize", "side": "shorter", "size": [16, 2048]}] * 4, "preview_too_heavy"),
    ([{"operation": "flip"}] * 100, "invalid_recipe"),
    ([{"operation": "resize", "size": 50_000}], "invalid_recipe"),
]


@pytest.mark.usefixtures("catalogue")
@pytest.mark.parametrize(("operations", "code"), HOSTILE)
def test_a_hostile_recipe_is_refused_before_any_photo_is_looked_for(
    operations: list[dict[str, Any]], code: str, team_member: Account, api_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previewing, "photos_asked_for", lambda _asked: pytest.fail("work was begun"))
    answer = api_of(team_member).post(ADDRESS, {"recipe": {"operations": operations}}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (422, code)


@pytest.mark.usefixtures("catalogue")
def test_a_usual_recipe_with_many_operations_is_light_enough() -> None:
    each: list[dict[str, Any]] = [{"operation": "jitter"}, {"operation": "resize", "size": 320}, {"operation": "blur"}]
    usual = recipe(*each * 3)
    shown = services.preview_recipe(usual, photos=6, variants=8)
    assert [len(each.variants) for each in shown] == [8] * 6


@pytest.mark.usefixtures("catalogue")
def test_a_photo_whose_rendition_is_lost_is_left_out() -> None:
    shown = services.preview_recipe(recipe({"operation": "flip"}), photos=3)
    renditions = Photo.objects.get(pk=shown[0].photo_id).renditions
    lost = {**renditions, "card": {**renditions["card"], "digest": "0" * 64}}
    Photo.objects.filter(pk=shown[0].photo_id).update(renditions=lost)
    after = services.preview_recipe(recipe({"operation": "flip"}), photos=3)
    assert [each.photo_id for each in after] == [each.photo_id for each in shown[1:]]


@pytest.mark.usefixtures("catalogue")
def test_who_comes_too_many_at_once_is_told_when_to_come_again(
    team_member: Account, api_of: ClientOf, client: Client
) -> None:
    sent = {"recipe": {"operations": [{"operation": "flip"}]}}
    page = {"recipe": "light", "photos": "all", "split_by": "none", "fit": "longest", "image_format": "jpeg"}
    page |= {"formats": "folder", "variants": "1"}
    client.force_login(team_member)
    with turns_taken(preview_process.preview_process(), preview_process.AT_ONCE):
        answer = api_of(team_member).post(ADDRESS, sent, format="json")
        whole = client.post("/datasets/new/preview/", page)
        part = client.post("/datasets/new/preview/", page, headers={"HX-Request": "true"})
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "preview_busy", "5")
    assert (whole.status_code, whole["Retry-After"]) == (503, "5")
    assert part.status_code == 200
    for shown in (whole, part):
        assert "Others are looking at previews right now" in shown.text
    assert api_of(team_member).post(ADDRESS, sent, format="json").status_code == 200
