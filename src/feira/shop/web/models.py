"""What all apps remember about requests: answers that a repeated request gets again."""

from typing import ClassVar

from django.db import models
from django.utils import timezone


class IdempotentAnswer(models.Model):
    """The answer given to a request that carried an `Idempotency-Key`; kept for a day."""

    # The account's number. This is the lowest app: it knows no accounts.
    account_id = models.BigIntegerField()
    key = models.CharField(max_length=200)
    request = models.CharField("method and path", max_length=200)
    digest = models.CharField("SHA-256 of the request's content", max_length=64)
    status = models.PositiveSmallIntegerField()
    body = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["created_at"], name="idempotent_answer_age")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account_id", "key"], name="one_answer_per_account_and_key")
        ]

    def __str__(self) -> str:
        return f"{self.request} by account {self.account_id}: {self.status}"
