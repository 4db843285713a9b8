"""Classifier heads on finished embeddings: logistic regression with a temperature, fitted in a minute."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from feira.core.encoders.heads import NOTHING, Head, Heads
from feira.core.types import Matrix
from feira.training.naming import HEADS
from feira.training.views import PhotoFacts

# Fewer examples than this teach no class.
_EXAMPLES = 8
# Penalty on the squared weights; chosen on validation photos of an early network, the same for all heads.
_RIDGE = 2e-5
_ITERATIONS = 150
_TEMPERATURES = np.geomspace(0.5, 3.0, 31)


class Score(NamedTuple):
    """How often a head's first name is right, of `photos` photos of which the answer is known and not `NOTHING`.

    `confidence` is the mean confidence in the first name, close to `accuracy` when it is calibrated.
    """

    accuracy: float
    confidence: float
    photos: int


def fit_heads(rows: Matrix, photos: Sequence[PhotoFacts], *, encoder_id: str) -> Heads:
    """Fit every head that has at least two classes with enough examples.

    Args:
        rows: unit embeddings, shape (n, dim), of the photos in their order. Photos marked for validation set the
            temperature, all others the weights.
    """
    taught = np.array([not photo.is_validation for photo in photos])
    heads = {}
    for name, read in HEADS.items():
        classes, numbers = _numbered([read(photo) for photo in photos], taught)
        if len([entry for entry in classes if entry != NOTHING]) < 2:
            continue
        known = numbers >= 0
        weights, bias = _regression(rows[known & taught], numbers[known & taught], len(classes))
        head = Head(tuple(classes), weights, bias)
        heads[name] = _calibrated(head, rows[known & ~taught], numbers[known & ~taught])
    return Heads(encoder_id, heads)


def score_heads(heads: Heads, rows: Matrix, photos: Sequence[PhotoFacts]) -> Mapping[str, Score]:
    """Return how right each head is about photos, by head; heads of which no photo knows the answer are left out."""
    answers = heads.classify(rows, top=1)
    scores = {}
    for name in heads.names:
        known = set(heads.classes(name))
        truths = [HEADS[name](photo) for photo in photos]
        pairs = [
            (answer[name][0], truth) for answer, truth in zip(answers, truths, strict=True) if truth in known and truth
        ]
        if pairs:
            right = [found == truth for (found, _), truth in pairs]
            sure = [confidence for (_, confidence), _ in pairs]
            scores[name] = Score(float(np.mean(right)), float(np.mean(sure)), len(pairs))
    return scores


def _numbered(truths: list[str | None], taught: NDArray[np.bool_]) -> tuple[list[str], NDArray[np.int64]]:
    """Return the classes with enough examples, sorted, and each photo's class number, -1 for unknown or too rare."""
    seen: dict[str, int] = {}
    for truth, is_taught in zip(truths, taught, strict=True):
        if truth is not None and is_taught:
            seen[truth] = seen.get(truth, 0) + 1
    classes = sorted(name for name, count in seen.items() if count >= _EXAMPLES)
    places = {name: place for place, name in enumerate(classes)}
    return classes, np.array([places.get(truth, -1) if truth is not None else -1 for truth in truths])


def _regression(
    rows: Matrix, numbers: NDArray[np.int64], classes: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return weights and bias of multinomial logistic regression with a ridge, by L-BFGS over all rows at once."""
    inward, right = torch.from_numpy(rows).float(), torch.from_numpy(numbers)
    weights = torch.zeros(classes, rows.shape[1], requires_grad=True)
    bias = torch.zeros(classes, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights, bias], max_iter=_ITERATIONS, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimiser.zero_grad()
        loss = functional.cross_entropy(inward @ weights.T + bias, right) + _RIDGE * weights.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    return weights.detach().numpy(), bias.detach().numpy()


def _calibrated(head: Head, rows: Matrix, numbers: NDArray[np.int64]) -> Head:
    """Divide the logits by the temperature under which unseen photos are least surprising (Guo and others, 2017)."""
    if not len(rows):
        return head
    logits = (rows @ head.weights.T + head.bias).astype(np.float64)

    def surprise(temperature: float) -> float:
        scaled = logits / temperature
        scaled -= scaled.max(axis=1, keepdims=True)
        chosen = np.take_along_axis(scaled, numbers[:, None], 1)[:, 0]
        return float((np.log(np.exp(scaled).sum(axis=1)) - chosen).mean())

    best = np.float32(min(_TEMPERATURES, key=surprise))
    return Head(head.names, head.weights / best, head.bias / best)
