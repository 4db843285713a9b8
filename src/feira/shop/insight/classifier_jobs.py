"""The job that teaches the classifier, and when it is asked for by itself."""

from contextlib import suppress
from typing import Any

from django.utils.translation import gettext_lazy as _

from feira.core.errors import EngineUnavailable
from feira.shop.datasets.models import Snapshot
from feira.shop.datasets.services import note_trained
from feira.shop.insight import classifier_training
from feira.shop.insight.classifier_training import Trained, UnknownHead
from feira.shop.jobs import services as jobs
from feira.shop.jobs.errors import GiveUp
from feira.shop.jobs.models import Job, Priority
from feira.shop.jobs.periodic import periodic
from feira.shop.jobs.registry import job
from feira.shop.jobs.running import RunningJob

KIND = classifier_training.JOB


@job(
    "insight.train_classifier",
    queue="inference",
    max_attempts=20,
    backoff_s=30.0,
    lease_s=300.0,
    priority=Priority.WHENEVER,
    time_limit_s=7_200.0,
    memory_limit_mb=4_096.0,
    title=_("Retrain the classifier"),
    describes=_(
        "Learns from categories, attributes and corrected tags what photos show. Serves only if the gate finds it "
        "better."
    ),
)
def train_classifier(job: RunningJob, *, heads: list[str], snapshot_id: int | None, seed: int) -> None:
    """Teach the live encoder's heads what people said of their photos, and let them serve if they are better."""
    snapshot = None
    if snapshot_id is not None:
        snapshot = Snapshot.objects.filter(pk=snapshot_id).first()
        if snapshot is None:
            raise GiveUp("The data set is gone. Ask for it again, or learn from the catalogue.")
    try:
        trained = classifier_training.train_classifier(heads=heads, snapshot=snapshot, seed=seed, progress=job.progress)
    except UnknownHead as error:
        raise GiveUp(error.message) from error
    for head, facts in trained.heads.items():
        job.log(_line(head, facts), "warning" if "problem" in facts else "info")
    with job.committing() as result:
        note_lineage(trained, snapshot)
        result.update(facts_of(trained))


@periodic(every_s=3600)
def teach_classifier_when_grown() -> None:
    """Ask for the classifier to be taught once a tenth more photos, or twenty more corrections, are there."""
    with suppress(EngineUnavailable):  # asked again in an hour
        if classifier_training.is_due():
            submit()


def submit(
    *, heads: list[str] | None = None, snapshot: Snapshot | None = None, seed: int = 0, requested_by: int | None = None
) -> Job:
    """Ask for the classifier to be taught; one at a time."""
    payload = {"heads": heads or [], "snapshot_id": snapshot.pk if snapshot is not None else None, "seed": seed}
    return jobs.submit(KIND, payload, key="all", requested_by=requested_by)


def note_lineage(trained: Trained, snapshot: Snapshot | None) -> None:
    """Write down at the data set which version was taught from it."""
    part = trained.candidate
    if snapshot is not None and part is not None:
        note_trained(snapshot, model=f"heads {part.version} of {part.about}", learned=part, note=trained.reason)


def facts_of(trained: Trained) -> dict[str, Any]:
    """Return what is told about a run: of the job, and on the command line."""
    names = ("classes", "held_out", "before", "after", "confidence", "problem")
    measured = {head: {name: facts[name] for name in names if name in facts} for head, facts in trained.heads.items()}
    part = trained.candidate
    return {
        "serves": trained.serves,
        "reason": trained.reason,
        "version": part.version if part is not None else None,
        "part": part.pk if part is not None else None,
        "before": trained.before,
        "after": trained.after,
        "heads": measured,
        "encoder_id": trained.encoder_id,
        "listings": trained.listings,
        "photos": trained.photos,
        "corrections": trained.corrections,
        "seconds": trained.seconds,
    }


def _line(head: str, facts: dict[str, Any]) -> str:
    if "problem" in facts:
        return f"{head} stays as it is: {facts['problem']}."
    learned = f"{head}: {facts['classes']} classes from {facts['listings']} listings"
    if not facts.get("held_out"):
        return f"{learned}; no held-out photo is embedded."
    before, after = 100 * facts["before"], 100 * facts["after"]
    return f"{learned}; right for {before:.1f} % of {facts['held_out']} held-out listings before, {after:.1f} % now."
