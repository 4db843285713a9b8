"""What the pupil is corrected by: the teacher's answers first, what is known for certain second."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

UNKNOWN = -1
_TEMPERATURE = 2.0
_SMOOTHING = 0.1
_WORDS_SCALE = 14.0


class Targets(NamedTuple):
    """What is right for a batch of n views.

    Attributes:
        rows: the teacher's embeddings in our dimensions, unit rows, shape (n, dim).
        logits: the teacher's, shape (n, classes).
        labels: class numbers by head, `UNKNOWN` where the photo has no such label, shape (n,).
        words: unit text vectors, shape (n, words), or None.
    """

    rows: Tensor
    logits: Tensor
    labels: Mapping[str, Tensor]
    words: Tensor | None


def losses(answers: tuple[Tensor, Tensor, dict[str, Tensor], Tensor | None], targets: Targets) -> dict[str, Tensor]:
    """Return each loss by name, unweighted.

    - cosine: one minus the cosine to the teacher's embedding;
    - pairs: squared difference between the batch's own cosines and the teacher's (Tung and Mori, 2019), which is what
      nearest neighbours depend on;
    - soft: divergence from the teacher's classes at a temperature (Hinton and others, 2015);
    - labels: cross entropy of the known labels, the mean of all heads that know something of this batch;
    - words: each view must find its own text among those of the batch, where texts that mean the same share the credit.
    """
    rows, logits, by_head, words = answers
    found = {"cosine": 1 - (rows * targets.rows).sum(1).mean(), "pairs": _pairs(rows, targets.rows)}
    found["soft"] = _TEMPERATURE**2 * functional.kl_div(
        functional.log_softmax(logits / _TEMPERATURE, dim=1),
        functional.softmax(targets.logits / _TEMPERATURE, dim=1),
        reduction="batchmean",
    )
    found["labels"] = _labels(by_head, targets.labels, like=found["cosine"])
    if words is not None and targets.words is not None:
        found["words"] = _words(words, targets.words)
    return found


def _pairs(rows: Tensor, right: Tensor) -> Tensor:
    return ((rows @ rows.T - right @ right.T) ** 2).mean()


def _labels(by_head: dict[str, Tensor], right: Mapping[str, Tensor], *, like: Tensor) -> Tensor:
    parts = []
    for head, scores in by_head.items():
        known = right[head] != UNKNOWN
        if known.any():
            loss = functional.cross_entropy(scores[known], right[head][known], label_smoothing=_SMOOTHING)
            parts.append(loss * known.float().mean())
    return torch.stack(parts).sum() if parts else torch.zeros_like(like)


def _words(words: Tensor, right: Tensor) -> Tensor:
    means_the_same = functional.softmax(2 * _WORDS_SCALE * (right @ right.T), dim=1)
    return functional.cross_entropy(_WORDS_SCALE * words @ right.T, means_the_same)
