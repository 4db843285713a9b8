"""The whole of `feira train encoder` in small: the loss falls, a stop costs nothing, the file answers as torch does."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from feira.core.encoders.heads import Heads
from feira.core.encoders.onnx import OnnxEncoder
from feira.core.errors import Refused
from feira.training.encoder import CARD_NAME, HISTORY_NAME, Order, train_encoder
from feira.training.lessons import changed_again, scaled
from feira.training.loop import Training
from feira.training.network import Eye
from feira.training.photos import gather
from feira.training.recipe import Recipe
from feira.training.views import Views, make_views, open_views
from tests.shared_files import SHARED, needs_shared

TEACHER = SHARED / "models" / "mobilenet_v2"
pytestmark = needs_shared("models/mobilenet_v2")

STEPS = 24


class Stopped(Exception):
    """Somebody pulled the plug."""


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    """Sums come out the same each time."""
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return replace(Recipe.quick(), drawn=24)


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory, recipe: Recipe) -> Views:
    photos = gather(None, drawn=recipe.drawn, seed=recipe.seed)
    return make_views(photos, recipe, teacher=TEACHER, folder=tmp_path_factory.mktemp("views"), processes=1)


def test_the_loss_falls(views: Views, recipe: Recipe, tmp_path: Path) -> None:
    training = Training(views, recipe, tmp_path)
    standing = training.learn(seconds=1e9, steps=40, examine_every_s=0)
    wholes = [look["losses"]["whole"] for look in standing.history]
    assert np.mean(wholes[-5:]) < 0.8 * np.mean(wholes[:5])


def test_a_stopped_training_goes_on_as_if_nothing_had_happened(views: Views, recipe: Recipe, tmp_path: Path) -> None:
    def pull_the_plug(line: str) -> None:
        if stopped.standing.step == STEPS // 2:
            raise Stopped(line)

    whole = Training(views, recipe, tmp_path / "whole")
    stopped = Training(views, recipe, tmp_path / "parts")
    for training in (whole, stopped):
        training.folder.mkdir()
    whole.learn(seconds=1e9, steps=STEPS, examine_every_s=1e9)
    with pytest.raises(Stopped):
        stopped.learn(seconds=1e9, steps=STEPS, examine_every_s=0, keep_every_s=0, say=pull_the_plug)

    resumed = Training(views, recipe, tmp_path / "parts")
    resumed.resume()
    assert 0 < resumed.standing.step < STEPS
    resumed.learn(seconds=1e9, steps=STEPS, examine_every_s=1e9)

    for one, other in zip(whole.pupil.parameters(), resumed.pupil.parameters(), strict=True):
        assert torch.equal(one, other)
    for one, other in zip(whole.average.parameters(), resumed.average.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_state_of_another_recipe_is_refused(views: Views, recipe: Recipe, tmp_path: Path) -> None:
    Training(views, recipe, tmp_path).keep()
    with pytest.raises(Refused):
        Training(views, replace(recipe, learning_rate=0.1), tmp_path).resume()
    with pytest.raises(Refused):
        Training(views, recipe, tmp_path / "nowhere").resume()


def test_views_are_made_once_and_do_not_depend_on_the_interruption(
    views: Views, recipe: Recipe, tmp_path: Path
) -> None:
    photos = gather(None, drawn=recipe.drawn, seed=recipe.seed)
    made = make_views(photos, recipe, teacher=TEACHER, folder=tmp_path, processes=1)
    assert np.array_equal(made.pixels, views.pixels)
    (tmp_path / "done-0").unlink()
    with pytest.raises(Refused):
        open_views(tmp_path)
    again = make_views(photos, recipe, teacher=TEACHER, folder=tmp_path, processes=1)
    assert np.array_equal(again.embeddings, views.embeddings)
    with pytest.raises(Refused):
        make_views(photos, replace(recipe, seed=8), teacher=TEACHER, folder=tmp_path, processes=1)


def test_views_are_changed_a_little_and_stay_in_range() -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (5, 64, 64, 3)).astype(np.uint8)
    one, other = (changed_again(pixels, np.random.default_rng(seed), size=48) for seed in (1, 2))
    assert one.shape == (5, 3, 48, 48)
    assert not torch.equal(one, other)
    assert one.abs().max() <= 1


def test_the_command_leaves_a_model_folder_that_answers_as_torch_does(tmp_path: Path) -> None:
    out, work = tmp_path / "eye", tmp_path / "work"
    order = Order(data=None, teacher=TEACHER, out=out, work=work, quick=True, steps=STEPS)
    lines: list[str] = []
    figures = train_encoder(order, say=lines.append)

    encoder = OnnxEncoder(out)
    assert encoder.encoder_id.startswith("builtin@")
    photos = [np.asarray(np.random.default_rng(place).integers(0, 256, (64, 64, 3)), np.uint8) for place in range(6)]
    eye = Eye(Recipe.quick())
    eye.load_state_dict(torch.load(work / "best.pt", weights_only=True))
    with torch.inference_mode():
        right = eye.eval()(scaled(torch.from_numpy(np.stack(photos)).permute(0, 3, 1, 2).float())).numpy()
    assert (encoder.encode_images(photos) * right).sum(axis=1).min() > 0.999
    assert figures.agreement.as_float > 0.999999

    assert Heads.open(out / "heads.npz").encoder_id == encoder.encoder_id
    assert len(json.loads((out / HISTORY_NAME).read_text(encoding="utf-8"))) == 1
    assert encoder.encoder_id in (out / CARD_NAME).read_text(encoding="utf-8")

    with pytest.raises(Refused):  # the work folder holds a state
        train_encoder(order)
    longer = replace(order, resume=True, steps=STEPS + 2)
    train_encoder(longer)
    assert OnnxEncoder(out).encoder_id != encoder.encoder_id


def test_training_goes_on_from_the_weights_of_a_finished_folder(tmp_path: Path) -> None:
    first = Order(data=None, teacher=TEACHER, out=tmp_path / "one", work=tmp_path / "1", quick=True, steps=STEPS)
    train_encoder(first)
    second = replace(first, out=tmp_path / "two", work=tmp_path / "2", start=first.out, steps=1)
    train_encoder(second)
    photos = [np.asarray(np.random.default_rng(place).integers(0, 256, (64, 64, 3)), np.uint8) for place in range(6)]
    before, after = (OnnxEncoder(folder).encode_images(photos) for folder in (first.out, second.out))
    assert (before * after).sum(axis=1).min() > 0.9  # one step at the beginning of the warm-up is hardly a change
    assert OnnxEncoder(first.out).encoder_id in (second.out / CARD_NAME).read_text(encoding="utf-8")


def test_weights_of_another_network_are_refused(views: Views, recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="another shape"):
        Training(views, recipe, tmp_path, start=TEACHER)
