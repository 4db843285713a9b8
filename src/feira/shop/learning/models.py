"""Learned parts: small models fitted to the shop's own data, one row per version."""

from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from feira.shop.accounts.models import Account


class LearnedPart(models.Model):
    """One version of one part. The row is the truth: the engine reads live ones by plain SQL and keeps copies only.

    `part` names what it is ("bridge", "projection", "query_ranker", "heads"), `about` what it was made for: an
    encoder's id, or nothing. `content` is arrays with a manifest, as the part's own module writes and reads them.
    """

    class State(models.TextChoices):
        """A candidate waits to be judged; a retired part was live once and may be again."""

        CANDIDATE = "candidate", _("Candidate")
        LIVE = "live", _("Live")
        REFUSED = "refused", _("Refused")
        RETIRED = "retired", _("Retired")

    part = models.CharField(max_length=40)
    about = models.CharField(max_length=120, blank=True)
    version = models.PositiveIntegerField()
    content = models.BinaryField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.CANDIDATE)
    report = models.JSONField("what the gate measured", default=dict)
    made_from = models.JSONField("data, counts, seeds and settings of the fit", default=dict)
    created_at = models.DateTimeField(default=timezone.now)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(Account, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering: ClassVar = ["part", "about", "-version"]
        permissions: ClassVar = [("decide_learnedpart", "Can let learned parts serve and take them back")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["part", "about", "version"], name="a_learned_part_has_each_version_once"),
            models.UniqueConstraint(
                fields=["part", "about"], condition=models.Q(state="live"), name="one_live_version_of_a_learned_part"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.part} {self.version}" + (f" for {self.about}" if self.about else "")


class Decision(models.Model):
    """Who changed the state of a learned part, when and why; only ever added to. No account means the gate itself."""

    learned = models.ForeignKey(LearnedPart, on_delete=models.CASCADE, related_name="decisions")
    state = models.CharField(max_length=10, choices=LearnedPart.State.choices)
    reason = models.CharField(max_length=300)
    account = models.ForeignKey(Account, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["-pk"]

    def __str__(self) -> str:
        return f"{self.learned}: {self.state}"
