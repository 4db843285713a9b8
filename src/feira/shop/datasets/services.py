"""What is done about data sets. Pages, the API and commands call these and nothing below:

    estimate(asked)                                     what a request would give; refuses empty and enormous ones
    ask_for_dataset(asked, by=account, name=, target=)  a `DatasetRequest`, which jobs resolve, build and deliver
    cancel_dataset(request), retry_dataset(request)     stop its jobs; start again what failed or was stopped
    tag_snapshot(request, name, by=account), untag_snapshot(request, name), keep_snapshot(request, keep=True)
    prune_snapshot(request)                             delete its files; asking again makes the same ones
    note_trained(snapshot, model=, learned=, note=)     lineage: what was trained from it
    preview_recipe(recipe, rule, photos=, variants=)    small pictures of what a recipe does
    links.download_link(request, by=account, archive=)  a signed address that expires

Questions are in `selectors`: `datasets()`, `dataset(id)`, `progress_of(request)`, `rows_of`, `files_of`, `diff`,
`lineage_of`. A request is made of `asked.Asked`; `asked.asked_from_json` reads one, and `errors.BadRequestError.errors`
says by field what is wrong with it. `access.may_use_datasets(account)` tells who may do any of this.
"""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from feira.core.errors import Refused
from feira.shop.accounts.models import Account
from feira.shop.datasets import building, targets
from feira.shop.datasets.asked import Asked
from feira.shop.datasets.checking import checked
from feira.shop.datasets.errors import BadRequestError, NotReady
from feira.shop.datasets.estimating import Estimate, estimate
from feira.shop.datasets.models import DatasetRequest, Snapshot, SnapshotTag, TrainedFrom
from feira.shop.datasets.previewing import preview_recipe
from feira.shop.datasets.pruning import prune
from feira.shop.datasets.selectors import jobs_of
from feira.shop.jobs import services as jobs
from feira.shop.jobs.models import State
from feira.shop.learning.models import LearnedPart

__all__ = [
    "Estimate",
    "ask_for_dataset",
    "cancel_dataset",
    "estimate",
    "keep_snapshot",
    "note_trained",
    "preview_recipe",
    "prune_snapshot",
    "retry_dataset",
    "tag_snapshot",
    "untag_snapshot",
]

MOST_NAME = 120
MOST_TAG = 60


def ask_for_dataset(asked: Asked, *, by: Account | None, name: str = "", target: str = "") -> DatasetRequest:
    """Write a request down and let jobs resolve, build and deliver it.

    Args:
        target: an address below one that the settings allow; empty to fetch the data set from here.

    Raises:
        BadRequestError: something about it cannot be done; nothing is written.
        SelectionEmpty: nothing passes.
        SelectionTooLarge: more than this shop lets go at once.
        EngineUnavailable: only with `similar_to`.
    """
    asked = checked(asked)
    if target and (problem := targets.problem_with(target)):
        raise BadRequestError({"target": problem})
    estimate(asked)
    with transaction.atomic():
        request = DatasetRequest.objects.create(
            name=name.strip()[:MOST_NAME], asked=asked.to_json(), target=target, requested_by=by
        )
        building.submit_resolve(request)
    return request


def cancel_dataset(request: DatasetRequest) -> bool:
    """Stop what is still to be done for a request; False when there is nothing.

    A snapshot that another request waits for as well goes on being built.
    """
    stopped = False
    for job in jobs_of(request, only_own=True):
        stopped |= jobs.cancel(job)
    return stopped


def retry_dataset(request: DatasetRequest) -> bool:
    """Start again what failed or was stopped; what is done stays done. False when nothing failed."""
    broken = [job for job in jobs_of(request) if job.state in (State.FAILED, State.CANCELLED)]
    if not broken:
        return False
    with transaction.atomic():
        for job in broken:
            job.refresh_from_db()
            if job.state in (State.FAILED, State.CANCELLED):
                jobs.retry(job)
    return True


def tag_snapshot(request: DatasetRequest, name: str, *, by: Account | None) -> SnapshotTag:
    """Give a snapshot a name; a name that another one had moves here. Tagged snapshots are never pruned.

    Raises:
        NotReady: it has not been resolved so far.
        BadRequestError: the name is empty or too long.
    """
    plain = " ".join(name.replace("\0", "").split())
    if not 1 <= len(plain) <= MOST_TAG:
        raise BadRequestError({"name": _("A tag has 1 to %(most)s characters.") % {"most": MOST_TAG}})
    tag, _is_new = SnapshotTag.objects.update_or_create(
        name=plain, defaults={"snapshot": _resolved(request), "made_by": by, "created_at": timezone.now()}
    )
    return tag


def untag_snapshot(request: DatasetRequest, name: str) -> bool:
    """Take a name off; False when the snapshot does not have it."""
    return bool(SnapshotTag.objects.filter(snapshot=request.snapshot_id, name=name).delete()[0])


def keep_snapshot(request: DatasetRequest, *, keep: bool) -> None:
    """Keep a snapshot for good, or let it go when its time comes.

    Raises:
        NotReady: it has not been resolved so far.
    """
    Snapshot.objects.filter(pk=_resolved(request).pk).update(keep=keep)


def prune_snapshot(request: DatasetRequest) -> int:
    """Delete the files of a snapshot and return how many; its rows stay, and asking again makes the same files.

    Raises:
        NotReady: it has no files.
        Refused: it is tagged or kept.
    """
    snapshot = _resolved(request)
    if snapshot.state != Snapshot.State.READY:
        raise NotReady(_("This data set has no files to delete."))
    if snapshot.keep or snapshot.tags.exists():
        raise Refused(_("This data set is tagged or kept. Take its tags off first."))
    return prune(snapshot)


def note_use(snapshot: Snapshot) -> None:
    """Remember that somebody wants this snapshot, so that its time to be pruned is put off."""
    Snapshot.objects.filter(pk=snapshot.pk).update(used_at=timezone.now())


def note_trained(snapshot: Snapshot, *, model: str, learned: LearnedPart | None = None, note: str = "") -> TrainedFrom:
    """Write down that a model was trained from a snapshot; saying it again renews the note."""
    noted, _is_new = TrainedFrom.objects.update_or_create(
        snapshot=snapshot, model=model[:200], defaults={"learned": learned, "note": note[:300], "at": timezone.now()}
    )
    return noted


def _resolved(request: DatasetRequest) -> Snapshot:
    snapshot = request.snapshot
    if snapshot is None or snapshot.state == Snapshot.State.RESOLVING:
        raise NotReady(_("This data set is still being put together. Try again in a moment."))
    return snapshot
