"""The job that trains the query ranker."""

from django.utils.translation import gettext_lazy as _

from feira.shop.insight import classifier_jobs, segment_jobs  # noqa: F401 - their jobs, by being there
from feira.shop.insight.ranker_training import train_ranker as train
from feira.shop.jobs import services as jobs
from feira.shop.jobs.periodic import periodic
from feira.shop.jobs.registry import job
from feira.shop.jobs.running import RunningJob

KIND = "insight.train_ranker"


@job(
    "insight.train_ranker",
    queue="inference",
    max_attempts=20,
    backoff_s=30.0,
    lease_s=300.0,
    title=_("Retrain the ranker"),
    describes=_("Learns from judgements how results are ordered. Serves only if the gate finds it better."),
)
def train_ranker(job: RunningJob) -> None:
    """Fit the weights of the query ranker to what people judged, and let them serve if they are better."""
    trained = train()
    with job.committing() as result:
        result["reason"], result["serves"] = trained.reason, trained.serves
        result["version"] = trained.candidate.version if trained.candidate else None


@periodic(every_s=86_400)
def train_daily() -> None:
    """Learn from the judgements of the last day."""
    jobs.submit("insight.train_ranker", {}, key="all")
