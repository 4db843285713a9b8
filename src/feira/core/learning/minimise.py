"""The minimum of a smooth function of many numbers: limited-memory BFGS (Liu and Nocedal 1989)."""

from collections import deque
from collections.abc import Callable
from typing import Final

import numpy as np

from feira.core.learning.ridge import Doubles

Slope = Callable[[Doubles], tuple[float, Doubles]]

_MEMORY: Final = 10
_SUFFICIENT, _CURVED = 1e-4, 0.9
_TRIALS: Final = 30


def minimise(
    function: Slope,
    start: Doubles,
    *,
    tolerance: float = 1e-5,
    most_steps: int = 200,
    tick: Callable[[], None] = lambda: None,
) -> Doubles:
    """Return where a function is smallest near the start; of a convex one that is the minimum.

    Each step fulfils the weak Wolfe conditions, found by bisection (Lewis and Overton 2013), so that the estimate of
    the curvature stays positive definite. The same input gives the same output.

    Args:
        function: returns the value and the slope, shape (n,), at a point of shape (n,).
        tolerance: ends when no entry of the slope is larger.
        most_steps: ends after so many steps at the latest.
        tick: called once a step; may raise to end early.

    >>> minimise(lambda x: (float(((x - 3) ** 2).sum()), 2 * (x - 3)), np.zeros(2)).round(4).tolist()
    [3.0, 3.0]
    """
    at = np.array(start, dtype=np.float64)
    value, slope = function(at)
    pairs: deque[tuple[Doubles, Doubles]] = deque(maxlen=_MEMORY)
    for _step in range(most_steps):
        tick()
        if float(np.abs(slope).max(initial=0.0)) <= tolerance:
            break
        direction = -_times_inverse_curvature(slope, pairs)
        first = 1.0 if pairs else min(1.0, 1.0 / float(np.linalg.norm(slope)))
        found = _along(function, at, direction, value=value, slope=slope, step=first)
        if found is None:
            break  # rounding hides any further descent
        moved, value, fresh = found
        change, bend = moved - at, fresh - slope
        if float(change @ bend) > 1e-12 * float(bend @ bend):
            pairs.append((change, bend))
        at, slope = moved, fresh
    return at


def _times_inverse_curvature(slope: Doubles, pairs: deque[tuple[Doubles, Doubles]]) -> Doubles:
    """Return the two-loop recursion (Nocedal and Wright 2006, algorithm 7.4)."""
    left = slope.copy()
    shares = []
    for change, bend in reversed(pairs):
        share = float(change @ left) / float(change @ bend)
        left -= share * bend
        shares.append(share)
    if pairs:
        change, bend = pairs[-1]
        left *= float(change @ bend) / float(bend @ bend)
    for (change, bend), share in zip(pairs, reversed(shares), strict=True):
        left += (share - float(bend @ left) / float(change @ bend)) * change
    return left


def _along(
    function: Slope, at: Doubles, direction: Doubles, *, value: float, slope: Doubles, step: float
) -> tuple[Doubles, float, Doubles] | None:
    """Return a point along a direction that is low and flat enough, with value and slope; None when none is lower."""
    descent = float(slope @ direction)
    if descent >= 0:
        return None
    low, high = 0.0, np.inf
    best: tuple[Doubles, float, Doubles] | None = None
    for _trial in range(_TRIALS):
        moved = at + step * direction
        there, fresh = function(moved)
        if not there <= value + _SUFFICIENT * step * descent:
            high = step
        else:
            best = moved, there, fresh
            if float(fresh @ direction) >= _CURVED * descent:
                return best
            low = step
        step = (low + high) / 2 if high < np.inf else 2 * low
    return best
