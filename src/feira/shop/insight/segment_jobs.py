"""The jobs that part customers into segments and forget old ones."""

from dataclasses import asdict

from django.utils.translation import gettext_lazy as _

from feira.shop.insight import segmenting
from feira.shop.jobs import services as jobs
from feira.shop.jobs.errors import GiveUp
from feira.shop.jobs.models import Priority
from feira.shop.jobs.periodic import periodic
from feira.shop.jobs.registry import job
from feira.shop.jobs.running import RunningJob

KIND = "insight.segment_customers"
# The same customers give the same segments, week after week.
SEED = 0


@job(
    "insight.segment_customers",
    max_attempts=5,
    backoff_s=30.0,
    priority=Priority.WHENEVER,
    time_limit_s=7_200.0,
    memory_limit_mb=2_048.0,
    title=_("Segment customers"),
    describes=_("Finds groups of customers who do alike, and says what sets each apart. The old ones show meanwhile."),
)
def segment_customers(job: RunningJob, *, segments: int | None, active_days: int | None) -> None:
    """Part the customers into segments, write them down beside those that are shown, and then show them instead."""
    wanted = segmenting.Wanted(segments, active_days)
    try:
        draft = segmenting.draft_segmentation(wanted, job_id=job.id, seed=SEED, progress=job.progress, log=job.log)
    except segmenting.TooFewCustomers as error:
        raise GiveUp(error.message) from error
    with job.committing() as result:
        segmenting.make_current(draft)
        jobs.submit("insight.forget_segments", {}, key="all")
        result["customers"], result["segments"] = draft.customers, draft.k
        result["silhouette"], result["stability"] = round(draft.silhouette, 3), round(draft.stability, 3)


@job(
    "insight.forget_segments",
    priority=Priority.WHENEVER,
    title=_("Forget old segments"),
    describes=_("Deletes who belonged to segments that are no longer shown, and all but the last ten runs."),
)
def forget_segments(job: RunningJob) -> dict[str, int]:
    """Delete members of segments that are no longer shown, and runs beyond the last ones."""
    members, runs = segmenting.forget_old(job.progress)
    return {"members": members, "runs": runs}


@periodic(every_s=7 * 86_400)
def segment_weekly() -> None:
    """Part the customers anew as they were parted last, when there are enough of them."""
    current = segmenting.current_segmentation()
    wanted = segmenting.Wanted(**current.requested) if current else segmenting.Wanted()
    if segmenting.enough_customers(wanted):
        jobs.submit("insight.segment_customers", asdict(wanted), key="all")
