"""Where chance comes from: a generator for each operation of each variant of each photo, whoever asks and whenever."""

import hashlib
import math
from random import Random

from feira.core.augment.fields import Bounds

_PURPOSE = "feira.augment/1"
_DECIMALS = 4


def generator(*, seed: int, key: str, variant: int, place: int) -> Random:
    """Return the generator of the operation at `place` (from 0) of a variant of the photo called `key`.

    It depends on nothing else: not on the photos before it, on the process or on what the operations before it drew.
    Python promises that `Random(int).random()` gives the same numbers in every version.
    """
    name = "\0".join((_PURPOSE, str(seed), str(variant), str(place), key))
    return Random(int.from_bytes(hashlib.sha256(name.encode()).digest(), "big"))


def uniform(rng: Random, bounds: Bounds) -> float:
    """Return a number within the bounds, of four decimals: what is written down is what is used.

    >>> uniform(Random(0), (0.5, 0.5)), uniform(Random(0), (-1, 1))
    (0.5, 0.6888)
    """
    low, high = bounds
    return min(high, max(low, round(low + (high - low) * rng.random(), _DECIMALS)))


def log_uniform(rng: Random, bounds: Bounds) -> float:
    """Return a number within positive bounds such that doubling is as likely as halving."""
    low, high = bounds
    drawn = math.exp(math.log(low) + (math.log(high) - math.log(low)) * rng.random())
    return min(high, max(low, round(drawn, _DECIMALS)))


def whole(rng: Random, bounds: Bounds) -> int:
    """Return a whole number within the bounds, both included.

    >>> sorted({whole(Random(seed), (1, 3)) for seed in range(20)})
    [1, 2, 3]
    """
    low, high = int(bounds[0]), int(bounds[1])
    return low + int((high - low + 1) * rng.random())
