"""How often somebody may say something."""

from rest_framework.throttling import UserRateThrottle


class FeedbackThrottle(UserRateThrottle):
    """Counts judgements, per account, and per address for guests."""

    scope = "feedback"


class ClickThrottle(UserRateThrottle):
    """Counts results that were opened."""

    scope = "clicks"
