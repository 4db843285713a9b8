"""The bridge from words to pictures: a linear map, learned in closed form from photos and what was written about them.

Ridge regression takes an image vector x to text vectors t: x·W ≈ t. Since t·(x·W) = (W·t)·x, the vector W·t is a query
that an index of image vectors answers, and no second index is needed. Two things were added to plain ridge and lift
retrieval by a third (ADR 0014): text vectors are centred, and what most titles of a shop share counts less, by a power
of their covariance between none (plain ridge) and all (canonical correlation, which forgets short, general words):

    query = (X'X + λ)⁻¹ · X'T · (T'T + μ)^-⅔ · (t − mean t)

All three products are sums over pairs, so the fit's memory does not grow with the catalogue, and a prior is simply the
sums over other pairs.
"""

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from feira.core.errors import DimensionMismatch
from feira.core.learning.packing import PackCorrupt, pack, unpack
from feira.core.learning.ridge import Doubles, PairSums, power_of
from feira.core.types import Matrix

IMAGE_RIDGES: Final = (0.1, 0.3, 1.0, 3.0)
TEXT_RIDGE: Final = 5.0
TEXT_POWER: Final = -2 / 3
PRIOR_SHARES: Final = (0.0, 0.03, 0.1, 0.3, 1.0)
KIND: Final = "bridge 1"
PRIOR_KIND: Final = "bridge prior 1"


@dataclass(frozen=True, slots=True)
class Bridge:
    """Takes text vectors of one text encoder to queries among the image vectors of one image encoder.

    Attributes:
        encoder_id, text_id: between whose vectors it leads.
        matrix: float32, shape (image_dim, text_dim).
        centre: mean of the text vectors it was fitted on, shape (text_dim,).
    """

    encoder_id: str
    text_id: str
    matrix: Matrix
    centre: Matrix

    def to_image_space(self, texts: Matrix) -> Matrix:
        """Return one float32 row per text vector, shape (n, image_dim), of unit length.

        A row of zeros (a text that says nothing) stays one: it scores every photo alike.

        Raises:
            DimensionMismatch: the vectors have another length than those of the bridge's text encoder.
        """
        if texts.ndim != 2 or texts.shape[1] != len(self.centre):
            raise DimensionMismatch(expected=len(self.centre), got=texts.shape[-1])
        rows = (texts - self.centre) @ self.matrix.T
        rows[~texts.any(axis=1)] = 0.0
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        unit: Matrix = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0).astype(np.float32)
        return unit

    def pack(self) -> bytes:
        """Return the bridge as bytes, half precision; `unpack` reads them."""
        facts = {"encoder_id": self.encoder_id, "text_id": self.text_id}
        return pack(KIND, facts, {"matrix": self.matrix.astype(np.float16), "centre": self.centre})

    @classmethod
    def unpack(cls, content: bytes) -> Self:
        """Read what `pack` wrote.

        Raises:
            PackCorrupt: the bytes are no bridge.
        """
        facts, arrays = unpack(content, KIND)
        try:
            matrix, centre = arrays["matrix"].astype(np.float32), arrays["centre"].astype(np.float32)
            encoder_id, text_id = str(facts["encoder_id"]), str(facts["text_id"])
        except KeyError as error:
            raise PackCorrupt(f"A bridge lacks {error}; fit it again.") from error
        if matrix.ndim != 2 or centre.shape != matrix.shape[1:] or not np.isfinite(matrix).all():
            raise PackCorrupt(f"A bridge of shapes {matrix.shape} and {centre.shape} leads nowhere; fit it again.")
        return cls(encoder_id=encoder_id, text_id=text_id, matrix=matrix, centre=centre)


def fit_bridge(
    sums: PairSums, *, encoder_id: str, text_id: str, image_ridge: float = 0.3, text_ridge: float = TEXT_RIDGE
) -> Bridge:
    """Fit a bridge to sums over pairs of an image vector and a text vector.

    Args:
        image_ridge, text_ridge: λ and μ of the formula above, in pairs; both above zero.

    Raises:
        ValueError: the sums are over nothing.
    """
    within, across, among_texts = sums.centred()
    weights = np.asarray(np.linalg.solve(within + image_ridge * np.eye(len(within)), across), dtype=np.float64)
    matrix: Doubles = weights @ power_of(among_texts, TEXT_POWER, ridge=text_ridge)
    # The scale means nothing to a query; this one keeps half precision far from its limits.
    matrix /= max(float(np.abs(matrix).max()), 1e-30)
    return Bridge(
        encoder_id=encoder_id,
        text_id=text_id,
        matrix=matrix.astype(np.float32),
        centre=(sums.second / sums.weight).astype(np.float32),
    )


