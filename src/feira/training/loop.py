"""The training itself: planned by the clock, stopped and taken up again at any moment, averaged and chosen."""

import copy
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from feira.core.errors import Refused
from feira.core.types import Matrix
from feira.training.continuing import go_on_from
from feira.training.examination import Marks, examine
from feira.training.lessons import Lessons, Projection, fit_projection
from feira.training.losses import losses
from feira.training.network import Eye, Pupil
from feira.training.recipe import Recipe
from feira.training.views import Views

STATE_NAME = "state.pt"
BEST_NAME = "best.pt"
_LARGEST_STEP = 3.0
_FIRST_LOOK = 256

Say = Callable[[str], None]


@dataclass
class Standing:
    """How far the training has come; everything in here survives a stop.

    Attributes:
        step: batches learned from.
        elapsed_s: time spent learning, pauses and examinations not counted.
        history: one entry per examination: step, elapsed_s, mean losses since the last one, marks.
        best: the highest overall mark so far.
    """

    step: int = 0
    elapsed_s: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    best: float = -1.0


class Training:
    """A pupil, the averaged copy of its eye, and what it needs to go on.

    Args:
        views: with the teacher's answers.
        recipe: shape, sizes and rates.
        folder: where the state is kept.
        words: a unit text vector per photo, or None.
        start: model folder of an encoder of the same shape whose weights are the first ones; None for random ones.
    """

    def __init__(
        self, views: Views, recipe: Recipe, folder: Path, *, words: Matrix | None = None, start: Path | None = None
    ) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.folder, self.views = recipe, folder, views
        self.projection: Projection = fit_projection(views, recipe.dim, seed=recipe.seed)
        self.lessons = Lessons.prepare(views, self.projection, recipe, words=words)
        self.pupil = Pupil(
            recipe,
            classes=views.logits.shape[1],
            heads={head: len(names) for head, names in self.lessons.heads.items()},
            words=0 if words is None else words.shape[1],
        )
        # Four times as fast on a CPU as colours first.
        self.pupil.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.rng = np.random.default_rng(recipe.seed)
        if start is not None:
            pixels, _ = self.lessons.batch(self.rng, count=_FIRST_LOOK, size=recipe.train_size)
            go_on_from(self.pupil.eye, start, pixels)
        self.average: Eye = copy.deepcopy(self.pupil.eye)
        self.optimiser = torch.optim.AdamW(
            _groups(self.pupil, recipe.weight_decay), lr=recipe.learning_rate, fused=True
        )
        self.standing = Standing()

    def learn(
        self,
        *,
        seconds: float,
        examine_every_s: float = 300.0,
        keep_every_s: float = 120.0,
        say: Say | None = None,
        steps: int | None = None,
    ) -> Standing:
        """Learn until `seconds` of learning have passed in all, counted over every resumption, or `steps` are done.

        The learning rate, the size of the views and the end depend on the share of the time that has passed, so that
        a slow machine does fewer steps of the same plan.

        Args:
            examine_every_s: seconds of learning between two looks at the validation photos.
            keep_every_s: seconds of learning that a stop may cost.
            say: told one line per look.
        """
        recipe, standing = self.recipe, self.standing
        self.pupil.train()
        since: dict[str, list[float]] = {}
        kept = examined = standing.elapsed_s
        while standing.elapsed_s < seconds and (steps is None or standing.step < steps):
            started = time.perf_counter()
            share = standing.elapsed_s / seconds if steps is None else standing.step / steps
            for name, value in self._step(share).items():
                since.setdefault(name, []).append(value)
            standing.step += 1
            standing.elapsed_s += min(time.perf_counter() - started, _LARGEST_STEP)
            is_over = standing.elapsed_s >= seconds or (steps is not None and standing.step >= steps)
            if is_over or standing.elapsed_s - examined >= examine_every_s:
                examined = standing.elapsed_s
                marks = examine(self.average, self.views, size=recipe.serve_size)
                self._note(marks, {name: float(np.mean(values)) for name, values in since.items()}, say)
                since = {}
            if is_over or standing.elapsed_s - kept >= keep_every_s:
                kept = standing.elapsed_s
                self.keep()
        return standing

    def _step(self, share: float) -> dict[str, float]:
        recipe = self.recipe
        size = recipe.last_size if share >= 1 - recipe.last_share else recipe.train_size
        for group in self.optimiser.param_groups:
            group["lr"] = recipe.learning_rate * _pace(share, recipe.warm_up)
        pixels, targets = self.lessons.batch(self.rng, count=recipe.batch, size=size)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            answers = self.pupil(pixels)
        parts = losses(answers, targets)
        whole = torch.stack([recipe.weights[name] * part for name, part in parts.items()]).sum()
        self.optimiser.zero_grad(set_to_none=True)
        whole.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.pupil.parameters(), 5.0)
        self.optimiser.step()
        self._follow()
        return {name: float(part.detach()) for name, part in (*parts.items(), ("whole", whole))}

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the averaged weights a little towards the trained ones; faster at the beginning."""
        keep = min(self.recipe.average, (1 + self.standing.step) / (10 + self.standing.step))
        own, trained = self.average.state_dict(), self.pupil.eye.state_dict()
        for name, value in own.items():
            if value.dtype.is_floating_point:
                value.lerp_(trained[name], 1 - keep)
            else:
                value.copy_(trained[name])

    def _note(self, marks: Marks, means: dict[str, float], say: Say | None) -> None:
        standing = self.standing
        standing.history.append(
            {"step": standing.step, "elapsed_s": round(standing.elapsed_s), "losses": means, "marks": asdict(marks)}
        )
        if marks.overall >= standing.best:
            standing.best = marks.overall
            _write(self.folder / BEST_NAME, self.average.state_dict())
        numbers = ", ".join(
            f"{source} {marks.accuracy[source]:.3f}/{marks.precision[source]:.3f}" for source in marks.accuracy
        )
        if say is None:
            return
        say(
            f"{standing.elapsed_s / 60:.1f} min, {standing.step * self.recipe.batch:,} views: "
            f"loss {means.get('whole', math.nan):.3f}, cosine {1 - means.get('cosine', math.nan):.3f}; {numbers}"
        )

    def keep(self) -> None:
        """Write everything that is needed to go on, beside the old state and then in its place."""
        _write(
            self.folder / STATE_NAME,
            {
                "recipe": json.dumps(asdict(self.recipe)),
                "pupil": self.pupil.state_dict(),
                "average": self.average.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "rng": json.dumps(self.rng.bit_generator.state),
                "torch_rng": torch.get_rng_state(),
                "standing": json.dumps(asdict(self.standing)),
            },
        )

    def resume(self) -> None:
        """Go on from the kept state.

        Raises:
            Refused: there is none, or it is of another recipe.
        """
        path = self.folder / STATE_NAME
        if not path.is_file():
            raise Refused(f"{self.folder} holds no {STATE_NAME}; start without --resume.")
        state = torch.load(path, weights_only=True)
        if json.loads(state["recipe"]) != json.loads(json.dumps(asdict(self.recipe))):
            raise Refused(f"The state in {self.folder} belongs to another recipe; start without --resume elsewhere.")
        self.pupil.load_state_dict(state["pupil"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.rng.bit_generator.state = json.loads(state["rng"])
        torch.set_rng_state(state["torch_rng"])
        self.standing = Standing(**json.loads(state["standing"]))

    def best_eye(self) -> Eye:
        """Return the averaged eye that did best on validation photos; the present average before any examination."""
        eye = copy.deepcopy(self.average)
        path = self.folder / BEST_NAME
        if path.is_file():
            eye.load_state_dict(torch.load(path, weights_only=True))
        return eye.eval()


def _pace(share: float, warm_up: float) -> float:
    """Return the share of the learning rate: a straight rise, then half a cosine wave down to 1 %."""
    if share < warm_up:
        return max(0.01, share / warm_up)
    return 0.01 + 0.99 * (1 + math.cos(math.pi * min(1.0, (share - warm_up) / (1 - warm_up)))) / 2


def _groups(pupil: Pupil, weight_decay: float) -> list[dict[str, Any]]:
    """Return matrices and kernels with decay, and biases and scales without."""
    decayed: list[Tensor] = [weight for weight in pupil.parameters() if weight.ndim > 1]
    free: list[Tensor] = [weight for weight in pupil.parameters() if weight.ndim <= 1]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": free, "weight_decay": 0.0}]


def _write(path: Path, value: object) -> None:
    beside = path.with_suffix(".new")
    torch.save(value, beside)
    beside.replace(path)
