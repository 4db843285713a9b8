"""What recurs about people: guests who left are forgotten."""

from django.utils.translation import gettext_lazy as _

from feira.shop.accounts import services
from feira.shop.jobs import services as jobs
from feira.shop.jobs.models import Priority
from feira.shop.jobs.periodic import periodic
from feira.shop.jobs.registry import job
from feira.shop.jobs.running import RunningJob

EXPIRE = "accounts.expire_guests"


@job(
    "accounts.expire_guests",
    priority=Priority.WHENEVER,
    title=_("Expire guests"),
    describes=_("Deletes sessions that have ended, and with them what the shop remembered of guests."),
)
def expire_guests(job: RunningJob) -> dict[str, int]:
    """Delete sessions that have ended, some hundred at a time; what a stopped attempt deleted stays deleted."""
    sessions = 0
    while some := services.forget_ended_sessions():
        sessions += some
        job.check()
    return {"sessions": sessions}


@periodic(every_s=86_400)
def expire_guests_daily() -> None:
    """Forget guests whose sessions have ended."""
    jobs.submit(EXPIRE, {}, key="all")
