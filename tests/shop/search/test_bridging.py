"""Words meet pictures by what a shop holds, in whatever language it is written, and only for the better."""

import json
import os
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from django.utils import timezone
from typer.testing import CliRunner

from feira.cli import train_align
from feira.cli.running import RunningProcess, RunningShop, forget_running, write_running
from feira.cli.train import app
from feira.core.encoders.descriptors import DescriptorEncoder
from feira.core.errors import EngineUnavailable, NoTextSide
from feira.core.learning.bridge import Bridge
from feira.core.types import Matrix
from feira.settings import load_settings
from feira.shop.feedback.models import Click
from feira.shop.jobs import services as jobs
from feira.shop.jobs.models import Job
from feira.shop.learning.models import LearnedPart
from feira.shop.learning.selectors import live_part, live_version
from feira.shop.learning.services import promote, propose
from feira.shop.listings.models import Listing, ListingPhoto
from feira.shop.photos.engine import ask_engine_at
from feira.shop.photos.engine import engine as shop_engine
from feira.shop.photos.models import Embedding, Photo
from feira.shop.search.bridging import PART, is_due, is_held_out, refit_bridge
from tests.factories import make_category, make_seller

# What the photos show and what their sellers call it. Only the colour can be seen.
COLOURS = {"vermelho": (200, 20, 25), "azul": (25, 45, 200), "verde": (20, 150, 40), "amarelo": (235, 215, 30)}
THINGS = ("vestido", "camisa", "casaco", "lenço", "chapéu")
EYE = DescriptorEncoder()


def photos_of(colours: list[str], rng: np.random.Generator) -> Matrix:
    noise = [rng.integers(-18, 19, size=(64, 64, 3)) for _ in colours]
    pixels = [
        np.clip(np.array(COLOURS[name]) + grain, 0, 255).astype(np.uint8)
        for name, grain in zip(colours, noise, strict=True)
    ]
    return EYE.encode_images(pixels)


@pytest.fixture
def stock(engine: str) -> Callable[..., list[Listing]]:
    """Return a function that puts listings with an embedded photo each up for sale."""
    seller, category, rng = make_seller(), make_category("Roupa"), np.random.default_rng(4)

    def fill(count: int) -> list[Listing]:
        names = [list(COLOURS)[number % len(COLOURS)] for number in range(count)]
        photos = Photo.objects.bulk_create(
            Photo(digest="0" * 64, format="JPEG", byte_size=1, width=64, height=64, is_public=True) for _ in names
        )
        Embedding.objects.bulk_create(
            Embedding(photo=photo, encoder_id=EYE.encoder_id, vector=row.astype(np.float16).tobytes())
            for photo, row in zip(photos, photos_of(names, rng), strict=True)
        )
        listings = Listing.objects.bulk_create(
            Listing(
                seller=seller,
                category=category,
                title=f"{THINGS[number % len(THINGS)].capitalize()} {name}",
                price=10,
                currency="EUR",
                state=Listing.State.LIVE,
                published_at=timezone.now(),
                search_text="Roupa",
                cover=photo,
            )
            for number, (name, photo) in enumerate(zip(names, photos, strict=True))
        )
        ListingPhoto.objects.bulk_create(
            ListingPhoto(listing=listing, photo=photo, position=0)
            for listing, photo in zip(listings, photos, strict=True)
        )
        return listings

    return fill


def queries(texts: list[str], *, until: Callable[[Matrix], bool] = lambda _rows: True) -> Matrix:
    """Ask the engine, which follows what the shop has learned within a second or so."""
    deadline = time.monotonic() + 10
    while True:
        try:
            rows = shop_engine().encode_texts(texts).rows
        except NoTextSide:
            rows = None
        if rows is not None and until(rows):
            return rows
        if time.monotonic() > deadline:
            raise TimeoutError("the engine did not follow")
        time.sleep(0.1)


def test_a_shop_teaches_words_of_its_own_language(stock: Callable[..., list[Listing]]) -> None:
    stock(240)
    with pytest.raises(NoTextSide):
        shop_engine().encode_texts(["azul"])
    refit = refit_bridge()
    assert refit.serves
    assert refit.before is None
    # Five photos of a colour share a title's place, so one in a few is as good as it gets.
    assert refit.after is not None
    assert refit.after > 1.5 * np.mean(1 / np.arange(1, refit.queries + 1))
    unseen = photos_of(list(COLOURS), np.random.default_rng(99))
    scores = queries([f"algo {name}" for name in COLOURS]) @ unseen.T
    assert scores.argmax(axis=1).tolist() == [0, 1, 2, 3]
    live = live_part(PART, EYE.encoder_id)
    assert live is not None
    assert live.made_from["photos"] == 240
    assert Bridge.unpack(bytes(live.content)).encoder_id == EYE.encoder_id


