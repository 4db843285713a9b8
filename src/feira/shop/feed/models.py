"""What belongs beside what, what people like, and what that says about their taste."""

from typing import ClassVar

from django.db import models
from django.utils import timezone

from feira.shop.accounts.models import Account
from feira.shop.listings.models import Listing


class NeighbourList(models.Model):
    """The listings whose photos look most like those of one listing; derived from embeddings, may be deleted.

    `packed` is written and read by `feira.core.recommend.neighbours`: at most 24, best first, as one encoder sees them.
    """

    listing = models.OneToOneField(Listing, primary_key=True, on_delete=models.CASCADE, related_name="+")
    encoder_id = models.CharField(max_length=120)
    packed = models.BinaryField()
    updated_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"neighbours of listing {self.listing_id}"


class Like(models.Model):
    """An account's heart on a listing."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="likes")
    listing = models.ForeignKey(Listing, on_delete=models.CASCADE, related_name="likes")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["account", "-id"], name="likes_of_account")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "listing"], name="an_account_likes_a_listing_once")
        ]

    def __str__(self) -> str:
        return f"{self.account} likes {self.listing}"


class Taste(models.Model):
    """What an account likes, as a few interests, and what is recommended by them; derived, may be deleted.

    Made of hearts and opened results. `interests` is written and read by `feira.core.recommend.interests`, and
    `recommended` by `feira.core.recommend.sharing`: at most 24 listings, each with the listing that explains it.
    Whether somebody wants to be known so is told by the account: see `Account.Taste`.
    """

    account = models.OneToOneField(Account, primary_key=True, on_delete=models.CASCADE, related_name="+")
    encoder_id = models.CharField(max_length=120)
    settings_version = models.PositiveIntegerField("version of the learned settings, 0 for the built-in", default=0)
    interests = models.BinaryField()
    recommended = models.BinaryField()
    updated_at = models.DateTimeField("what was liked until then is in it", default=timezone.now)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["updated_at"], name="taste_by_age")]

    def __str__(self) -> str:
        return f"taste of {self.account}"
