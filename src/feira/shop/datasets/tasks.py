"""Jobs that make data sets; each waits for the one before it and goes on where an attempt was stopped."""

from django.utils.translation import gettext_lazy as _

from feira.core.datasets.errors import DatasetEmpty, FormatUnavailable, InvalidRecord, InvalidSplit, LabelMissing
from feira.core.errors import EncoderChanged, Misconfigured
from feira.shop.datasets import (
    building,
    delivering,
    photo_keeping,  # noqa: F401 - keeps photos from being pruned by being there
    predicting,
    pruning,
    rendering,
)
from feira.shop.datasets.errors import BadRequestError, SelectionEmpty
from feira.shop.datasets.finishing import Finishing
from feira.shop.datasets.models import DatasetRequest, Snapshot
from feira.shop.jobs import services as jobs
from feira.shop.jobs.errors import GiveUp
from feira.shop.jobs.models import Job
from feira.shop.jobs.periodic import periodic
from feira.shop.jobs.registry import job
from feira.shop.jobs.running import RunningJob
from feira.shop.search.selectors import PhotoNotFound

# Of no use to try again: the same would come of it.
HOPELESS = (DatasetEmpty, FormatUnavailable, InvalidRecord, InvalidSplit, LabelMissing, Misconfigured)
PATIENCE = 20


@job(
    "datasets.resolve",
    queue="default",
    max_attempts=50,
    max_backoff_s=30.0,
    title=_("Data set: choose rows"),
    describes=_("Finds the photos that a request is about and names them by their hash."),
)
def resolve(job: RunningJob, *, request_id: int) -> None:
    """Find the rows of a request, name them by their hash, and plan the jobs that make the files."""
    request = DatasetRequest.objects.get(pk=request_id)
    try:
        draft, named = building.resolve(request, job.progress)
    except (BadRequestError, SelectionEmpty, PhotoNotFound, *HOPELESS) as error:
        raise GiveUp(error.message) from error
    with job.committing() as result:
        snapshot = building.settle(request, draft, named, Job.objects.get(pk=job.id))
        result.update(snapshot=snapshot.pk, hash=named, photos=snapshot.photos, listings=snapshot.listings)


@job(
    "datasets.render",
    queue="imagery",
    max_attempts=20,
    max_backoff_s=60.0,
    title=_("Data set: make pictures"),
    describes=_("Resizes photos and makes their augmented copies, in several processes."),
)
def render(job: RunningJob, *, snapshot_id: int) -> dict[str, object]:
    """Make the pictures of a snapshot."""
    return rendering.render_snapshot(job, Snapshot.objects.get(pk=snapshot_id))


@job(
    "datasets.predict",
    queue="inference",
    max_attempts=1000,
    backoff_s=1.0,
    max_backoff_s=30.0,
    title=_("Data set: predict"),
    describes=_("Lets a model see the pictures and keeps what it says."),
)
def predict(job: RunningJob, *, snapshot_id: int) -> dict[str, object]:
    """Let the model of the request see the pictures of a snapshot."""
    try:
        return predicting.predict_snapshot(job, Snapshot.objects.get(pk=snapshot_id))
    except EncoderChanged as error:
        if job.attempt >= PATIENCE:
            raise GiveUp(f"{error.message} Ask for the data set again with the encoder that serves now.") from error
        raise
    except HOPELESS as error:
        raise GiveUp(error.message) from error


@job(
    "datasets.finish",
    queue="imagery",
    max_attempts=20,
    max_backoff_s=60.0,
    title=_("Data set: write files"),
    describes=_("Writes shards, tables, metadata and the manifest with its checksums."),
)
def finish(job: RunningJob, *, snapshot_id: int) -> None:
    """Write the files of a snapshot and end it."""
    try:
        Finishing(job, Snapshot.objects.get(pk=snapshot_id)).run()
    except HOPELESS as error:
        raise GiveUp(error.message) from error


@job(
    "datasets.deliver",
    queue="default",
    max_attempts=100,
    max_backoff_s=60.0,
    title=_("Data set: deliver"),
    describes=_("Copies the files to the folder or bucket that was asked for."),
)
def deliver(job: RunningJob, *, request_id: int) -> None:
    """Copy the files of a data set to where they were asked for."""
    try:
        delivering.deliver(job, DatasetRequest.objects.get(pk=request_id))
    except delivering.TargetRefused as error:
        raise GiveUp(error.message) from error


@job(
    "datasets.prune",
    queue="default",
    title=_("Prune data sets"),
    describes=_("Deletes the files of data sets that nobody tagged, kept or fetched for a while."),
)
def prune(_job: RunningJob) -> dict[str, object]:
    """Delete the files of data sets that nobody needs any more."""
    return {"pruned": pruning.prune_what_is_old()}


@periodic(every_s=86_400)
def prune_daily() -> None:
    """Ask for old data sets to be pruned."""
    jobs.submit("datasets.prune", key="all")