def test_too_few_titles_teach_nothing(stock: Callable[..., list[Listing]]) -> None:
    stock(20)
    refit = refit_bridge()
    assert not refit.serves
    assert refit.candidate is None
    assert "10 are needed" in refit.reason
    assert not LearnedPart.objects.exists()


def test_a_bridge_that_is_no_better_does_not_replace_the_present_one(stock: Callable[..., list[Listing]]) -> None:
    stock(240)
    assert refit_bridge().serves
    queries(["azul"])
    again = refit_bridge()
    assert not again.serves
    assert again.before == pytest.approx(again.after, abs=0.02)
    assert live_version(PART, EYE.encoder_id) == 1
    assert again.candidate is not None
    assert again.candidate.state == LearnedPart.State.REFUSED


def test_a_bridge_that_leads_astray_is_replaced_and_before_and_after_are_told(
    stock: Callable[..., list[Listing]],
) -> None:
    stock(240)
    first = refit_bridge().candidate
    assert first is not None
    right = Bridge.unpack(bytes(first.content))
    astray = Bridge(right.encoder_id, right.text_id, -right.matrix, right.centre)
    queries(["azul"])
    wrong = propose(part=PART, about=EYE.encoder_id, content=astray.pack())
    promote(wrong)
    expected = right.to_image_space(shop_engine().embed_texts(["azul"]).rows)
    queries(["azul"], until=lambda rows: float(rows[0] @ expected[0]) < 0)
    told = CliRunner().invoke(app, ["align", "--json"])
    assert told.exit_code == 0, told.output
    facts = json.loads(told.stdout)
    assert facts["serves"]
    assert facts["version"] == 3
    assert facts["before"] < facts["after"]
    assert live_version(PART, EYE.encoder_id) == 3


@pytest.fixture
def asked_anywhere() -> Iterator[None]:
    """Forget afterwards which engine a command was sent to."""
    yield
    ask_engine_at(load_settings().engine_url)


def test_the_command_asks_the_engine_of_the_shop_that_runs_on_the_data_folder(
    stock: Callable[..., list[Listing]], engine: str, asked_anywhere: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock(240)
    settings = load_settings().model_copy(update={"engine_url": "http://127.0.0.1:9"})  # nobody answers there
    monkeypatch.setattr(train_align, "load_settings", lambda: settings)
    alone = CliRunner().invoke(app, ["align", "--json"])
    assert isinstance(alone.exception, EngineUnavailable)

    process = RunningProcess(pid=None, url=engine, ready=True, restarts=0)
    shop = RunningShop(pid=os.getpid(), address="", started_at=0.0, processes={"engine": process})
    write_running(settings.data_dir, shop)
    try:
        told = CliRunner().invoke(app, ["align", "--json"])
    finally:
        forget_running(settings.data_dir)
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["photos"] == 240


def test_what_people_open_for_a_query_teaches_too_but_not_held_out_listings(
    stock: Callable[..., list[Listing]],
) -> None:
    listings = stock(200)
    for listing in listings[:40]:
        Click.objects.create(key="céu limpo", listing=listing, position=1)
    refit = refit_bridge()
    assert refit.candidate is not None
    usable = sum(not is_held_out(listing.pk) for listing in listings[:40])
    assert refit.candidate.made_from["feedback"] == usable < 40


def test_a_refit_is_due_at_first_and_when_the_shop_has_grown(stock: Callable[..., list[Listing]]) -> None:
    stock(240)
    assert is_due()
    refit_bridge()
    assert not is_due()
    stock(30)
    assert not is_due()
    stock(30)
    assert is_due()


def test_the_job_keeps_what_came_of_it(stock: Callable[..., list[Listing]]) -> None:
    stock(240)
    jobs.submit("search.refit_bridge", {}, key="all")
    jobs.run_until_idle()
    done = Job.objects.get(kind="search.refit_bridge")
    assert done.state == "succeeded"
    assert done.result is not None
    assert done.result["serves"]
    assert done.result["after"] > 0
