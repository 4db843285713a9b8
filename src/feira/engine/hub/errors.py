"""Why a model did not come."""

from typing import ClassVar

from feira.core.errors import FeiraError


class PullFailed(FeiraError):
    """A model cannot be fetched, or what came is not what was promised; what served before still does."""

    code: ClassVar[str] = "pull_failed"


class Offline(PullFailed):
    """Something would have to be fetched, and this installation is told not to."""

    code: ClassVar[str] = "offline"
