"""`feira train encoder` from beginning to end: photos, views, lessons, weights, heads, card."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch

from feira.core.encoders.builtin import NAME
from feira.core.encoders.manifest import read_manifest
from feira.core.errors import Refused
from feira.core.types import Matrix
from feira.training.card import write_card
from feira.training.loop import BEST_NAME, STATE_NAME, Say, Training
from feira.training.package import Figures, finish
from feira.training.photos import gather, gather_held_out
from feira.training.recipe import Recipe
from feira.training.texts import text_rows
from feira.training.views import Views, make_views

HISTORY_NAME: Final = "history.json"
CARD_NAME: Final = "CARD.md"
_WORDS_NAME: Final = "words.npy"
# What was learned before would be lost at the pace at which random weights learn.
_GENTLER: Final = 0.6

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be trained.

    Attributes:
        data: folder of training photos as `feira.training.photos.gather` reads it; None for drawn photos alone.
        teacher: model folder whose embedding and classes are learned.
        words: folder of a sentence encoder, None to learn no words.
        start: model folder of an encoder trained by this command before, whose weights are the first ones.
        out: the finished model folder.
        work: views and state, several gigabytes; may be deleted afterwards.
        minutes: of learning, without the making of views and the examinations.
        resume: go on from the state in `work`.
        quick: a tiny network on few views, to see that everything works.
        processes: how many ask the teacher side by side; `threads`: cores that learn.
        examine_every_s: seconds of learning between two looks at the validation photos.
        steps: stop after so many batches instead of `minutes`; the same steps give the same weights on one machine.
    """

    data: Path | None
    teacher: Path
    out: Path
    work: Path
    words: Path | None = None
    start: Path | None = None
    minutes: float = 70.0
    seed: int = 7
    resume: bool = False
    quick: bool = False
    processes: int = 1
    threads: int = 1
    examine_every_s: float = 240.0
    steps: int | None = None


def train_encoder(order: Order, *, say: Say | None = None, progress: Progress | None = None) -> Figures:
    """Train an eye and write its model folder with `CARD.md` and `history.json`.

    Raises:
        Refused: there is nothing to train on; the work folder holds a state and `resume` is not asked for, or holds
            none and it is; the exported file does not give torch's answers.
        ManifestError: the teacher or the sentence encoder cannot be used.
    """
    if (order.work / STATE_NAME).exists() and not order.resume:
        raise Refused(f"{order.work} holds an unfinished training. Go on with --resume, or delete the folder.")
    torch.set_num_threads(order.threads)
    recipe = _recipe(order)
    photos = gather(order.data, drawn=recipe.drawn, seed=recipe.seed)
    held_out = gather_held_out(order.data) if order.data else []
    views = make_views(
        photos,
        recipe,
        teacher=order.teacher,
        folder=order.work / "views",
        processes=order.processes,
        progress=progress,
    )
    training = Training(views, recipe, order.work, words=_words(order, views), start=order.start)
    if order.resume:
        training.resume()
    else:
        (order.work / BEST_NAME).unlink(missing_ok=True)
    seconds = order.minutes * 60
    training.learn(seconds=seconds, examine_every_s=order.examine_every_s, say=say, steps=order.steps)
    test = _test_photos(order.data)
    figures = finish(training, photos, held_out, order.out, name=NAME, teacher=order.teacher, test=test, say=say)
    history = json.dumps(training.standing.history, indent=1)
    (order.out / HISTORY_NAME).write_text(f"{history}\n", encoding="utf-8")
    write_card(order.out / CARD_NAME, training, photos, held_out, figures, teacher=order.teacher, words=order.words)
    return figures


def _recipe(order: Order) -> Recipe:
    recipe = Recipe.quick(order.seed) if order.quick else replace(Recipe(), seed=order.seed)
    if order.start is None:
        return recipe
    return replace(recipe, start=read_manifest(order.start).encoder_id, learning_rate=recipe.learning_rate * _GENTLER)


def _words(order: Order, views: Views) -> Matrix | None:
    """Return a text vector per photo, kept in the work folder."""
    if order.words is None:
        return None
    kept = order.work / _WORDS_NAME
    if not kept.exists():
        np.save(kept, text_rows([photo.words for photo in views.photos], order.words))
    rows: Matrix = np.load(kept)
    return rows


def _test_photos(data: Path | None) -> tuple[Path, Path] | None:
    if data is None:
        return None
    gallery, queries = data / "clothing" / "train", data / "clothing" / "test"
    return (gallery, queries) if gallery.is_dir() and queries.is_dir() else None
