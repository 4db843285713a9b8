"""Services about jobs themselves."""

from datetime import timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from feira.shop.jobs import services
from feira.shop.jobs.models import Job
from feira.shop.jobs.offered import Group, Service, offer
from feira.shop.jobs.registry import job
from feira.shop.jobs.running import RunningJob


@job("jobs.prune")
def forget_old(_job: RunningJob, *, keep_days: int) -> dict[str, int]:
    """Delete jobs that finished more than so many days ago."""
    return {"jobs": services.forget_old_work(timedelta(days=keep_days))}


class PruneJobsOptions(forms.Form):
    """Which finished jobs stay."""

    keep_days = forms.IntegerField(
        label=_("Keep what ended in the last (days)"), min_value=1, max_value=3650, initial=30
    )


def prune(options: dict[str, Any], *, requested_by: int | None) -> Job:
    """Ask for old jobs to be deleted."""
    return services.submit("jobs.prune", {"keep_days": options["keep_days"]}, key="all", requested_by=requested_by)


offer(
    Service(
        name="prune-jobs",
        kind="jobs.prune",
        group=Group.UPKEEP,
        title=_("Prune jobs"),
        describes=_("Deletes finished jobs with their items and log lines. The shop itself keeps a month of them."),
        permission="jobs.delete_job",
        options=PruneJobsOptions,
        submit=prune,
    )
)
