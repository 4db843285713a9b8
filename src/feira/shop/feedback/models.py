"""The record of searches, clicks and judgements: append mostly, read by key and time."""

from typing import ClassVar

from django.db import models
from django.utils import timezone

from feira.shop.accounts.models import Account
from feira.shop.feedback.keys import MOST_KEY, MOST_TEXT, MOST_WORD
from feira.shop.listings.models import Listing

VISITOR_LENGTH = 32


class SearchLog(models.Model):
    """One answer that somebody was shown; `listing_ids` stand at the places `first_position`, + 1, …"""

    key = models.CharField("the query, folded", max_length=MOST_KEY)
    text = models.CharField("what was typed", max_length=MOST_TEXT, blank=True)
    listing_ids = models.JSONField("listings shown, in order", default=list)
    first_position = models.PositiveIntegerField(default=1)
    total = models.PositiveIntegerField()
    took_ms = models.FloatField()
    visitor = models.CharField(max_length=VISITOR_LENGTH, blank=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["at"], name="search_log_by_time"),
            models.Index(fields=["key", "at"], name="search_log_of_query"),
        ]

    def __str__(self) -> str:
        return f"{self.key}: {self.total}"


class Click(models.Model):
    """A result of a query that somebody opened."""

    key = models.CharField("the query, folded", max_length=MOST_KEY)
    listing = models.ForeignKey(Listing, on_delete=models.CASCADE, related_name="+")
    position = models.PositiveIntegerField("place among the results, from 1")
    visitor = models.CharField(max_length=VISITOR_LENGTH, blank=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["at"], name="click_by_time"),
            models.Index(fields=["key", "at"], name="click_of_query"),
            models.Index(fields=["visitor", "-at"], name="click_of_visitor"),
        ]

    def __str__(self) -> str:
        return f"{self.key}: listing {self.listing_id} at {self.position}"


class JudgedQuery(models.Model):
    """A query that somebody judged results of; `vector` is its text vector, fetched by a job."""

    key = models.CharField("the query, folded", max_length=MOST_KEY, unique=True)
    text = models.CharField("as it was first typed", max_length=MOST_TEXT, blank=True)
    word_count = models.PositiveSmallIntegerField()
    text_id = models.CharField("text encoder of the vector", max_length=120, blank=True)
    vector = models.BinaryField("float32, little-endian", null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.key


class JudgedWord(models.Model):
    """A word of a judged query: how near queries are found."""

    word = models.CharField(max_length=MOST_WORD)
    query = models.ForeignKey(JudgedQuery, on_delete=models.CASCADE, related_name="words")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["word", "query"], name="a_judged_query_has_each_word_once")
        ]

    def __str__(self) -> str:
        return self.word


class NearQuery(models.Model):
    """A judged query that means nearly what another key says, by their text vectors; written by a job."""

    key = models.CharField("a query that is asked", max_length=MOST_KEY)
    query = models.ForeignKey(JudgedQuery, on_delete=models.CASCADE, related_name="+")
    nearness = models.FloatField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["key", "query"], name="near_queries_are_linked_once"),
            models.CheckConstraint(
                condition=models.Q(nearness__gt=0) & models.Q(nearness__lte=1), name="nearness_is_a_share"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} ~ {self.query_id}"


class Judgement(models.Model):
    """One person's opinion whether a listing answers a query; a later one of the same person replaces it."""

    class Value(models.IntegerChoices):
        """Right or wrong."""

        POSITIVE = 1
        NEGATIVE = -1

    query = models.ForeignKey(JudgedQuery, on_delete=models.CASCADE, related_name="judgements")
    listing = models.ForeignKey(Listing, on_delete=models.CASCADE, related_name="+")
    value = models.SmallIntegerField(choices=Value.choices)
    account = models.ForeignKey(Account, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    person = models.CharField("who, as a keyed hash", max_length=VISITOR_LENGTH + 3)
    origin = models.CharField("from where, as a keyed hash", max_length=VISITOR_LENGTH, blank=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        permissions: ClassVar = [("download_feedback", "Can download what people judged and clicked")]
        indexes: ClassVar = [
            models.Index(fields=["query", "-at"], name="judgements_of_query"),
            models.Index(fields=["at"], name="judgement_by_time"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["query", "listing", "person"], name="a_person_judges_a_result_once"),
            models.CheckConstraint(condition=models.Q(value__in=(1, -1)), name="a_judgement_is_for_or_against"),
        ]

    def __str__(self) -> str:
        return f"query {self.query_id}, listing {self.listing_id}: {self.value:+}"
