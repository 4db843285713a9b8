"""Linear heads from a shop's own photos: multinomial logistic regression over embeddings that stay as they are.

That a linear layer on a frozen network's embeddings tells most of what they hold, and how it is fitted (all rows at
once by L-BFGS, the ridge chosen on rows that the fit has not seen), is the linear probe of Kornblith, Shlens and Le
(2019) and Radford and others (2021). The loss of a photo x with the possible classes S is

    − log Σ_{k in S} softmax(W·x + b)_k,   averaged by weight, plus ridge/2 · ‖W‖²

With one possible class that is the usual one. Several stand for what people only said "no" to: every other class is
possible (learning with multiple labels, Jin and Ghahramani 2002).

Confidences mean what they say in two steps. The logits of unseen rows are divided by the temperature under which their
classes are least surprising (Guo and others 2017). And where common classes were sampled more thinly than rare ones,
the logarithm of each class's sampling rate is taken off its bias: sampling by class moves nothing else of a logistic
model (Prentice and Pyke 1979), so that rare classes are learned well and still called rare.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from feira.core.encoders.heads import NOTHING, Head, Heads
from feira.core.learning.minimise import minimise
from feira.core.learning.ridge import Doubles
from feira.core.types import Matrix

__all__ = ["NOTHING", "Examples", "FittedHead", "fair_shares", "fit_head", "heads_in", "pack_heads"]

RIDGES: Final = (1e-2, 1e-3, 1e-4, 1e-5)
FOLDS: Final = 5
# With so many rows one unseen fifth says enough, and the other four are left out to save time.
MANY_ROWS: Final = 5_000
_TEMPERATURES = np.geomspace(0.25, 4.0, 81, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Examples:
    """What a head is taught with.

    Attributes:
        rows: unit embeddings, float32, shape (n, dim).
        possible: bool, shape (n, classes): which classes each row may be; at least one.
        groups: int64, shape (n,): rows of one group are never parted, as photos of one listing.
        weights: float64, shape (n,), above 0: how much each row counts.
    """

    rows: Matrix
    possible: NDArray[np.bool_]
    groups: NDArray[np.int64]
    weights: Doubles

    def __post_init__(self) -> None:
        count = len(self.rows)
        if self.possible.shape[0] != count or self.groups.shape != (count,) or self.weights.shape != (count,):
            raise ValueError(f"{count} rows need as many entries of everything else.")
        if not self.possible.any(axis=1).all():
            raise ValueError("A row without any possible class teaches nothing; leave it out.")

    def of(self, places: NDArray[np.int64]) -> "Examples":
        """Return those of the rows."""
        return Examples(self.rows[places], self.possible[places], self.groups[places], self.weights[places])


@dataclass(frozen=True, slots=True)
class FittedHead:
    """A head, how it was fitted, and what it says of rows that the fit had not seen.

    Attributes:
        loss: mean surprise at unseen rows, in nats, with the temperature.
        unseen: places of rows that were seen by none of the fits that judged them.
        confidences: what those said, float32, shape (len(unseen), classes), calibrated as the head itself.
    """

    head: Head
    ridge: float
    temperature: float
    loss: float
    unseen: NDArray[np.int64]
    confidences: Matrix


def fit_head(
    examples: Examples,
    names: Sequence[str],
    *,
    rates: Doubles | None = None,
    seed: int = 0,
    tick: Callable[[], None] = lambda: None,
) -> FittedHead:
    """Fit one head; the same examples and seed give the same head.

    Args:
        names: of the classes, in the order of the columns of `possible`; sorted, and at least two.
        rates: shape (classes,), above 0: which share of each class's photos the examples hold; all alike when None.
        seed: of the folds.
        tick: called at every step; may raise to end early.

    Raises:
        ValueError: fewer than two classes, or fewer than two groups.
    """
    if len(names) < 2 or examples.possible.shape[1] != len(names):
        raise ValueError(f"{len(names)} names for {examples.possible.shape[1]} classes: a head needs two or more.")
    groups = np.unique(examples.groups)
    if len(groups) < 2:
        raise ValueError("All examples are of one group; nothing would be left to choose by.")
    unseen, logits = _unseen_logits(examples, _folds(examples.groups, groups, seed), tick)
    judged = examples.of(unseen)
    ridge, temperature, loss = min(
        ((ridge, *_calibrated(logits[ridge], judged)) for ridge in RIDGES), key=lambda choice: choice[2]
    )
    start = np.zeros((len(names), examples.rows.shape[1] + 1))
    for stronger in (each for each in RIDGES if each >= ridge):
        start = _regression(examples, stronger, start, tick)
    # Half precision, as it is kept: what is measured from here on is what serves.
    offset = np.zeros(len(names)) if rates is None else np.log(rates / rates.mean())
    weights = (start[:, :-1] / temperature).astype(np.float16).astype(np.float32)
    head = Head(tuple(names), weights, (start[:, -1] / temperature - offset).astype(np.float32))
    shares, _ = _scaled((logits[ridge] / temperature - offset).astype(np.float32))
    return FittedHead(head, ridge, temperature, loss, unseen, shares)


def fair_shares(counts: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return how many of each class to take so that there are at most `most`, rare classes whole and the others alike.

    >>> fair_shares(np.array([1000, 50, 10]), 160).tolist(), fair_shares(np.array([3, 4]), 160).tolist()
    ([100, 50, 10], [3, 4])
    """
    low, high = 0, int(counts.max(initial=0))
    while low < high:
        cap = (low + high + 1) // 2
        low, high = (cap, high) if int(np.minimum(counts, cap).sum()) <= most else (low, cap - 1)
    return np.minimum(counts, low)


