"""Jobs that look for what people wait for, and tell them."""

from contextlib import suppress

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from feira.core.errors import EngineUnavailable
from feira.shop.accounts.models import Account
from feira.shop.jobs import services as jobs
from feira.shop.jobs.periodic import periodic
from feira.shop.jobs.registry import job
from feira.shop.jobs.running import RunningJob
from feira.shop.search import (
    alerts,
    bridging,
    encoder_swap,  # noqa: F401 - takes part in changes of the encoder by being there
    photo_keeping,  # noqa: F401 - keeps photos from being pruned by being there
)
from feira.shop.search.models import SavedSearch


@job(
    "search.look_for_finds",
    queue="default",
    title=_("Look for finds"),
    describes=_("Looks for new listings that somebody's saved searches would have found."),
)
def look_for_finds(job: RunningJob, *, account_id: int) -> None:
    """Look for new listings that an account's kept searches would have found, and ask for the mail about them."""
    looked_at = timezone.now()
    searches = list(SavedSearch.objects.filter(account_id=account_id).select_related("account"))
    found = []
    for number, search in enumerate(searches, start=1):
        found.append((search, alerts.look_for_finds(search)))
        job.progress(number, len(searches))
    with job.committing() as result:
        result["found"] = sum(alerts.note_finds(search, ids, looked_at=looked_at) for search, ids in found)


@job(
    "search.mail_finds",
    queue="default",
    max_attempts=20,
    max_backoff_s=600.0,
    title=_("Mail finds"),
    describes=_("Mails somebody the new finds of their saved searches."),
)
def mail_finds(job: RunningJob, *, account_id: int) -> None:
    """Mail an account its new finds.

    The mail goes out before it is written down: a worker that dies in between sends it again rather than never.
    """
    now = timezone.now()
    account = Account.objects.filter(pk=account_id, is_active=True).first()
    told = alerts.mail_finds(account, now) if account else []
    with job.committing() as result:
        result["mailed"] = alerts.note_mailed(told, now)


@periodic(every_s=30)
def look_and_tell() -> None:
    """Ask for looks and mails that are due."""
    now = timezone.now()
    for account_id in alerts.accounts_to_look_for(now):
        jobs.submit("search.look_for_finds", {"account_id": account_id}, key=f"account {account_id}")
    for account_id in alerts.accounts_to_mail(now):
        jobs.submit("search.mail_finds", {"account_id": account_id}, key=f"account {account_id}")


@job(
    "search.refit_bridge",
    queue="inference",
    max_attempts=20,
    backoff_s=30.0,
    lease_s=300.0,
    title=_("Retrain the bridge from words to pictures"),
    describes=_("Learns from titles and feedback which pictures words mean. Serves only if the gate finds it better."),
)
def refit_bridge(job: RunningJob) -> None:
    """Let words meet pictures by what the shop holds now, and let the new bridge serve if it is better."""
    refit = bridging.refit_bridge()
    with job.committing() as result:
        result["reason"], result["serves"] = refit.reason, refit.serves
        result["before"], result["after"] = refit.before, refit.after
        result["version"] = refit.candidate.version if refit.candidate else None


@periodic(every_s=3600)
def refit_when_grown() -> None:
    """Ask for a refit once the catalogue grew by a tenth, or words or pictures are seen by another encoder."""
    with suppress(EngineUnavailable):  # asked again in an hour
        if bridging.is_due():
            jobs.submit("search.refit_bridge", {}, key="all")
