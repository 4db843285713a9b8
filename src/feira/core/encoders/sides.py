"""The two sides of an encoder as its manifest describes them: how pictures go in, how words go in."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from feira.core.encoders.pixels import Preparation

Pool = Literal["none", "first", "mean", "spatial", "last"]
Padding = Literal["longest", "max"]
Clean = Literal["none", "lower", "canonical"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A classifier's output: one number per class, before softmax.

    Attributes:
        output_name: of the model's output.
        labels: name of each class, in order; empty when the model brings none.
    """

    output_name: str
    classes: int
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSide:
    """How a model takes pictures.

    Attributes:
        weights: path of the file that is run.
        input_name, output_name: of the model.
        pixels: how a photo is prepared.
        pool: how an answer with more than two axes becomes one row: `first` token, `mean` of the tokens, or `spatial`
            mean of a feature map.
        dim: length of the embedding.
        head: the classifier, if the model has one.
        batch: how many photos the model takes at once, None when it takes any number.
        settings: entries for the runtime's session options.
    """

    weights: Path
    input_name: str
    output_name: str
    pixels: Preparation
    dim: int
    pool: Pool = "none"
    head: Head | None = None
    batch: int | None = None
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def is_classic(self) -> bool:
        """Whether nothing but what the first manifests could say is said."""
        return self.pixels.is_classic and self.pool == "none" and self.output_name == "embedding"

    @property
    def recipe(self) -> str:
        """Everything that decides about an embedding besides the weights, as one line."""
        return f"{self.pixels} {self.pool} {self.output_name} {self.dim}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSide:
    """How a model takes words.

    Attributes:
        weights: path of the file that is run.
        tokenizer: path of the `tokenizer.json`.
        ids_name, mask_name, types_name: inputs of the model; the latter two may be empty, when it has none.
        output_name: of the model.
        pool: how an answer per token becomes one row: `first`, `last` or `mean` over the tokens that are no padding.
        max_tokens: longer texts are cut, marks of beginning and end kept.
        padding: to the `longest` text of a batch, or always to `max` tokens (CLIP and SigLIP).
        pad_id, pad_token: what is padded with.
        clean: done to the text first: `lower` case, or `canonical` (lower case without punctuation).
        dim: length of the embedding.
        settings: entries for the runtime's session options.
    """

    weights: Path
    tokenizer: Path
    ids_name: str
    mask_name: str
    types_name: str
    output_name: str
    dim: int
    max_tokens: int
    pool: Pool = "none"
    padding: Padding = "longest"
    pad_id: int = 0
    pad_token: str = "[PAD]"  # noqa: S105  (a token of a vocabulary)
    clean: Clean = "none"
    settings: dict[str, str] = field(default_factory=dict)


def pooled(answer: NDArray[Any], pool: Pool, mask: NDArray[Any] | None = None) -> NDArray[Any]:
    """Return one row per input from what a model answered.

    Args:
        answer: shape (n, dim), (n, dim, 1, 1), (n, tokens, dim), or (n, dim, height, width) for `spatial`.
        mask: shape (n, tokens), 1 for tokens and 0 for padding; without it every token counts.

    >>> pooled(np.array([[[1.0, 2.0], [3.0, 4.0]]]), "mean", np.array([[1, 0]]))
    array([[1., 2.]])
    """
    if pool == "spatial" and answer.ndim == 4:
        rows: NDArray[Any] = answer.mean(axis=(2, 3))
        return rows
    if pool in ("first", "mean", "last") and answer.ndim == 3:
        if pool == "first":
            return answer[:, 0]
        weights = np.ones(answer.shape[:2]) if mask is None else np.asarray(mask, dtype=np.float64)
        if pool == "last":
            ends = answer.shape[1] - 1 - np.argmax(weights[:, ::-1] > 0, axis=1)
            tokens: NDArray[Any] = answer[np.arange(len(answer)), ends]
            return tokens
        weighted: NDArray[Any] = (answer * weights[..., None]).sum(axis=1)
        weighted /= np.maximum(weights.sum(axis=1, keepdims=True), 1)
        return weighted
    return answer.reshape(answer.shape[:2]) if answer.ndim > 2 and set(answer.shape[2:]) == {1} else answer
