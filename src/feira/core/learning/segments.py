"""Groups of people who do alike: a table of figures becomes segments that stay the same from run to run.

Figures are brought to one scale first (`Scaling`). Then k-means runs for every number of segments in question, and the
number with the highest silhouette (Rousseeuw 1987) is taken. How far that can be trusted is measured by drawing the
people again with replacement, starting from another seed, and comparing who is together (Hubert, Arabie 1985).

All of this happens on a sample of at most `MOST_FITTED` rows, silhouettes on at most `MOST_COMPARED` of them; every row
is then given to its nearest centre, some ten thousand at a time. Time grows with the number of rows, and memory beyond
the table itself with 16 bytes a row.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from feira.core.learning.kmeans import Labels, Points, fit_centres, nearest
from feira.core.learning.partitions import adjusted_rand_index, distances_between, silhouette

FEWEST, MOST = 2, 8
MOST_FITTED = 10_000
MOST_COMPARED = 2_000
STARTS = 4
DRAWS = 6
OUTERMOST = 0.02
_ROWS_AT_ONCE = 65_536

Table = NDArray[np.float32]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Scaling:
    """Makes columns of any unit comparable, by dividing by how far they reach.

    By reach rather than by standard deviation: groups that lie far apart make a column's deviation large, and dividing
    by it would move them together again (Milligan, Cooper 1988).

    Attributes:
        logged: columns with a long tail, such as counts and prices, that are taken as log(1 + x). Shapes are (d,).
        lows, highs: between these lie all but the outermost 2 % on each side, or all figures where that would be a
            single one. What lies beyond counts as lying there: one extraordinary person is no segment.
        middles: medians, which stand for what is not known (NaN).
    """

    logged: NDArray[np.bool_]
    lows: Points
    highs: Points
    middles: Points

    @classmethod
    def fit(cls, rows: Table, logged: Sequence[bool]) -> "Scaling":
        """Read the scales off rows of shape (n, d); a column in which nothing is known becomes all zeros."""
        marked = np.array(logged, dtype=np.bool_)
        wide = _logged(rows, marked)
        # Columns one by one: a median over all of them would warn of those without a value.
        columns = [column[np.isfinite(column)] for column in wide.T]
        bounds = np.array([_bounds(column) for column in columns])
        middles = np.array([np.median(column) if len(column) else 0.0 for column in columns])
        return cls(marked, bounds[:, 0], bounds[:, 1], np.clip(middles, bounds[:, 0], bounds[:, 1]))

    def apply(self, rows: Table) -> Points:
        """Return rows of shape (n, d) as float64 without gaps: 0 for the median, and 1 as far as the column reaches."""
        wide = _logged(rows, self.logged)
        wide = np.clip(np.where(np.isfinite(wide), wide, self.middles), self.lows, self.highs)
        reach = self.highs - self.lows
        scaled: Points = (wide - self.middles) / np.where(reach > 0, reach, 1.0)
        return scaled


@dataclass(frozen=True, eq=False)
class Segments:
    """Who belongs together.

    Attributes:
        labels: shape (n,): 0 for the largest segment, then 1, and so on.
        centres: shape (k, d), in the units of `scaling`.
        silhouette: of the chosen number of segments, −1 to 1; below 0.25 there is hardly any structure (Kaufman,
            Rousseeuw 1990).
        stability: mean adjusted Rand index between these segments and those of people drawn again, −1 to 1.
        tried: number of segments and its silhouette, for each that was tried.
    """

    labels: Labels
    centres: Points
    scaling: Scaling
    silhouette: float
    stability: float
    tried: tuple[tuple[int, float], ...]

    @property
    def k(self) -> int:
        """How many segments there are."""
        return len(self.centres)


def _no_progress(_done: int, _total: int) -> None:
    """Tell nobody."""


def find_segments(
    rows: Table, logged: Sequence[bool], *, k: int | None = None, seed: int = 0, progress: Progress = _no_progress
) -> Segments:
    """Part rows into segments; the same rows give the same segments, in whatever order they come.

    Args:
        rows: shape (n, d); NaN where a figure is not known, which then counts as the median.
        logged: which columns have a long tail.
        k: how many segments; chosen from `FEWEST` to `MOST` by silhouette when None, the fewer of equally good ones.
            Fewer come back when there are fewer different rows.
        progress: called with what is done and what there is to do; may raise to stop.

    Raises:
        ValueError: there are fewer than two rows, or the columns do not match.
    """
    count, width = rows.shape
    if count < 2 or width != len(logged):
        raise ValueError(f"A table of {count} × {width} with {len(logged)} marks cannot be parted.")
    choices = range(FEWEST, min(MOST, count) + 1) if k is None else range(k, k + 1)
    steps = len(choices) + DRAWS + 1
    # From here on rows have one order, whatever order they came in, so that everything drawn by the seed is the same.
    order = np.lexsort(rows.T[::-1])
    rng = np.random.default_rng(seed)
    sample = rows[order[_drawn(count, MOST_FITTED, rng)]]
    scaling = Scaling.fit(sample, logged)
    points = scaling.apply(sample)
    compared = _drawn(len(points), MOST_COMPARED, rng)
    distances = distances_between(points[compared])
    fits, tried = [], []
    for done, number in enumerate(choices):
        progress(done, steps)
        fits.append(fit_centres(points, number, rng=rng, starts=STARTS).centres)
        tried.append((number, silhouette(distances, nearest(points[compared], fits[-1])[0])))
    best = max(range(len(tried)), key=lambda place: (tried[place][1], -place))
    centres = fits[best]
    agreements = []
    for done in range(DRAWS):
        progress(len(choices) + done, steps)
        agreements.append(_agreement(points, centres, rng))
    progress(steps - 1, steps)
    labels, centres = _by_size(_given(rows, order, scaling, centres), centres)
    return Segments(labels, centres, scaling, tried[best][1], float(np.mean(agreements)), tuple(tried))


@dataclass(frozen=True, eq=False)
class Profiles:
    """What tells segments from everybody.

    Attributes:
        means: shape (k, d): of what is known, in the columns' own units; NaN where nothing is.
        overall: shape (d,): the same of everybody.
        differences: shape (k, d): of scaled figures, from everybody's mean, in everybody's standard deviations.
    """

    means: Points
    overall: Points
    differences: Points


def profiles_of(rows: Table, found: Segments) -> Profiles:
    """Return what tells segments apart, of the rows that they were found in."""
    shape = (found.k, rows.shape[1])
    known, sums, scaled = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    squares = np.zeros(rows.shape[1])
    for part in _parts(len(rows)):
        belongs = (found.labels[part] == np.arange(found.k)[:, None]).astype(np.float64)
        points = found.scaling.apply(rows[part])
        figures = rows[part].astype(np.float64)
        is_known = np.isfinite(figures)
        known += belongs @ is_known
        sums += belongs @ np.where(is_known, figures, 0.0)
        scaled += belongs @ points
        squares += (points**2).sum(axis=0)
    sizes = np.bincount(found.labels, minlength=found.k)[:, None]
    middle = scaled.sum(axis=0) / len(rows)
    spread = np.sqrt(np.maximum(squares / len(rows) - middle**2, 0))
    differences = (scaled / sizes - middle) / np.where(spread > 1e-9, spread, 1.0)
    every = known.sum(axis=0)
    return Profiles(
        means=np.where(known > 0, sums / np.maximum(known, 1), np.nan),
        overall=np.where(every > 0, sums.sum(axis=0) / np.maximum(every, 1), np.nan),
        differences=np.where(spread > 1e-9, differences, 0.0),
    )


def _agreement(points: Points, centres: Points, rng: np.random.Generator) -> float:
    """Draw the rows again, find as many segments in them, and tell how much they agree about the rows themselves."""
    again = points[rng.integers(len(points), size=len(points))]
    other = fit_centres(again, len(centres), rng=rng, starts=max(STARTS // 2, 1)).centres
    return adjusted_rand_index(nearest(points, centres)[0], nearest(points, other)[0])


def _given(rows: Table, order: NDArray[np.int64], scaling: Scaling, centres: Points) -> Labels:
    labels = np.empty(len(rows), dtype=np.int32)
    for part in _parts(len(rows)):
        labels[order[part]] = nearest(scaling.apply(rows[order[part]]), centres)[0]
    return labels


def _by_size(labels: Labels, centres: Points) -> tuple[Labels, Points]:
    """Number segments by size, the largest first, equally large ones by their centres; those without rows leave."""
    sizes = np.bincount(labels, minlength=len(centres))
    ranked = sorted(np.flatnonzero(sizes), key=lambda place: (-sizes[place], *centres[place].tolist()))
    numbers = np.full(len(centres), -1, dtype=np.int32)
    numbers[ranked] = np.arange(len(ranked))
    return numbers[labels], centres[ranked]


def _drawn(count: int, most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the places of at most `most` rows, ascending."""
    return np.arange(count) if count <= most else np.sort(rng.choice(count, most, replace=False))


def _bounds(column: Points) -> tuple[float, float]:
    """Return between which figures a column lies; taken inwards: of a few dozen the outermost one is left out, too."""
    if not len(column):
        return 0.0, 0.0
    low = float(np.quantile(column, OUTERMOST, method="higher"))
    high = float(np.quantile(column, 1 - OUTERMOST, method="lower"))
    return (low, high) if low < high else (float(column.min()), float(column.max()))


def _logged(rows: Table, logged: NDArray[np.bool_]) -> Points:
    wide = rows.astype(np.float64)
    wide[:, logged] = np.log1p(np.maximum(wide[:, logged], 0))
    return wide


def _parts(count: int) -> Iterator[slice]:
    return (slice(start, start + _ROWS_AT_ONCE) for start in range(0, count, _ROWS_AT_ONCE))
