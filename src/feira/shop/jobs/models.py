"""What the shop remembers about work: the ledger of jobs, who is there to do it, and what recurs.

A job moves like this; the word in brackets is who moves it:

    waiting ──[publish]──▶ queued ──[claim]──▶ running ──[finish]──▶ succeeded
       ▲  └───────────────[claim]─────────────▶  │  │
       └──────────[retry, lease ran out]─────────┘  └──[last attempt]──▶ failed

    waiting, queued or running ──[cancel]──▶ cancelled

*Waiting* jobs are known to the ledger only: not due yet, or not handed to the broker so far. *Queued* ones were
handed to it at `published_at`. The ledger is the truth: a queued job whose message is lost is published again, and a
message about a job that somebody else runs is dropped.
"""

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class State(models.TextChoices):
    """Where a job stands; the module's docstring draws the moves."""

    WAITING = "waiting", _("waiting")
    QUEUED = "queued", _("queued")
    RUNNING = "running", _("running")
    SUCCEEDED = "succeeded", _("succeeded")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


PENDING = (State.WAITING, State.QUEUED)
UNFINISHED = (*PENDING, State.RUNNING)
FINISHED = (State.SUCCEEDED, State.FAILED, State.CANCELLED)


class Job(models.Model):
    """One piece of work that was asked for, and everything known about how it went."""

    kind = models.CharField(max_length=100)
    payload = models.JSONField(default=dict)
    queue = models.CharField(max_length=20)
    key = models.CharField(
        max_length=200, default="", blank=True, help_text="At most one unfinished job of a kind has a given key."
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    # The account's number. Jobs are the lowest app: they know no accounts.
    requested_by = models.BigIntegerField(null=True, blank=True)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.CASCADE, related_name="children")

    attempts = models.PositiveIntegerField(default=0)
    max_attempts = models.PositiveIntegerField(default=5)
    run_after = models.DateTimeField(default=timezone.now)

    published_at = models.DateTimeField(null=True, blank=True)
    publish_count = models.PositiveIntegerField(default=0)

    # A fresh token at every claim fences off whoever held the job before.
    lease_token = models.CharField(max_length=32, default="", blank=True)
    lease_owner = models.CharField(max_length=200, default="", blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    progress_done = models.PositiveIntegerField(default=0)
    progress_total = models.PositiveIntegerField(default=0)
    progress_message = models.CharField(max_length=200, default="", blank=True)
    result = models.JSONField(null=True, blank=True)
    error = models.TextField(default="", blank=True, help_text="Why the last attempt, or the job, failed.")

    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True, help_text="Start of the latest attempt.")
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["state", "run_after"], name="jobs_job_due"),
            models.Index(fields=["kind", "state"], name="jobs_job_by_kind"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["kind", "key"],
                condition=Q(state__in=["waiting", "queued", "running"]) & ~Q(key=""),
                name="jobs_job_one_unfinished_per_key",
            ),
            models.CheckConstraint(condition=Q(state__in=State.values), name="jobs_job_state_is_known"),
            models.CheckConstraint(
                condition=~Q(state="running") | (Q(lease_until__isnull=False) & ~Q(lease_token="")),
                name="jobs_job_running_has_a_lease",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"

    @property
    def is_finished(self) -> bool:
        """Whether nothing more will happen to this job."""
        return self.state in FINISHED

    @property
    def took(self) -> timedelta | None:
        """The time from the start of the last attempt to the end, or None while there is no end."""
        if self.started_at is None or self.finished_at is None:
            return None
        return self.finished_at - self.started_at


class Worker(models.Model):
    """A worker process that was there at `seen_at`; removed when it stops cleanly."""

    owner = models.CharField(max_length=200, unique=True)
    queues = models.JSONField(default=list)
    concurrency = models.PositiveIntegerField(default=1)
    started_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.owner


class Periodic(models.Model):
    """When a recurring piece of work ran last; rows exist for what recurs once a minute or less often."""

    name = models.CharField(max_length=100, unique=True)
    last_run_at = models.DateTimeField(null=True, blank=True)
    last_took_s = models.FloatField(null=True, blank=True)
    last_error = models.TextField(default="", blank=True)

    class Meta:
        verbose_name = _("periodic work")
        verbose_name_plural = _("periodic work")

    def __str__(self) -> str:
        return self.name


class Duty(models.Model):
    """A part that only one process may play at a time, such as the beat; held by lease."""

    name = models.CharField(max_length=50, primary_key=True)
    owner = models.CharField(max_length=200, default="", blank=True)
    until = models.DateTimeField()

    class Meta:
        verbose_name = _("duty")
        verbose_name_plural = _("duties")

    def __str__(self) -> str:
        return self.name
