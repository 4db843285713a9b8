"""What the shop remembers about searching: words that mean the same, searches people keep, and what they looked for."""

from typing import ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from feira.shop.accounts.models import Account
from feira.shop.listings.models import Listing
from feira.shop.search.words import split_words

MOST_PARAMETERS = 2_000
MOST_NAME = 120


class SynonymGroup(models.Model):
    """Words and phrases that this shop takes for the same, one a line."""

    words = models.TextField(
        _("words"), help_text=_("One word or phrase a line, as in “sneakers”, “trainers”, “running shoes”.")
    )
    is_one_way = models.BooleanField(
        _("one way"), default=False, help_text=_("Who looks for the first finds the others too, but not the reverse.")
    )

    class Meta:
        verbose_name = _("synonyms")
        verbose_name_plural = _("synonyms")

    def __str__(self) -> str:
        return " = ".join(self.words.split("\n")[:4])

    def phrases(self) -> list[tuple[str, ...]]:
        """Return the folded words of each line; lines without a letter or digit are left out."""
        return list(dict.fromkeys(words for line in self.words.splitlines() if (words := split_words(line))))

    def clean(self) -> None:
        """Refuse a group in which nothing is the same as anything."""
        if len(self.phrases()) < 2:
            raise ValidationError({"words": _("Write at least two different words or phrases, one a line.")})


class SavedSearch(models.Model):
    """A query that an account keeps, and when it wants to hear of new listings.

    `parameters` is the query as it stands in the address of its page; the words it is shown by stand in `name`.
    """

    class Alerts(models.TextChoices):
        """When new finds are mailed; they are counted on the page in any case."""

        SOON = "soon", _("As they come")
        DAILY = "daily", _("Once a day")
        NEVER = "never", _("Never")

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="saved_searches")
    parameters = models.CharField(max_length=MOST_PARAMETERS)
    name = models.CharField(max_length=MOST_NAME)
    alerts = models.CharField(max_length=8, choices=Alerts, default=Alerts.SOON)
    created_at = models.DateTimeField(default=timezone.now)
    looked_at = models.DateTimeField("listings published until then were looked through", default=timezone.now)
    opened_at = models.DateTimeField("finds until then were seen", default=timezone.now)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["looked_at"], name="saved_search_looked_at")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "parameters"], name="an_account_keeps_a_search_once")
        ]

    def __str__(self) -> str:
        return self.name


class Find(models.Model):
    """A listing that came up for a saved search after it was saved."""

    search = models.ForeignKey(SavedSearch, on_delete=models.CASCADE, related_name="finds")
    listing = models.ForeignKey(Listing, on_delete=models.CASCADE, related_name="+")
    found_at = models.DateTimeField(default=timezone.now)
    mailed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["search", "mailed_at"], name="finds_to_mail")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["search", "listing"], name="a_saved_search_finds_a_listing_once")
        ]

    def __str__(self) -> str:
        return f"listing {self.listing_id} for saved search {self.search_id}"


class PastSearch(models.Model):
    """What an account looked for, once per query, shown to that account alone."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="past_searches")
    parameters = models.CharField(max_length=MOST_PARAMETERS)
    name = models.CharField(max_length=MOST_NAME)
    total = models.PositiveIntegerField("listings found the last time")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["account", "-at"], name="past_searches_of_account")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "parameters"], name="a_past_search_is_kept_once")
        ]

    def __str__(self) -> str:
        return self.name


class HistoryPause(models.Model):
    """An account that wants nothing remembered of its searches."""

    account = models.OneToOneField(Account, primary_key=True, on_delete=models.CASCADE, related_name="+")
    since = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"no history for {self.account}"
