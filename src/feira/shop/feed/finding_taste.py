"""Finding what accounts like and what that recommends: from hearts and opened results to packed rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from typing import Final

import numpy as np
import structlog
from django.utils import timezone
from numpy.typing import NDArray

from feira.core.errors import EngineUnavailable
from feira.core.evaluation.taste import DAY_S
from feira.core.recommend.interests import Interests, find_interests, sign_weights
from feira.core.recommend.neighbours import Scored, group_by_listing
from feira.core.recommend.sharing import LIKED, OPENED, Chosen, Recommended, pack_recommended, share_out
from feira.core.recommend.taste_settings import InvalidTasteSettings, TasteSettings
from feira.core.types import Hit, Matrix
from feira.shop.feed.signs import ForSale, Signs, alike_for, covers_seen, for_sale_on, signs_of
from feira.shop.learning.selectors import live_part
from feira.shop.photos.engine import engine

PART: Final = "taste"
BUILT_IN: Final = 0
PEOPLE_AT_ONCE: Final = 16
# Listings have several photos, and the nearest of an interest are often those it was made of.
HITS: Final = 256

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OneTaste:
    """What was found for one account, packed for its row."""

    interests: bytes
    recommended: bytes


@dataclass(frozen=True, slots=True)
class FoundTastes:
    """What was found for some accounts, from what was known at one moment; nothing is stored so far."""

    at: datetime
    encoder_id: str
    settings_version: int
    tastes: Mapping[int, OneTaste]


@dataclass(frozen=True, slots=True)
class _Terms:
    """What holds for all accounts of one search."""

    encoder_id: str
    settings: TasteSettings
    alike: float
    now_s: float


@dataclass(frozen=True, slots=True)
class _Person:
    """One account's signs that this encoder has seen, and the interests made of them."""

    account_id: int
    listing_ids: NDArray[np.int64]
    liked: NDArray[np.bool_]
    rows: Matrix
    interests: Interests


def live_settings() -> tuple[int, TasteSettings]:
    """Return the settings in force and their version, 0 for the built-in ones."""
    part = live_part(PART)
    if part is not None:
        try:
            return part.version, TasteSettings.unpack(bytes(part.content))
        except InvalidTasteSettings as error:
            log.error("taste_settings_unreadable", reason=error.message)
    return BUILT_IN, TasteSettings()


def serving_encoder() -> str:
    """Return the id of the encoder that answers.

    Raises:
        EngineUnavailable: none does so far; try again later.
    """
    status = engine().status()
    if not status.ready:
        raise EngineUnavailable("The engine is starting. Taste waits for it.")
    return status.encoder_id


def find_tastes(account_ids: Sequence[int]) -> FoundTastes:
    """Find the taste of these accounts, `PEOPLE_AT_ONCE` in one search; nothing is stored.

    Those with no signs that the encoder has seen get an empty taste, and so do those who do not want any.

    Raises:
        EngineUnavailable: try again later.
    """
    at, encoder_id = timezone.now(), serving_encoder()
    version, settings = live_settings()
    terms = _Terms(encoder_id, settings, alike_for(encoder_id), at.timestamp())
    tastes: dict[int, OneTaste] = {}
    for start in range(0, len(account_ids), PEOPLE_AT_ONCE):
        tastes |= _find(account_ids[start : start + PEOPLE_AT_ONCE], terms)
    return FoundTastes(at, encoder_id, version, tastes)


def _find(account_ids: Sequence[int], terms: _Terms) -> dict[int, OneTaste]:
    signs = signs_of(account_ids)
    covers = covers_seen(chain.from_iterable(each.listing_ids.tolist() for each in signs.values()), terms.encoder_id)
    everybody = [_person(account_id, each, covers, terms) for account_id, each in signs.items()]
    people = [person for person in everybody if len(person.interests)]
    tastes = {account_id: OneTaste(b"", b"") for account_id in account_ids}
    if not people:
        return tastes
    rows = np.concatenate([person.interests.rows for person in people])
    hits = iter(engine().search(rows, HITS, encoder_id=terms.encoder_id))
    theirs = [list(islice(hits, len(person.interests))) for person in people]
    for_sale = for_sale_on(hit.photo_id for found in theirs for hit in chain.from_iterable(found))
    chosen = {person.account_id: _chosen(person, found, for_sale) for person, found in zip(people, theirs, strict=True)}
    shown = covers_seen((each.listing_id for some in chosen.values() for each in some), terms.encoder_id)
    for person in people:
        recommended = _explained(person, chosen[person.account_id], shown)
        tastes[person.account_id] = OneTaste(person.interests.pack(), pack_recommended(recommended))
    return tastes


_Rows = tuple[NDArray[np.int64], Matrix]


def _person(account_id: int, signs: Signs, covers: _Rows, terms: _Terms) -> _Person:
    """Make interests of an account's signs; of a listing that was opened and got a heart only the heart counts."""
    with_heart = np.isin(signs.listing_ids, signs.listing_ids[signs.liked])
    seen = np.isin(signs.listing_ids, covers[0]) & (signs.liked | ~with_heart)
    listing_ids, liked, at_s = signs.listing_ids[seen], signs.liked[seen], signs.at_s[seen]
    rows = covers[1][np.searchsorted(covers[0], listing_ids)] if len(listing_ids) else np.empty((0, 0), np.float32)
    settings = terms.settings
    kinds = np.where(liked, 1.0, settings.opened_weight)
    weights = sign_weights(kinds, terms.now_s - at_s, half_life_s=settings.half_life_days * DAY_S)
    interests = find_interests(rows, weights, most=settings.most_interests, alike=terms.alike)
    return _Person(account_id, listing_ids, liked, rows, interests)


def _chosen(person: _Person, hits: Sequence[Sequence[Hit]], for_sale: Mapping[int, ForSale]) -> list[Chosen]:
    """Choose from what is nearest to the interests, without what the account knows or offers itself."""
    listing_of = {photo_id: each.listing_id for photo_id, each in for_sale.items()}
    found: list[list[Scored]] = [group_by_listing(each, listing_of) for each in hits]
    seller_of = {each.listing_id: each.seller_id for each in for_sale.values() if each.owner_id != person.account_id}
    return share_out(
        found, person.interests.weights.tolist(), seller_of=seller_of, exclude=set(person.listing_ids.tolist())
    )


def _explained(person: _Person, chosen: Sequence[Chosen], shown: _Rows) -> list[Recommended]:
    """Tell for each listing which sign of its interest it looks like most, the earlier of equals."""
    recommended = []
    for each in chosen:
        own = np.flatnonzero(person.interests.groups == each.interest)
        place = int(np.searchsorted(shown[0], each.listing_id))
        # A listing may have no cover that was seen, and another photo that was found: then the interest speaks for it.
        known = place < len(shown[0]) and shown[0][place] == each.listing_id
        look = shown[1][place] if known else person.interests.rows[each.interest]
        sign = own[int(np.argmax(person.rows[own] @ look))]
        kind = LIKED if person.liked[sign] else OPENED
        recommended.append(Recommended(each.listing_id, int(person.listing_ids[sign]), each.score, kind))
    return recommended
