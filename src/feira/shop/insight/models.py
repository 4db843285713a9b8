"""Which customers do alike: runs of the segmentation, the segments of each, and who belongs to those of the current."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from feira.shop.accounts.models import Account

MOST_NAME = 80


class Segmentation(models.Model):
    """One run over all customers. A draft until `finished_at`; pages show the current one, and figures of the last."""

    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    is_current = models.BooleanField(default=False)
    job_id = models.BigIntegerField("job that made it", null=True, blank=True)
    requested = models.JSONField("what was asked for", default=dict)
    customers = models.PositiveIntegerField(default=0)
    k = models.PositiveSmallIntegerField("number of segments", default=0)
    silhouette = models.FloatField("how far apart segments are, -1 to 1", default=0)
    stability = models.FloatField("how far people drawn again give the same segments, -1 to 1", default=0)
    seed = models.BigIntegerField(default=0)
    tried = models.JSONField("numbers of segments with their silhouettes", default=list)
    averages = models.JSONField("figures of everybody by name, in order", default=dict)
    price = models.JSONField("quarters of everybody's median prices", null=True)
    currency = models.CharField(max_length=3, blank=True)

    class Meta:
        verbose_name = _("segmentation of customers")
        verbose_name_plural = _("segmentations of customers")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["is_current"], condition=Q(is_current=True), name="insight_one_segmentation_is_current"
            ),
            models.CheckConstraint(
                condition=Q(is_current=False) | Q(finished_at__isnull=False),
                name="insight_current_segmentation_is_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"segmentation {self.pk}: {self.k} segments of {self.customers} customers"


class Segment(models.Model):
    """One group of customers; number 1 is the largest. `facts` is what words, bars and pictures are made from."""

    segmentation = models.ForeignKey(Segmentation, on_delete=models.CASCADE, related_name="segments", db_index=False)
    number = models.PositiveSmallIntegerField()
    size = models.PositiveIntegerField("customers when it was made")
    name = models.CharField("given by staff", max_length=MOST_NAME, blank=True)
    facts = models.JSONField(default=dict)

    class Meta:
        # Whoever may see or change a segmentation may see or change what it consists of.
        default_permissions = ()
        ordering: ClassVar = ["number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["segmentation", "number"], name="insight_segment_numbers_are_unique")
        ]

    def __str__(self) -> str:
        return self.name or f"segment {self.number}"


class SegmentMember(models.Model):
    """Who belongs to a segment of the current run. Rows are written in no order: their numbers tell nothing."""

    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="members", db_index=False)
    # Found by the unique constraint, whose first column it is.
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="in_segments", db_index=False)

    class Meta:
        default_permissions = ()
        indexes: ClassVar = [models.Index(fields=["segment", "id"], name="insight_members_of_segment")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "segment"], name="insight_a_member_is_in_a_segment_once")
        ]

    def __str__(self) -> str:
        return f"account {self.account_id} in {self.segment_id}"
