"""Which photos are never trained on: decided by the hash of a stable name, so that every tool agrees without a list."""

import hashlib

HELD_OUT_SHARE = 0.15
_STEPS = 10_000


def is_held_out(key: str) -> bool:
    """Whether what this key names is kept for evaluation and is never trained on, true for about 15 % of all keys.

    Args:
        key: a product's id as written in its table (`"1550"`), a sticker's code points (`"002a_20e3"`), so that two
            drawings of one sticker fall on the same side.

    >>> [key for key in ("1550", "1551", "1552", "1554", "1558", "1580", "1596") if is_held_out(key)]
    ['1596']
    """
    return place(key, salt="held out") < HELD_OUT_SHARE


def place(key: str, *, salt: str) -> float:
    """Return a number in [0, 1) that depends on nothing but the two texts, spread evenly over many keys.

    Compare it with a share to choose that share of the keys; another salt chooses independently of the first.
    """
    digest = hashlib.sha256(f"{salt}\n{key}".encode()).digest()
    return int.from_bytes(digest[:8]) % _STEPS / _STEPS