def pack_heads(encoder_id: str, heads: Mapping[str, Head], *, upon: bytes | None = None) -> bytes:
    """Return heads as the bytes that `heads.npz` and the learned part "heads" hold.

    Args:
        upon: packed heads of the same encoder; those of other names stay, those of the same name give way.

    Raises:
        ManifestError: `upon` holds no heads, or such as read embeddings of another length.
    """
    below = Heads.unpack(upon).by_name if upon else {}
    return Heads(encoder_id, {**below, **heads}).pack()


def heads_in(content: bytes) -> Mapping[str, Head]:
    """Return the heads in bytes that `pack_heads` made, by name.

    Raises:
        ManifestError: the bytes hold no heads.
    """
    return Heads.unpack(content).by_name


def _folds(of_rows: NDArray[np.int64], groups: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Return the fold of each row, from 0; a group stays whole."""
    folds = min(FOLDS, len(groups))
    drawn = np.random.default_rng(seed).permutation(len(groups)) % folds
    fold: NDArray[np.int64] = drawn[np.searchsorted(groups, of_rows)]
    return fold


def _unseen_logits(
    examples: Examples, folds: NDArray[np.int64], tick: Callable[[], None]
) -> tuple[NDArray[np.int64], dict[float, Matrix]]:
    """Return the places of unseen rows and, by ridge, their logits by fits that did not see them."""
    tried = int(folds.max()) + 1 if len(examples.rows) < MANY_ROWS else 1
    places: list[NDArray[np.int64]] = []
    logits: dict[float, list[Matrix]] = {ridge: [] for ridge in RIDGES}
    for fold in range(tried):
        left_out = np.flatnonzero(folds == fold)
        taught = examples.of(np.flatnonzero(folds != fold))
        places.append(left_out)
        found = np.zeros((examples.possible.shape[1], examples.rows.shape[1] + 1))
        for ridge in RIDGES:  # the strongest first: each is where the next begins
            found = _regression(taught, ridge, found, tick)
            logits[ridge].append(_logits(examples.rows[left_out], found))
    return np.concatenate(places), {ridge: np.concatenate(parts) for ridge, parts in logits.items()}


def _regression(examples: Examples, ridge: float, start: Doubles, tick: Callable[[], None]) -> Doubles:
    """Return weights and, in the last column, biases, shape (classes, dim + 1)."""
    shares = (examples.weights / examples.weights.sum()).astype(np.float32)[:, None]
    shut = ~examples.possible

    def loss(flat: Doubles) -> tuple[float, Doubles]:
        found = flat.reshape(start.shape)
        logits = _logits(examples.rows, found)
        surprise, odds, within = _surprise(logits, shut)
        odds -= within
        odds *= shares
        slope = np.empty_like(found)
        slope[:, :-1] = odds.T @ examples.rows + ridge * found[:, :-1]
        slope[:, -1] = odds.sum(axis=0, dtype=np.float64)
        value = float(shares[:, 0].astype(np.float64) @ surprise) + ridge / 2 * float((found[:, :-1] ** 2).sum())
        return value, slope.ravel()

    return minimise(loss, start.ravel(), tick=tick).reshape(start.shape)


def _calibrated(logits: Matrix, judged: Examples) -> tuple[float, float]:
    """Return the temperature under which the rows are least surprising, and how surprising they are then."""
    shares, shut = judged.weights / judged.weights.sum(), ~judged.possible
    tried = [(float(each), float(shares @ _surprise(logits / each, shut)[0])) for each in _TEMPERATURES]
    return min(tried, key=lambda pair: pair[1])


def _surprise(logits: Matrix, shut: NDArray[np.bool_]) -> tuple[Matrix, Matrix, Matrix]:
    """Return −log of the share of the possible classes, all classes' shares, and the shares among the possible."""
    # Each is scaled by its own largest logit: a possible class may be so unlikely that its share rounds to nothing.
    odds, everything = _scaled(logits)
    within, allowed = _scaled(np.where(shut, np.float32(-np.inf), logits))
    return everything - allowed, odds, within


def _scaled(logits: Matrix) -> tuple[Matrix, Matrix]:
    """Return the shares of the classes in each row, and the logarithm of what they are shares of."""
    highest = logits.max(axis=1, keepdims=True)
    odds = np.exp(logits - highest)
    total = odds.sum(axis=1, keepdims=True)
    odds /= total
    return odds, (highest + np.log(total))[:, 0]


def _logits(rows: Matrix, found: Doubles) -> Matrix:
    narrow = found.astype(np.float32)
    logits: Matrix = rows @ narrow[:, :-1].T + narrow[:, -1]
    return logits
