"""What was asked for, what it was resolved to, and the files that came of it.

A request leads to one snapshot. A snapshot is named by the hash of what makes its bytes: the canonical request, its
resolved rows, versions, encoder and seeds. Requests that say the same of the same data share one snapshot.

    resolving ──[hash known]──▶ building ──[manifest written]──▶ ready ──[prune]──▶ pruned
                                   ▲────────────────[asked for again]────────────────┘

What became of the work stands in the ledger of jobs, nowhere else.
"""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from feira.shop.accounts.models import Account
from feira.shop.jobs.models import Job
from feira.shop.learning.models import LearnedPart


class Snapshot(models.Model):
    """An immutable data set: its rows and, while they are kept, its files."""

    class State(models.TextChoices):
        """The module's docstring draws the moves."""

        RESOLVING = "resolving", _("resolving")
        BUILDING = "building", _("building")
        READY = "ready", _("ready")
        PRUNED = "pruned", _("pruned")

    content_hash = models.CharField("SHA-256 of what makes the bytes", max_length=64, unique=True, null=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.RESOLVING)
    identity = models.JSONField("the request in canonical form, versions, encoder and seeds", default=dict)
    listings = models.PositiveIntegerField(default=0)
    photos = models.PositiveIntegerField(default=0)
    byte_size = models.BigIntegerField("of all files", default=0)
    folder = models.CharField("where the files of this build are kept", max_length=32, blank=True)
    manifest_sha256 = models.CharField(max_length=64, blank=True)
    keep = models.BooleanField("is never pruned", default=False)
    render_job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="+")
    predict_job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="+")
    finish_job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    ready_at = models.DateTimeField(null=True, blank=True)
    used_at = models.DateTimeField("last asked for or fetched", default=timezone.now)
    pruned_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["state", "used_at"], name="snapshot_to_prune")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(state="resolving") | Q(content_hash__isnull=False), name="resolved_snapshot_has_a_hash"
            ),
            models.CheckConstraint(
                condition=~Q(state="ready") | ~Q(manifest_sha256=""), name="ready_snapshot_has_a_manifest"
            ),
        ]

    def __str__(self) -> str:
        return f"snapshot {self.content_hash[:12] if self.content_hash else self.pk}"


class DatasetRequest(models.Model):
    """Somebody's wish for a data set, as it was asked for."""

    name = models.CharField(max_length=120, blank=True)
    asked = models.JSONField("what `Asked.to_json` returns", default=dict)
    target = models.CharField("where it is to be delivered; empty: fetched from here", max_length=500, blank=True)
    requested_by = models.ForeignKey(Account, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    snapshot = models.ForeignKey(Snapshot, null=True, blank=True, on_delete=models.PROTECT, related_name="requests")
    resolve_job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="+")
    deliver_job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="+")
    delivered_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        permissions: ClassVar = [("use_datasets", "Can ask for data sets, see and fetch them")]
        indexes: ClassVar = [models.Index(fields=["-created_at", "-id"], name="dataset_request_newest")]

    def __str__(self) -> str:
        return self.name or f"data set {self.pk}"


class SnapshotRow(models.Model):
    """One photo of a snapshot with everything said about it, as it was at the time; references no living row."""

    snapshot = models.ForeignKey(Snapshot, on_delete=models.CASCADE, related_name="rows")
    position = models.PositiveIntegerField("place in the order of the keys, from 0")
    key = models.CharField("names the photo in every format", max_length=80)
    listing_id = models.BigIntegerField()
    photo_id = models.BigIntegerField()
    source = models.CharField("SHA-256 of the kept bytes it is made from", max_length=64)
    split = models.CharField(max_length=20)
    label = models.CharField(max_length=200, blank=True)
    facts = models.JSONField("of the listing, as a record of a data set holds them", default=dict)
    digest = models.CharField("SHA-256 of the facts and the source", max_length=64)
    # Each with sha256, bytes, crc32, width, height and drawn: what chance decided.
    images = models.JSONField("files made of it, the photo first", default=list)
    predictions = models.JSONField("what the model said, one entry per image", default=list)

    class Meta:
        ordering: ClassVar = ["position"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["snapshot", "position"], name="a_snapshot_has_each_place_once"),
            models.UniqueConstraint(fields=["snapshot", "key"], name="a_snapshot_has_each_key_once"),
        ]

    def __str__(self) -> str:
        return f"row {self.position} of {self.snapshot_id}"


class SnapshotFile(models.Model):
    """A file of a snapshot; its bytes are kept under their digest."""

    snapshot = models.ForeignKey(Snapshot, on_delete=models.CASCADE, related_name="files")
    path = models.CharField("within the data set, with slashes", max_length=300)
    sha256 = models.CharField(max_length=64, db_index=True)
    byte_size = models.BigIntegerField()
    crc32 = models.BigIntegerField("which a zip has in front of the content")

    class Meta:
        ordering: ClassVar = ["path"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["snapshot", "path"], name="a_snapshot_has_each_path_once")
        ]

    def __str__(self) -> str:
        return self.path


class SnapshotArchive(models.Model):
    """Where everything lies in an archive of a snapshot's files, so that no download begins with a walk over them."""

    snapshot = models.ForeignKey(Snapshot, on_delete=models.CASCADE, related_name="archives")
    archive = models.CharField("zip or tar", max_length=3)
    plan = models.JSONField("what `ArchivePlan.as_json` returns")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["snapshot", "archive"], name="a_snapshot_has_each_archive_once")
        ]

    def __str__(self) -> str:
        return f"{self.archive} of {self.snapshot}"


class SnapshotTag(models.Model):
    """A name for a snapshot; a tagged one is never pruned."""

    snapshot = models.ForeignKey(Snapshot, on_delete=models.CASCADE, related_name="tags")
    name = models.CharField(max_length=60, unique=True)
    made_by = models.ForeignKey(Account, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class TrainedFrom(models.Model):
    """Which model was trained from which snapshot: one of the shop's learned parts, or one known by name only."""

    snapshot = models.ForeignKey(Snapshot, on_delete=models.CASCADE, related_name="trained")
    model = models.CharField("name, as of an encoder or a checkpoint", max_length=200)
    learned = models.ForeignKey(
        LearnedPart, null=True, blank=True, on_delete=models.SET_NULL, related_name="trained_from"
    )
    note = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["at", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["snapshot", "model"], name="a_model_is_noted_once_per_snapshot")
        ]

    def __str__(self) -> str:
        return f"{self.model} from {self.snapshot}"


class PseudonymKey(models.Model):
    """The secret behind the pseudonyms of sellers: in the database, so that the same data gives the same bytes."""

    secret = models.CharField(max_length=64, editable=False)

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(condition=Q(pk=1), name="there_is_one_pseudonym_key")]

    def __str__(self) -> str:
        return "pseudonym key"
