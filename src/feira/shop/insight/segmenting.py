"""Parts customers into segments, keeps the outcome beside the one that is shown, and then shows it instead.

A draft is written row by row while the current segmentation stays what people see; it becomes current in one short
transaction, together with the end of its job. A draft that was left behind goes when the next one begins.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext as _

from feira.core.errors import FeiraError
from feira.core.learning.segments import Profiles, Segments, find_segments, profiles_of
from feira.settings import load_settings
from feira.shop.feed.models import Like
from feira.shop.insight.customer_figures import FIGURES, STEPS, Customers, Numbers, customer_accounts, customers_of
from feira.shop.insight.models import Segment, Segmentation, SegmentMember
from feira.shop.listings.models import Listing

LEAST_CUSTOMERS = 30
LEAST_PER_SEGMENT = 10
KEPT = 10
PICTURES_KEPT = 12
# A name given by staff goes on to the segment that shares this much of its people with the one that had it.
SAME_PEOPLE = 0.5
_AT_ONCE = 5_000
# What each stage is of the whole, for the bar; a million customers take about as long in each.
_READ, _FIND, _WRITE = 40, 30, 30

Progress = Callable[[int, int], None]
Log = Callable[[str], None]


class TooFewCustomers(FeiraError):
    """Groups of so few people would say nothing, or who they are."""

    code = "too_few_customers"
    http_status = 409


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a run is asked for: a number of segments (None: the best of 2 to 8), and only who was active lately."""

    segments: int | None = None
    active_days: int | None = None

    @property
    def least_customers(self) -> int:
        """How many customers it takes."""
        return max(LEAST_CUSTOMERS, LEAST_PER_SEGMENT * (self.segments or 0))


def check_customers(wanted: Wanted, count: int | None = None) -> None:
    """Refuse what too few customers cannot answer.

    Args:
        count: how many there are; all accounts of customers when None.

    Raises:
        TooFewCustomers: with how many there are and how many are needed.
    """
    have = customer_accounts().count() if count is None else count
    need = wanted.least_customers
    if have >= need:
        return
    facts = {"have": have, "need": need, "days": wanted.active_days}
    if count is not None and wanted.active_days:
        told = _("%(need)s customers are needed; %(have)s did something within %(days)s days. Ask for more days.")
    elif wanted.segments and have >= LEAST_CUSTOMERS:
        told = _("So many segments need %(need)s customers; the shop has %(have)s. Ask for fewer segments.")
    else:
        told = _("%(need)s customers are needed, accounts of staff not counted; the shop has %(have)s so far.")
    raise TooFewCustomers(told % facts, have=have, need=need)


def enough_customers(wanted: Wanted) -> bool:
    """Tell whether the shop has enough customers for a run."""
    return bool(customer_accounts().count() >= wanted.least_customers)


def current_segmentation() -> Segmentation | None:
    """Return the segmentation that is shown."""
    return Segmentation.objects.filter(is_current=True).first()


