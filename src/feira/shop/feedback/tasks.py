"""Jobs that keep feedback small, and find queries that mean the same."""

from django.utils.translation import gettext_lazy as _

from feira.shop.feedback import meaning, services
from feira.shop.jobs import services as jobs
from feira.shop.jobs.periodic import periodic
from feira.shop.jobs.registry import job
from feira.shop.jobs.running import RunningJob


@job(
    "feedback.link_near_queries",
    queue="inference",
    max_attempts=20,
    backoff_s=10.0,
    title=_("Link similar searches"),
    describes=_("Links searches that mean nearly the same, so that they share what people judged."),
)
def link_near_queries(job: RunningJob) -> None:
    """Fetch text vectors of judged queries and of those asked lately, and link those that mean nearly the same."""
    found = meaning.find_near_queries()
    with job.committing() as result:
        result["links"] = meaning.keep_near_queries(found)


@job(
    "feedback.forget_old",
    queue="default",
    title=_("Prune the search log"),
    describes=_("Deletes searches, clicks and judgements that are older than the settings keep."),
)
def forget_old(job: RunningJob) -> None:
    """Delete searches, clicks and judgements that are older than the settings keep."""
    with job.committing() as result:
        result["rows"] = services.forget_old_feedback()


@periodic(every_s=3600)
def link_near() -> None:
    """Compare the queries of the last hour with the judged ones."""
    jobs.submit("feedback.link_near_queries", {}, key="all")


@periodic(every_s=86_400)
def forget() -> None:
    """Let old feedback be deleted."""
    jobs.submit("feedback.forget_old", {}, key="all")
