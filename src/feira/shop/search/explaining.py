"""Why a result stands where it stands, as bars."""

from collections.abc import Mapping
from typing import TypedDict

import numpy as np
from django.utils.formats import number_format
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray

from feira.core.recommend.ranking import FEATURES

LABELS = {
    "words": _("Words"),
    "picture": _("Picture"),
    "tags": _("Seen in it"),
    "feedback": _("Feedback"),
    "freshness": _("New"),
    "popularity": _("Popular"),
    "rule": _("House rule"),
}


class Bar(TypedDict):
    """One part of a score: `width` is from 0 to 100, `value` is what the part adds, as text."""

    name: str
    label: str
    value: str
    width: int
    is_against: bool


def bars(parts: NDArray[np.float32], *, longest: float) -> list[Bar]:
    """Return the parts that add or take anything, in the order of the features.

    Args:
        longest: the part that fills a bar, above zero; one value for a page makes its results comparable.
    """
    return [
        Bar(
            name=name,
            label=str(LABELS[name]),
            value=_number(part),
            width=max(1, round(min(abs(part) / longest, 1.0) * 100)),
            is_against=part < 0,
        )
        for name, part in zip(FEATURES, parts.tolist(), strict=True)
        if abs(part) >= 0.0005
    ]


def longest_part(parts: Mapping[int, NDArray[np.float32]]) -> float:
    """Return the largest part on a page, 1 when there is none."""
    return max((float(np.abs(row).max()) for row in parts.values()), default=0.0) or 1.0


def score_text(parts: NDArray[np.float32]) -> str:
    """Return the sum of the parts as text."""
    return _number(float(parts.sum()))


def _number(value: float) -> str:
    return number_format(round(value, 3), 3).replace("-", "−")
