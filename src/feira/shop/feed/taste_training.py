"""Choosing the settings of taste by what people liked next, and sending them through the gate.

Half of the people, told by a hash of their number, choose; the other half, on whom nothing was chosen, judge. The
measure is nDCG@10 of everybody's last like in a ranking of the whole catalogue: see `feira.core.evaluation.taste`.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np
from django.db.models import Max

from feira.core.evaluation.splits import place
from feira.core.evaluation.taste import (
    TRIED,
    Catalogue,
    HeldOut,
    History,
    Measured,
    Progress,
    choose_settings,
    hold_out,
    measure,
    rank,
)
from feira.core.recommend.taste_settings import TasteSettings
from feira.shop.accounts.models import Account
from feira.shop.feed.finding_taste import PART, PEOPLE_AT_ONCE, live_settings, serving_encoder
from feira.shop.feed.models import Like
from feira.shop.feed.signs import alike_for, rows_of_covers, signs_of
from feira.shop.learning.services import LEAST_QUERIES, judge_candidate, propose
from feira.shop.listings.models import Listing
from feira.shop.listings.selectors import VISIBLE_STATES

METRIC: Final = "nDCG@10 of the last like, whole catalogue"
MOST_PEOPLE: Final = 1_000
MOST_LISTINGS: Final = 200_000
LEAST_PEOPLE: Final = LEAST_QUERIES
_ROWS_AT_ONCE: Final = 2_000


@dataclass(frozen=True, slots=True)
class Trained:
    """What a run came to; without `chosen` there is no candidate, and `reason` says why.

    Attributes:
        before, after: the present and the chosen settings on the people who judge.
        tried: everything that was tried on the people who choose, the best first.
    """

    reason: str
    choosing: int
    judging: int
    encoder_id: str
    chosen: TasteSettings | None = None
    before: Measured | None = None
    after: Measured | None = None
    tried: tuple[Measured, ...] = ()


def train_taste(*, progress: Progress = lambda _done, _total: None) -> Trained:
    """Choose settings by half of the people and measure them on the other half; nothing is stored.

    Too few people, or nothing better found, make no candidate.

    Args:
        progress: called with (steps done, steps in all); what it raises ends the training.

    Raises:
        EngineUnavailable: which encoder answers is not known.
    """
    encoder_id = serving_encoder()
    _version, present = live_settings()
    catalogue = catalogue_seen_by(encoder_id)
    people = hold_out(_histories(), catalogue)
    choosing = [person for person in people if not _judges(person.name)]
    judging = [_nameless(number, person) for number, person in enumerate(people, start=1) if _judges(person.name)]
    trained = Trained("", len(choosing), len(judging), encoder_id)
    if min(len(choosing), len(judging)) < LEAST_PEOPLE:
        told = (
            f"{len(choosing)} people to learn from and {len(judging)} held out; {LEAST_PEOPLE} of each are needed, who "
            "liked something after they had liked or opened something else."
        )
        return replace(trained, reason=told)
    rank_all = partial(rank, catalogue=catalogue)
    tried = choose_settings(choosing, present, rank_all, progress=progress)
    if tried[0].settings == present:
        return replace(trained, reason="Nothing that was tried is better than what serves.", tried=tuple(tried))
    before, after = measure(judging, present, rank_all), measure(judging, tried[0].settings, rank_all)
    return replace(trained, chosen=tried[0].settings, before=before, after=after, tried=tuple(tried))


def keep_trained(trained: Trained) -> dict[str, Any]:
    """Propose the settings that were chosen and let the gate decide; return what came of it.

    Raises:
        Refused: another version began to serve meanwhile.
    """
    facts = {"learned_from": trained.choosing, "held_out": trained.judging}
    if trained.chosen is None or trained.before is None or trained.after is None:
        return {**facts, "reason": trained.reason, "serves": False, "version": None}
    present = trained.before.settings
    candidate = propose(
        part=PART,
        content=trained.chosen.pack(),
        made_from={**facts, "encoder_id": trained.encoder_id, "tried": {name: list(TRIED[name]) for name in TRIED}},
        report={
            "weights_before": asdict(present),
            "weights_after": asdict(trained.chosen),
            "recall_at_10_before": round(trained.before.mean_recall, 4),
            "recall_at_10_after": round(trained.after.mean_recall, 4),
            "tried": [{**asdict(each.settings), "ndcg_at_10": round(each.mean_ndcg, 4)} for each in trained.tried],
        },
    )
    serves = judge_candidate(
        candidate, live_per_query=trained.before.ndcg, candidate_per_query=trained.after.ndcg, metric=METRIC
    )
    return {**facts, "reason": candidate.report["reason"], "serves": serves, "version": candidate.version}


def catalogue_seen_by(encoder_id: str) -> Catalogue:
    """Return the newest `MOST_LISTINGS` listings that are or were for sale, by their covers."""
    shown = Listing.objects.filter(state__in=VISIBLE_STATES, cover__isnull=False).order_by("-pk")
    facts = sorted(shown.values_list("pk", "seller_id", "cover_id")[:MOST_LISTINGS])
    ids, parts = [], []
    for start in range(0, len(facts), _ROWS_AT_ONCE):
        covers = [(listing_id, photo_id) for listing_id, _seller, photo_id in facts[start : start + _ROWS_AT_ONCE]]
        listing_ids, rows = rows_of_covers(covers, encoder_id)
        if len(listing_ids):
            ids.append(listing_ids)
            parts.append(rows.astype(np.float16))
    listing_ids = np.concatenate(ids) if ids else np.empty(0, dtype=np.int64)
    seller_of = {listing_id: seller_id for listing_id, seller_id, _photo in facts}
    return Catalogue(
        listing_ids,
        np.concatenate(parts) if parts else np.empty((0, 0), dtype=np.float16),
        np.array([seller_of[listing_id] for listing_id in listing_ids.tolist()], dtype=np.int64),
        alike_for(encoder_id),
    )


def _histories() -> Iterator[History]:
    """Yield what those did who liked something last, under their numbers."""
    hearts = Like.objects.exclude(account__taste=Account.Taste.OFF).order_by().values("account_id")
    newest = hearts.annotate(last=Max("pk")).order_by("-last").values_list("account_id", flat=True)[:MOST_PEOPLE]
    account_ids = sorted(newest)
    for start in range(0, len(account_ids), PEOPLE_AT_ONCE):
        for account_id, signs in signs_of(account_ids[start : start + PEOPLE_AT_ONCE]).items():
            yield History(str(account_id), signs.listing_ids, signs.liked, signs.at_s)


def _judges(name: str) -> bool:
    return place(name, salt="taste") < 0.5


def _nameless(number: int, person: HeldOut) -> HeldOut:
    """Return the person under a name that does not tell who it is: the gate's report is read by people."""
    return HeldOut(f"person {number}", person.places, person.liked, person.ages_s, person.target)