def reciprocal_ranks(queries: Matrix, images: Matrix) -> list[float]:
    """Search each query among all the images; one over the place of its own image, whose row has the same number.

    Photos that score exactly alike share the mean of their places, so that a bridge to nowhere gains nothing.
    """
    ranks: list[float] = []
    for start in range(0, len(queries), 256):
        scores = queries[start : start + 256] @ images.T
        own = np.take_along_axis(scores, np.arange(start, start + len(scores))[:, None], axis=1)
        better, alike = np.count_nonzero(scores > own, axis=1), np.count_nonzero(scores == own, axis=1)
        ranks += (1.0 / (1 + better + (alike - 1) / 2)).tolist()
    return ranks


def choose_bridge(
    sums: PairSums,
    *,
    encoder_id: str,
    text_id: str,
    texts: Matrix,
    images: Matrix,
    prior: PairSums | None = None,
) -> tuple[Bridge, dict[str, float]]:
    """Fit with several strengths of the ridge and of the prior, and return the one that finds most of the other pairs.

    Args:
        sums: over the shop's own pairs, without those in `texts` and `images`.
        texts, images: pairs to choose by, row by row; measured by mean reciprocal rank among themselves.
        prior: sums over pairs from elsewhere between the same two encoders.

    Returns:
        the bridge, and the facts `image_ridge`, `prior_share` and `mrr` of the choice.
    """
    shares = PRIOR_SHARES if prior is not None else (0.0,)
    tried = [
        _measured(sums, prior, share, ridge, encoder_id=encoder_id, text_id=text_id, texts=texts, images=images)
        for share in shares
        for ridge in IMAGE_RIDGES
    ]
    return max(tried, key=lambda outcome: outcome[1]["mrr"])


def _measured(
    sums: PairSums,
    prior: PairSums | None,
    share: float,
    ridge: float,
    *,
    encoder_id: str,
    text_id: str,
    texts: Matrix,
    images: Matrix,
) -> tuple[Bridge, dict[str, float]]:
    both = sums if prior is None or not share else sums.plus(prior, share=share)
    bridge = fit_bridge(both, encoder_id=encoder_id, text_id=text_id, image_ridge=ridge)
    mrr = float(np.mean(reciprocal_ranks(bridge.to_image_space(texts), images))) if len(texts) else 0.0
    return bridge, {"image_ridge": ridge, "prior_share": share, "mrr": mrr}


def pack_prior(sums: PairSums, *, encoder_id: str, text_id: str) -> bytes:
    """Return sums over pairs as bytes, half precision where that does no harm: what a prior is shipped as."""
    mean = 1.0 / sums.weight
    arrays: dict[str, NDArray[Any]] = {
        "first": (sums.first * mean).astype(np.float32),
        "second": (sums.second * mean).astype(np.float32),
        # The inverse of this one is taken: half precision would show.
        "first_first": (sums.first_first * mean)[np.triu_indices(sums.dims[0])].astype(np.float32),
        "first_second": (sums.first_second * mean).astype(np.float16),
        "second_second": (sums.second_second * mean)[np.triu_indices(sums.dims[1])].astype(np.float16),
    }
    facts = {"encoder_id": encoder_id, "text_id": text_id, "weight": sums.weight}
    return pack(PRIOR_KIND, facts, arrays)


def unpack_prior(content: bytes) -> tuple[PairSums, str, str]:
    """Return what `pack_prior` was given: the sums, the encoder's id and the text encoder's id.

    Raises:
        PackCorrupt: the bytes are no prior.
    """
    facts, arrays = unpack(content, PRIOR_KIND)
    try:
        weight = float(facts["weight"])
        first, second = (arrays[name].astype(np.float64) * weight for name in ("first", "second"))
        sums = PairSums(
            weight,
            first,
            second,
            _symmetric(arrays["first_first"], len(first)) * weight,
            arrays["first_second"].astype(np.float64).reshape(len(first), len(second)) * weight,
            _symmetric(arrays["second_second"], len(second)) * weight,
        )
        return sums, str(facts["encoder_id"]), str(facts["text_id"])
    except (KeyError, ValueError, IndexError) as error:
        raise PackCorrupt(f"A prior of a bridge is incomplete ({error}); train it again.") from error


def _symmetric(upper: NDArray[Any], dim: int) -> Doubles:
    """Return the symmetric matrix with this upper triangle, given row by row."""
    matrix = np.zeros((dim, dim))
    matrix[np.triu_indices(dim)] = upper
    return matrix + np.triu(matrix, 1).T