def draft_segmentation(wanted: Wanted, *, job_id: int | None, seed: int, progress: Progress, log: Log) -> Segmentation:
    """Read, part and write down; nothing that is shown changes.

    Raises:
        TooFewCustomers: there are too few, or too few who were active; nothing is left behind.
    """
    # Only one job at a time makes drafts, so these belong to runs that died. One that only seems dead stops at its next
    # row, because what that belongs to is gone.
    Segmentation.objects.filter(finished_at__isnull=True).delete()
    whole = _READ + _FIND + _WRITE
    customers = customers_of(
        now=timezone.now(),
        currency=load_settings().currency,
        progress=lambda done: progress(_READ * done // STEPS, whole),
    )
    if wanted.active_days is not None:
        customers = customers.active_within(wanted.active_days)
    check_customers(wanted, len(customers.ids))
    log(f"{len(customers.ids)} customers were read.")
    found = find_segments(
        customers.figures,
        [figure.has_long_tail for figure in FIGURES],
        k=wanted.segments,
        seed=seed,
        progress=lambda done, total: progress(_READ + _FIND * done // total, whole),
    )
    tried = ", ".join(f"{number}: {value:.3f}" for number, value in found.tried)
    log(f"Silhouettes by number of segments: {tried}. Stability with {found.k}: {found.stability:.3f}.")
    profiles = profiles_of(customers.figures, found)
    draft = Segmentation.objects.create(
        job_id=job_id,
        requested=asdict(wanted),
        customers=len(customers.ids),
        k=found.k,
        silhouette=found.silhouette,
        stability=found.stability,
        seed=seed,
        tried=[list(pair) for pair in found.tried],
        averages=_named(profiles.overall),
        price=_quarters(customers.column("median_price")),
        currency=load_settings().currency,
    )
    segments = _write_segments(draft, customers, found, profiles)
    _write_members(segments, customers.ids, found, lambda share: progress(_READ + _FIND + int(_WRITE * share), whole))
    for segment in segments:
        segment.facts["liked"] = _most_liked(segment)
    Segment.objects.bulk_update(segments, ["facts"])
    return draft


def make_current(draft: Segmentation) -> None:
    """Show a draft from now on; in the caller's transaction."""
    Segmentation.objects.filter(is_current=True).update(is_current=False)
    draft.finished_at, draft.is_current = timezone.now(), True
    draft.save(update_fields=["finished_at", "is_current"])


def forget_old(progress: Progress) -> tuple[int, int]:
    """Delete who belonged to segments that are no longer shown, and all but the last runs; return how many of each.

    Figures of a run stay without its members: what is over says nothing about anybody.
    """
    gone = 0
    old = SegmentMember.objects.filter(
        segment__segmentation__is_current=False, segment__segmentation__finished_at__isnull=False
    )
    while some := list(old.values_list("pk", flat=True)[:_AT_ONCE]):
        SegmentMember.objects.filter(pk__in=some).delete()
        gone += len(some)
        progress(gone, gone + 1)
    finished = Segmentation.objects.filter(finished_at__isnull=False, is_current=False).order_by("-pk")
    surplus = list(finished.values_list("pk", flat=True)[KEPT - 1 :])
    Segmentation.objects.filter(pk__in=surplus).delete()
    return gone, len(surplus)


def rename(segment: Segment, name: str) -> None:
    """Call a segment by another name; by the words that describe it when empty."""
    segment.name = name
    segment.save(update_fields=["name"])


def _write_segments(draft: Segmentation, customers: Customers, found: Segments, profiles: Profiles) -> list[Segment]:
    names = _names_to_keep(customers.ids, found)
    overall = np.unique(customers.favourites[customers.favourites > 0], return_counts=True)
    shares = {int(pk): float(count) / overall[1].sum() for pk, count in zip(*overall, strict=True)}
    segments = []
    for place in range(found.k):
        inside = found.labels == place
        facts = {
            "means": _named(profiles.means[place]),
            "differences": _named(profiles.differences[place]),
            "recency_median": round(float(np.median(customers.column("recency_days")[inside])), 2),
            "price": _quarters(customers.column("median_price")[inside]),
            "category": _favourite(customers.favourites[inside], shares),
        }
        size = int(inside.sum())
        name = names.get(place, "")
        segments.append(Segment(segmentation=draft, number=place + 1, size=size, name=name, facts=facts))
    return Segment.objects.bulk_create(segments)


def _write_members(segments: list[Segment], ids: Numbers, found: Segments, progress: Callable[[float], None]) -> None:
    # In no order, and not in one that a seed would give again: a place in the list must not say which account it is.
    order = np.random.default_rng().permutation(len(ids))
    for start in range(0, len(order), _AT_ONCE):
        progress(start / len(order))
        some = order[start : start + _AT_ONCE]
        # Somebody may have left since the table was read.
        here = set(customer_accounts().filter(pk__in=ids[some].tolist()).values_list("pk", flat=True))
        SegmentMember.objects.bulk_create(
            SegmentMember(segment=segments[label], account_id=account_id)
            for account_id, label in zip(ids[some].tolist(), found.labels[some].tolist(), strict=True)
            if account_id in here
        )


def _names_to_keep(ids: Numbers, found: Segments) -> dict[int, str]:
    """Return which new segment takes over a name that staff gave: the one with most of the same people, if half are."""
    sizes = np.bincount(found.labels, minlength=found.k)
    kept: dict[int, str] = {}
    named = Segment.objects.filter(segmentation__is_current=True).exclude(name="")
    for segment in named.annotate(count=Count("members")).order_by("-size", "number"):
        shared = np.zeros(found.k, np.int64)
        members = np.fromiter(segment.members.values_list("account_id", flat=True).iterator(), np.int64)
        places = np.searchsorted(ids, members)
        places[places == len(ids)] = 0
        shared += np.bincount(found.labels[places[ids[places] == members]], minlength=found.k)
        overlap = shared / (sizes + segment.count - shared)
        best = int(overlap.argmax())
        if overlap[best] >= SAME_PEOPLE and best not in kept:
            kept[best] = segment.name
    return kept


def _most_liked(segment: Segment) -> list[int]:
    live = Listing.objects.filter(state=Listing.State.LIVE, cover__isnull=False)
    liked = Like.objects.filter(account__in_segments__segment=segment, listing__in=live)
    counted = liked.values("listing").annotate(count=Count("pk")).order_by("-count", "-listing")
    return list(counted.values_list("listing", flat=True)[:PICTURES_KEPT])


def _favourite(favourites: Numbers, overall: dict[int, float]) -> dict[str, Any] | None:
    numbers, counts = np.unique(favourites[favourites > 0], return_counts=True)
    if not len(numbers):
        return None
    best = int(counts.argmax())
    number = int(numbers[best])
    return {"id": number, "share": round(float(counts[best] / counts.sum()), 4), "overall": round(overall[number], 4)}


def _quarters(values: Any) -> list[float] | None:
    known = values[np.isfinite(values)]
    return [round(float(each), 2) for each in np.quantile(known, [0.25, 0.5, 0.75])] if len(known) else None


def _named(values: Any) -> dict[str, float | None]:
    pairs = zip(FIGURES, values.tolist(), strict=True)
    return {figure.name: round(value, 4) if np.isfinite(value) else None for figure, value in pairs}
