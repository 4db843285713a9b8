"""How often somebody may send a photo to search with."""

from rest_framework.throttling import UserRateThrottle


class PhotoThrottle(UserRateThrottle):
    """Counts per account, and per address for guests."""

    scope = "uploads"
