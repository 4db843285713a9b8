"""Questions about learned parts."""

from django.db.models import QuerySet

from feira.shop.learning.models import Decision, LearnedPart


def live_part(part: str, about: str = "") -> LearnedPart | None:
    """Return the version that serves, or None while the built-in default does. One indexed query, no caching."""
    return LearnedPart.objects.filter(part=part, about=about, state=LearnedPart.State.LIVE).first()


def live_version(part: str, about: str = "") -> int:
    """Return the number of the version that serves, 0 for none: cheap enough to ask before using a kept copy."""
    live = LearnedPart.objects.filter(part=part, about=about, state=LearnedPart.State.LIVE)
    return live.values_list("version", flat=True).first() or 0


def learned_parts() -> QuerySet[LearnedPart]:
    """List all versions without their bytes, newest first within their part."""
    return LearnedPart.objects.defer("content").select_related("decided_by")


def decisions_about(part: LearnedPart) -> QuerySet[Decision]:
    """List who decided what about this version, newest first."""
    return Decision.objects.filter(learned=part).select_related("account")


def version_before(part: str, about: str = "") -> LearnedPart | None:
    """Return what a roll-back would bring back: the newest retired version older than the live one."""
    live = live_version(part, about)
    retired = LearnedPart.objects.filter(part=part, about=about, state=LearnedPart.State.RETIRED, version__lt=live)
    return retired.order_by("-version").first()
