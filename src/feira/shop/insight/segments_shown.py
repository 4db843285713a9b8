"""Segments as pages and the API show them: words, bars, pictures and members, as much as somebody may see."""

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db.models import Count, QuerySet

from feira.shop.accounts.models import Account
from feira.shop.datasets.pseudonyms import pseudonym_secret
from feira.shop.insight.access import SEE_ACCOUNTS
from feira.shop.insight.models import Segment, Segmentation
from feira.shop.insight.segment_words import Everybody, Trait, title_of, traits_of
from feira.shop.listings.models import Category
from feira.shop.listings.selectors import Card, cards_in_order
from feira.shop.photos.selectors import Visitor
from feira.shop.web.cursors import InvalidCursor, Page, decode_cursor, encode_cursor

# Fewer people could be recognised by what they have in common.
LEAST_SHOWN = 5
PICTURES_SHOWN = 6
MEMBERS_SHOWN = 50
# Below this, groups hardly exist (Kaufman, Rousseeuw 1990, for the silhouette).
LEAST_SILHOUETTE, LEAST_STABILITY = 0.25, 0.6
_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class ShownSegment:
    """A segment as it is told.

    Attributes:
        title: what staff call it, else `described`.
        size, share: customers when it was made, and their share of all.
        is_small: too few people are in it to show pictures or members.
        pictures: what most of its members like; none of a small one.
    """

    segment: Segment
    title: str
    described: str
    size: int
    share: float
    is_small: bool
    traits: list[Trait]
    pictures: list[Card]

    @property
    def number(self) -> int:
        """Its number, 1 for the largest."""
        return self.segment.number


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody in a segment; without account and name for whoever may not see accounts."""

    pseudonym: str
    account_id: int | None = None
    name: str = ""


def shown_segments(segmentation: Segmentation, *, only: int | None = None) -> list[ShownSegment]:
    """Return the segments of a run, or the one of a number, in three queries; without pictures in two.

    Those whose members have left meanwhile are as small as they are now.
    """
    found = segmentation.segments.annotate(count=Count("members")).order_by("number")
    segments = list(found if only is None else found.filter(number=only))
    everybody = everybody_in(segmentation, segments)
    liked = {segment.pk: segment.facts.get("liked", []) for segment in segments if not _is_small(segment)}
    cards = (
        {card["id"]: card for card in cards_in_order([pk for some in liked.values() for pk in some])} if liked else {}
    )
    return [
        ShownSegment(
            segment=segment,
            title=segment.name or described,
            described=described,
            size=segment.size,
            share=segment.size / max(segmentation.customers, 1),
            is_small=_is_small(segment),
            traits=traits_of(segment.facts, everybody),
            pictures=[cards[pk] for pk in liked.get(segment.pk, []) if pk in cards and cards[pk]["photo"]][
                :PICTURES_SHOWN
            ],
        )
        for segment in segments
        for described in [title_of(segment.facts, everybody)]
    ]


def everybody_in(segmentation: Segmentation, segments: Sequence[Segment]) -> Everybody:
    """Return what the segments of a run are compared with, in one query."""
    named = {segment.facts["category"]["id"] for segment in segments if segment.facts.get("category")}
    names = dict(Category.objects.filter(pk__in=named).order_by().values_list("pk", "name"))
    return Everybody(segmentation.averages, segmentation.price, names, segmentation.currency)


def finished_runs() -> QuerySet[Segmentation]:
    """List the runs that came to an end, the newest first."""
    return Segmentation.objects.filter(finished_at__isnull=False).order_by("-pk")


def is_weak(segmentation: Segmentation) -> bool:
    """Tell whether the groups hardly exist, or other people of the same kind would have made others."""
    return segmentation.silhouette < LEAST_SILHOUETTE or segmentation.stability < LEAST_STABILITY


def may_see_accounts(person: Visitor) -> bool:
    """Tell whether somebody may see who the members are."""
    return bool(person.is_staff and person.has_perm(SEE_ACCOUNTS))


def page_of_members(segment: Segment, *, by_name: bool, cursor: str | None) -> Page[Member]:
    """Return one page of the members of a segment that is not small, in no order that says anything.

    Raises:
        InvalidCursor: the cursor is damaged or belongs to another list.
    """
    members = segment.members.order_by("pk")
    if cursor:
        members = members.filter(pk__gt=_last_member(cursor, segment))
    rows = list(members.values_list("pk", "account_id")[: MEMBERS_SHOWN + 1])
    shown = rows[:MEMBERS_SHOWN]
    following = encode_cursor(f"segment {segment.pk}", shown[-1][0]) if len(rows) > MEMBERS_SHOWN else None
    return Page(_told([account_id for _pk, account_id in shown], by_name=by_name), following)


def every_member(segment: Segment, *, by_name: bool) -> Iterator[Member]:
    """Yield all members, some thousand at a time."""
    last = 0
    while rows := list(segment.members.filter(pk__gt=last).order_by("pk").values_list("pk", "account_id")[:_AT_ONCE]):
        last = rows[-1][0]
        yield from _told([account_id for _pk, account_id in rows], by_name=by_name)


def customer_pseudonym(secret: bytes, account_id: int) -> str:
    """Return a name that only who holds the secret can lead back to the account; never that of a seller.

    >>> customer_pseudonym(b"secret", 7)
    'customer-c2a9b2a979a49047'
    """
    return f"customer-{hmac.new(secret, f'customer {account_id}'.encode(), hashlib.sha256).hexdigest()[:16]}"


def _told(account_ids: Sequence[int], *, by_name: bool) -> list[Member]:
    secret = pseudonym_secret()
    if not by_name:
        return [Member(customer_pseudonym(secret, account_id)) for account_id in account_ids]
    accounts = Account.objects.only("display_name").in_bulk(account_ids)
    return [
        Member(customer_pseudonym(secret, account_id), account_id, accounts[account_id].get_full_name())
        for account_id in account_ids
        if account_id in accounts
    ]


def _is_small(segment: Segment) -> bool:
    """Tell whether a segment, read with `count`, has too few people."""
    return int(getattr(segment, "count")) < LEAST_SHOWN  # noqa: B009 - annotated by the query


def _last_member(cursor: str, segment: Segment) -> int:
    made_for, last = decode_cursor(cursor, length=2)
    if made_for != f"segment {segment.pk}" or not isinstance(last, int) or not 0 <= last < 2**63:
        raise InvalidCursor("The cursor belongs to another list. Start again from the first page.")
    return last
