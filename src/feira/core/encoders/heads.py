"""Linear heads over embeddings: what a photo shows, by name and with a confidence that means what it says."""

import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from feira.core.errors import DimensionMismatch, ManifestError
from feira.core.types import Matrix

HEADS_NAME: Final = "heads.npz"
NOTHING: Final = ""
"""The class of a head for photos that it has nothing to say of: a mug has no gender, a shirt is no kind of sticker."""

Named = list[tuple[str, float]]


@dataclass(frozen=True, slots=True)
class Head:
    """One question with its possible answers.

    Attributes:
        names: of the classes, sorted; may hold `NOTHING`.
        weights: float32, shape (classes, dim); the temperature that calibrates the confidence is part of them.
        bias: float32, shape (classes,).
    """

    names: tuple[str, ...]
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]

    def confidences(self, rows: Matrix) -> NDArray[np.float32]:
        """Return shape (n, classes); each row adds up to one."""
        logits = rows @ self.weights.T + self.bias
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares: NDArray[np.float32] = (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)
        return shares


class Heads:
    """All heads that belong to one encoder.

    Args:
        encoder_id: of the encoder whose embeddings they read; those of another mean nothing to them.
        heads: by name, as in `kind`, `colour`, `gender`, `usage`, `sticker`.
    """

    def __init__(self, encoder_id: str, heads: Mapping[str, Head]) -> None:
        if len({head.weights.shape[1] for head in heads.values()}) > 1:
            raise ManifestError("The heads read embeddings of different lengths; they cannot belong to one encoder.")
        self.encoder_id = encoder_id
        self._heads = dict(sorted(heads.items()))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the heads, sorted."""
        return tuple(self._heads)

    @property
    def by_name(self) -> Mapping[str, Head]:
        """Every head, in the order of the names."""
        return self._heads

    @property
    def dim(self) -> int:
        """Length of the embeddings that they read; 0 without any head."""
        return next((head.weights.shape[1] for head in self._heads.values()), 0)

    def classes(self, head: str) -> tuple[str, ...]:
        """Return the names that a head can give, sorted.

        Raises:
            KeyError: there is no such head.
        """
        return tuple(name for name in self._heads[head].names if name != NOTHING)

    def classify(self, rows: Matrix, *, top: int = 3, least: float = 0.0) -> list[dict[str, Named]]:
        """Return per row, per head, the names that fit best with their confidence from 0 to 1, best first.

        A head that has most likely nothing to say of a photo gives low confidences or, with `least`, an empty list.

        Args:
            rows: shape (n, dim), unit rows of the encoder named in `encoder_id`.
            top: at most so many names a head.
            least: names of which the head is less sure are left out.

        Raises:
            DimensionMismatch: the rows are of another encoder.
        """
        if self._heads and (rows.ndim != 2 or rows.shape[1] != self.dim):
            raise DimensionMismatch(expected=self.dim, got=rows.shape[-1])
        answers: list[dict[str, Named]] = [{} for _ in rows]
        for name, head in self._heads.items():
            for answer, shares in zip(answers, head.confidences(rows), strict=True):
                order = np.argsort(-shares, kind="stable")
                chosen = [place for place in order if head.names[place] != NOTHING and shares[place] >= least]
                answer[name] = [(head.names[place], float(shares[place])) for place in chosen[:top]]
        return answers

    def pack(self) -> bytes:
        """Return everything as an `.npz` of plain arrays; weights are kept as float16."""
        arrays: dict[str, NDArray[Any]] = {"encoder_id": np.array(self.encoder_id)}
        for name, head in self._heads.items():
            arrays[f"{name}/names"] = np.array(head.names)
            arrays[f"{name}/weights"] = head.weights.astype(np.float16)
            arrays[f"{name}/bias"] = head.bias.astype(np.float32)
        stream = BytesIO()
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]  # numpy types the name `allow_pickle` alone
        return stream.getvalue()

    @classmethod
    def unpack(cls, content: bytes) -> Self:
        """Return the heads that `pack` wrote.

        Raises:
            ManifestError: the bytes are nothing that `pack` wrote.
        """
        try:
            with np.load(BytesIO(content), allow_pickle=False) as arrays:
                encoder_id = str(arrays["encoder_id"])
                return cls(encoder_id, {name: _head(arrays, name) for name in _names(arrays.files)})
        except (KeyError, OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise ManifestError(f"These are no classifier heads ({error}); train or fetch them again.") from error

    @classmethod
    def open(cls, path: Path) -> Self:
        """Return the heads of a file, `heads.npz` of a model folder.

        Raises:
            ManifestError: the file cannot be read or holds no heads.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ManifestError(f"{path} cannot be read ({error.strerror}).") from error
        return cls.unpack(content)


def _names(files: Iterable[str]) -> set[str]:
    return {file.rpartition("/")[0] for file in files if "/" in file}


def _head(arrays: Mapping[str, NDArray[Any]], name: str) -> Head:
    names = tuple(str(entry) for entry in arrays[f"{name}/names"])
    weights, bias = arrays[f"{name}/weights"].astype(np.float32), arrays[f"{name}/bias"].astype(np.float32)
    if weights.ndim != 2 or weights.shape[0] != len(names) or bias.shape != (len(names),):
        raise ValueError(f"{name} has {len(names)} names, weights {weights.shape} and bias {bias.shape}")
    return Head(names, weights, bias)
