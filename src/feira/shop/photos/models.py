"""Photos, their embeddings, and the log of what is searchable."""

from typing import ClassVar

from django.db import models
from django.utils import timezone

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
