"""Photos, their embeddings, and the log of what is searchable."""

from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from feira.shop.accounts.models import Account


class Photo(models.Model):
    """One picture: the original bytes under `digest`, kept private, and the renditions that are shown."""

    owner = models.ForeignKey(Account, null=True, blank=True, on_delete=models.SET_NULL, related_name="photos")
    digest = models.CharField("SHA-256 of the original", max_length=64, db_index=True)
    format = models.CharField(max_length=10)
    byte_size = models.PositiveIntegerField()
    width = models.PositiveIntegerField("upright width, in pixels")
    height = models.PositiveIntegerField("upright height, in pixels")
    tint = models.PositiveSmallIntegerField("mean colour as a cell of a 6×6×6 palette", default=0)
    renditions = models.JSONField("name → digest, width, height", default=dict)
    is_public = models.BooleanField("may be shown to everybody", default=False)
    searchable = models.BooleanField("in the index once embedded", default=False)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"photo {self.pk} ({self.width}×{self.height})"


class Embedding(models.Model):
    """The truth about how one encoder sees one photo; every index is derived from these rows."""

    photo = models.ForeignKey(Photo, on_delete=models.CASCADE, related_name="embeddings")
    encoder_id = models.CharField(max_length=120)
    vector = models.BinaryField("float16, unit length")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["photo", "encoder_id"], name="one_embedding_per_photo_and_encoder")
        ]

    def __str__(self) -> str:
        return f"{self.encoder_id} of photo {self.photo_id}"


class IndexLogEntry(models.Model):
    """One change of what is searchable, in commit order without gaps.

    Engines read this table and `photos_embedding` by plain SQL: their names and columns are a contract with
    `feira.engine.log`.
    """

    ADD, REMOVE = 1, 2

    seq = models.BigIntegerField(primary_key=True)
    op = models.PositiveSmallIntegerField(choices=[(ADD, "add"), (REMOVE, "remove")])
    photo_id = models.BigIntegerField()
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.seq}: {self.get_op_display()} photo {self.photo_id}"


class IndexLogHead(models.Model):
    """The last sequence number given out; locking this row puts the writers of the log in line."""

    seq = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"index log at {self.seq}"


class ServedEncoder(models.Model):
    """One encoder's time at this shop, from the wish to use it until it is let go.

    Engines read `name`, `encoder_id` and `state` by plain SQL: a contract with `feira.engine.roster`. They load
    whatever is not retired and answer with the live one unless another is named. Whoever changes a state holds the
    lock of `photos.encoders.locked_roster`, so that one encoder at most is on its way.

        backfilling ⇄ paused
             └──▶ ready ──[switch]──▶ live ──[switch to another]──▶ previous ──▶ retired
                                       ▲────────[roll back]────────────┘
    """

    class State(models.TextChoices):
        """The first three are a candidate's."""

        BACKFILLING = "backfilling", _("backfilling")
        PAUSED = "paused", _("paused")
        READY = "ready", _("ready")
        LIVE = "live", _("live")
        PREVIOUS = "previous", _("previous")
        RETIRED = "retired", _("retired")

    name = models.CharField("as the models folder knows it", max_length=120)
    encoder_id = models.CharField(max_length=120)
    state = models.CharField(max_length=12, choices=State.choices)
    asks = models.BooleanField("waits for a person before the switch", default=False)
    done = models.PositiveIntegerField("photos seen by the backfill", default=0)
    total = models.PositiveIntegerField("photos that the backfill has to see", default=0)
    note = models.CharField("why it waits or ended", max_length=300, blank=True)
    report = models.JSONField("comparison with the live encoder", default=dict)
    created_at = models.DateTimeField(default=timezone.now)
    ready_at = models.DateTimeField(null=True, blank=True)
    switched_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["state"], condition=models.Q(state=state), name=f"one_encoder_is_{state}")
            for state in ("live", "previous")
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.state})"
