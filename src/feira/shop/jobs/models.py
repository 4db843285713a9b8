"""What the shop remembers about work: the ledger of jobs, who is there to do it, and what recurs.

A job moves like this; the word in brackets is who moves it:

    waiting ──[publish]──▶ queued ──[claim]──▶ running ──[finish]──▶ succeeded
       ▲  └───────────────[claim]─────────────▶  │  │
       └──────────[retry, lease ran out]─────────┘  └──[last attempt]──▶ failed

    waiting, queued or running ──[cancel]──▶ cancelled

    failed or cancelled ──[retry, by a person]──▶ waiting

*Waiting* jobs are known to the ledger only: not due yet, still waiting for other jobs (`unmet` > 0), or not handed to
the broker so far. *Queued* ones were handed to it at `published_at`. The ledger is the truth: a queued job whose
message is lost is published again, and a message about a job that somebody else runs is dropped.
"""

from datetime import timedelta
from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
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


class Priority(models.IntegerChoices):
    """Which of the jobs of a queue goes first; among equals it is about who came first."""

    SOON = 1, _("soon")
    NORMAL = 2, _("normal")
    WHENEVER = 3, _("whenever")


PENDING = (State.WAITING, State.QUEUED)
UNFINISHED = (*PENDING, State.RUNNING)
FINISHED = (State.SUCCEEDED, State.FAILED, State.CANCELLED)


class Job(models.Model):
    """One piece of work that was asked for, and everything known about how it went."""

    kind = models.CharField(max_length=100)
    payload = models.JSONField(default=dict)
    queue = models.CharField(max_length=20)
    priority = models.PositiveSmallIntegerField(choices=Priority.choices, default=Priority.NORMAL)
    key = models.CharField(
        max_length=200, default="", blank=True, help_text="At most one unfinished job of a kind has a given key."
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    # The account's number. Jobs are the lowest app: they know no accounts.
    requested_by = models.BigIntegerField(null=True, blank=True)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.CASCADE, related_name="children")

    unmet = models.PositiveIntegerField(
        default=0, help_text="How many jobs that this one waits for have not succeeded."
    )
    # A number, not a key: the reason outlives the row of the job that was the cause.
    failed_for = models.BigIntegerField(
        null=True, blank=True, help_text="The job whose failure or cancellation made this one fail."
    )

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
    reference = models.CharField(
        max_length=12, default="", blank=True, help_text="Of an unexpected error: the log has more under this word."
    )

    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True, help_text="Start of the latest attempt.")
    finished_at = models.DateTimeField(null=True, blank=True)
    is_counted = models.BooleanField(default=False, help_text="Whether its end is in the tallies.")

    class Meta:
        indexes: ClassVar = [
            # Each filter of the ledger's page, newest first; a page of it is read without sorting what it leaves out.
            models.Index(fields=["state", "id"], name="jobs_job_of_state"),
            models.Index(fields=["kind", "state", "id"], name="jobs_job_of_kind_in_state"),
            models.Index(fields=["kind", "id"], name="jobs_job_of_kind"),
            models.Index(fields=["requested_by", "id"], name="jobs_job_of_person"),
            models.Index(fields=["created_at"], name="jobs_job_asked_for_at"),
            # The chart needs nothing else of a job, so it reads the index alone.
            models.Index(
                fields=["finished_at", "state"], condition=Q(finished_at__isnull=False), name="jobs_job_ended_at"
            ),
            # However many jobs wait for others, looking for one that may run does not pass them.
            models.Index(fields=["unmet", "state", "run_after"], name="jobs_job_may_run"),
            models.Index(fields=["queue", "unmet", "state", "priority", "run_after"], name="jobs_job_goes_next"),
            models.Index(fields=["failed_for"], condition=Q(failed_for__isnull=False), name="jobs_job_failed_for"),
            models.Index(fields=["finished_at"], condition=Q(is_counted=False), name="jobs_job_to_count"),
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


class Dependency(models.Model):
    """One job waits until another has succeeded; kept afterwards, to show what led to what."""

    # Both unique by their pair, which is the index for looking them up by `job`.
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="dependencies", db_index=False)
    on = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="dependants")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["job", "on"], name="jobs_dependency_once"),
            models.CheckConstraint(condition=~Q(job=models.F("on")), name="jobs_dependency_not_on_itself"),
        ]

    def __str__(self) -> str:
        return f"#{self.job_id} after #{self.on_id}"


class ItemState(models.TextChoices):
    """Where one item of a job stands."""

    WAITING = "waiting", _("waiting")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")


class JobItem(models.Model):
    """One of the many like things that a job does, so that a repeated job does only what is missing."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="items", db_index=False)
    name = models.CharField(max_length=200)
    state = models.CharField(max_length=10, choices=ItemState.choices, default=ItemState.WAITING)
    attempts = models.PositiveIntegerField(default=0, help_text="How often it was finished or failed.")
    result = models.JSONField(null=True, blank=True)
    error = models.TextField(default="", blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["job", "state", "id"], name="jobs_jobitem_by_state")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["job", "name"], name="jobs_jobitem_one_per_name"),
            models.CheckConstraint(condition=Q(state__in=ItemState.values), name="jobs_jobitem_state_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.name} of #{self.job_id}"


class Level(models.TextChoices):
    """How much a line of a job's log matters."""

    INFO = "info", _("info")
    WARNING = "warning", _("warning")
    ERROR = "error", _("error")


class JobLine(models.Model):
    """One line that a job has written about its work; of each job the newest thousand or so are kept."""

    # Found by the index of job and number.
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="lines", db_index=False)
    at = models.DateTimeField(default=timezone.now)
    level = models.CharField(max_length=10, choices=Level.choices, default=Level.INFO)
    text = models.CharField(max_length=1000)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["job", "id"], name="jobs_jobline_of_job")]

    def __str__(self) -> str:
        return self.text


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
    """A recurring piece of work: how often staff want it, and how it went. The beat adds the rows and follows them."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    every_s = models.FloatField(
        _("interval in seconds"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(366 * 86_400)],
        help_text=_("From one start to the next. Leave it empty for the interval that Feira ships with."),
    )
    is_enabled = models.BooleanField(_("runs"), default=True)
    run_asked_at = models.DateTimeField(
        _("asked to run at"), null=True, blank=True, help_text=_("Set by “run now” until it was run.")
    )
    # Noted every time, but at most twice a minute: much recurs every few seconds.
    last_run_at = models.DateTimeField(_("last run"), null=True, blank=True)
    last_took_s = models.FloatField(_("took (s)"), null=True, blank=True)
    last_error = models.TextField(_("error"), default="", blank=True)

    class Meta:
        verbose_name = _("periodic work")
        verbose_name_plural = _("periodic work")

    def __str__(self) -> str:
        return self.name


class Tally(models.Model):
    """A count over all jobs of a kind there ever were, those that are forgotten by now among them."""

    kind = models.CharField(max_length=100)
    figure = models.CharField(max_length=30, help_text="What is counted, in the words of feira.shop.jobs.tallies.")
    amount = models.FloatField(default=0)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["kind", "figure"], name="jobs_tally_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.figure}"


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
