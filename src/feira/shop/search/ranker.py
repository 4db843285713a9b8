"""The weights that order results: those that the shop learned, else those that Feira brings along."""

import structlog

from feira.core.recommend.ranking import InvalidWeights, Weights
from feira.shop.learning.selectors import live_part, live_version

PART = "query_ranker"
BUILT_IN = 0

log = structlog.get_logger(__name__)


class LiveWeights:
    """One process's copy of the live weights; every search asks for the version, which is one indexed query."""

    def __init__(self) -> None:
        self._kept: tuple[int, Weights] = (BUILT_IN, Weights())

    def get(self) -> Weights:
        """Return the weights in force."""
        version = live_version(PART)
        kept = self._kept
        if version != kept[0]:
            kept = self._kept = (version, self._read())
        return kept[1]

    def _read(self) -> Weights:
        part = live_part(PART)
        try:
            return Weights.unpack(bytes(part.content)) if part else Weights()
        except InvalidWeights as error:
            log.error("query_ranker_unreadable", reason=error.message)
            return Weights()


weights = LiveWeights()
