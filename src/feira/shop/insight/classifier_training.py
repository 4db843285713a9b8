"""Teaches the classifier from what people said of the shop's own photos, and sends it through the gate.

Each head (category, an attribute, a group of tags) is fitted by itself and compared with the encoder's own heads, on
listings that neither has learned from; where those are better, everything stays as it is. The other heads go together
into one version, which the gate judges on the held-out listings: a fifth by a hash of the listing's number, which no
version ever learns from. What earlier versions taught has seen all other listings, and is compared there alone.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
import structlog

from feira.core.errors import EngineUnavailable, FeiraError, ManifestError
from feira.core.learning.head_fit import FittedHead, heads_in, pack_heads
from feira.shop.datasets.models import Snapshot
from feira.shop.insight.head_scores import Case, score
from feira.shop.insight.head_teaching import (
    LEAST_HELD_OUT,
    LEAST_LISTINGS,
    MOST_COMPARED,
    Lesson,
    Reading,
    TooLittle,
    best_reading,
    fit_lesson,
    held_out_mask,
    plan_lesson,
    said_by,
    spoken_now,
    vectors_of_listings,
)
from feira.shop.insight.labels import (
    Answers,
    Catalogue,
    Ids,
    Kept,
    Labelled,
    Said,
    corrections,
    listings_seen_by,
    photos_seen_by,
)
from feira.shop.jobs.models import Job, State
from feira.shop.learning.models import LearnedPart
from feira.shop.learning.selectors import live_part
from feira.shop.learning.services import judge_candidate, propose
from feira.shop.photos.engine import engine

PART: Final = "heads"
JOB: Final = "insight.train_classifier"
METRIC: Final = "accuracy"
# Teach anew when the photos grew by this share and at least by so many, or people corrected so many tags.
GROWTH, LEAST_GROWTH, LEAST_CORRECTIONS = 0.1, 50, 20

log = structlog.get_logger(__name__)

Progress = Callable[[int, int, str], None]


class UnknownHead(FeiraError):
    """Nothing is said in the shop under a head that was asked for."""

    code = "unknown_head"


@dataclass(frozen=True, slots=True)
class Trained:
    """What a run came to: the candidate and whether it serves, or why there is none.

    Attributes:
        heads: by name: what was taught and measured, or `problem`, why nothing was.
        photos, corrections: how many there were, so that the next run knows what is new.
    """

    candidate: LearnedPart | None
    serves: bool
    reason: str
    encoder_id: str = ""
    heads: dict[str, dict[str, Any]] = field(default_factory=dict)
    before: float | None = None
    after: float | None = None
    listings: int = 0
    photos: int = 0
    corrections: int = 0
    seconds: float = 0.0


class _Taught(NamedTuple):
    """A head that was found better than what serves."""

    lesson: Lesson
    fitted: FittedHead
    reading: Reading
    answers: Answers


def train_classifier(
    *,
    heads: Sequence[str] = (),
    snapshot: Snapshot | None = None,
    encoder_id: str = "",
    seed: int = 0,
    progress: Progress = lambda _done, _total, _message: None,
) -> Trained:
    """Teach heads for an encoder and let them serve if the gate finds them better.

    Memory is bounded: a few bytes for each listing, and the photos of some thousand listings at a time.

    Args:
        heads: which; all that enough is said about when empty.
        snapshot: learn from this data set; from the live catalogue when None.
        encoder_id: one that the engine serves; the live one when empty.
        progress: told how far it is; may raise to end early.

    Raises:
        UnknownHead: nothing is said about a head that was asked for.
        EngineUnavailable: the engine does not answer, or does not serve the encoder; nothing was kept.
    """
    begun = time.monotonic()
    encoder_id = _served(encoder_id)
    labelled: Labelled = Catalogue(encoder_id) if snapshot is None else Kept(snapshot)
    wanted = _wanted(heads, labelled.questions())
    held_out = held_out_mask(labelled.ids)
    steps = _Steps(progress, 2 * len(wanted) + 1)
    learned = _learned_heads(encoder_id)
    taught: list[_Taught] = []
    told: dict[str, dict[str, Any]] = {}
    for head in wanted:
        steps.begin(f"{head}: learning")
        answers = labelled.answers(head)
        lesson = plan_lesson(head, answers, labelled, held_out, seed)
        found: _Taught | TooLittle
        if isinstance(lesson, Lesson):
            found = _fitted(lesson, answers, labelled, encoder_id, learned=learned, seed=seed, steps=steps)
        else:
            found = lesson
        if isinstance(found, _Taught):
            taught.append(found)
            told[head] = _facts_of(found)
        else:
            told[head] = {"problem": found.reason}
    facts: dict[str, Any] = {
        "encoder_id": encoder_id,
        "listings": len(labelled.ids),
        "photos": photos_seen_by(encoder_id),
        "corrections": corrections(),
    }
    if not taught:
        return Trained(None, serves=False, reason=_nothing(told), heads=told, seconds=_since(begun), **facts)
    steps.begin("comparing with what serves")
    before, after = _measured(taught, told, labelled, encoder_id, steps)
    candidate = propose(
        part=PART,
        about=encoder_id,
        content=_packed(taught, encoder_id),
        made_from={
            "source": f"data set {(snapshot.content_hash or '')[:12]}" if snapshot else "catalogue",
            "heads": [each.lesson.head for each in taught],
            "seed": seed,
            **{name: value for name, value in facts.items() if name != "encoder_id"},
        },
        report={"heads": told, "seconds": _since(begun)},
    )
    serves = judge_candidate(
        candidate,
        live_per_query=before,
        candidate_per_query=after,
        metric=METRIC,
        least_queries=LEAST_HELD_OUT,
        seed=seed,
    )
    log.info("classifier_trained", encoder_id=encoder_id, version=candidate.version, serves=serves)
    return Trained(
        candidate,
        serves=serves,
        reason=str(candidate.report["reason"]),
        heads=told,
        before=candidate.report.get("mean_before"),
        after=candidate.report.get("mean_after"),
        seconds=_since(begun),
        **facts,
    )


def is_due() -> bool:
    """Tell whether enough photos or corrections came since the last run; a few cheap queries.

    Raises:
        EngineUnavailable: the engine does not answer.
    """
    encoder_id = engine().status().encoder_id
    ended = Job.objects.filter(kind=JOB, state=State.SUCCEEDED).order_by("-pk").values_list("result", flat=True)[:50]
    last = next((told for told in ended if isinstance(told, dict) and told.get("encoder_id") == encoder_id), None)
    if last is None:
        # Below that, no head could have its classes and its held-out listings.
        return listings_seen_by(encoder_id).count() >= 2 * LEAST_LISTINGS + 4 * LEAST_HELD_OUT
    photos, corrected = int(last.get("photos") or 0), int(last.get("corrections") or 0)
    if corrections() >= corrected + LEAST_CORRECTIONS:
        return True
    return photos_seen_by(encoder_id) >= photos + max(LEAST_GROWTH, GROWTH * photos)


class _Steps:
    """Tells how far a run is, by heads; every call may end the run."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._done, self._message = progress, total, 0, ""

    def begin(self, message: str) -> None:
        """Say what is done now."""
        self._message = message
        self.tick()

    def done(self) -> None:
        """Say that one step more is done."""
        self._done += 1
        self.tick()

    def tick(self) -> None:
        """Ask whether to go on."""
        self._progress(self._done, self._total, self._message)


def _served(encoder_id: str) -> str:
    status = engine().status()
    wanted = encoder_id or status.encoder_id
    if not status.ready or wanted not in {served.encoder_id for served in status.encoders}:
        raise EngineUnavailable(f"The engine does not serve {wanted or 'any encoder'} now. It is tried again later.")
    return wanted


def _wanted(heads: Sequence[str], questions: Sequence[str]) -> list[str]:
    for head in heads:
        if head not in questions:
            raise UnknownHead(
                f"Nothing is said under {head!r} here. Choose among {', '.join(questions)}.",
                head=head,
            )
    return list(dict.fromkeys(heads)) or list(questions)


def _fitted(
    lesson: Lesson,
    answers: Answers,
    labelled: Labelled,
    encoder_id: str,
    *,
    learned: Collection[str],
    seed: int,
    steps: _Steps,
) -> _Taught | TooLittle:
    """Fit a head and compare what it says of unseen listings with what the encoder's own heads say."""
    fit = fit_lesson(lesson, labelled, encoder_id, seed=seed, tick=steps.tick)
    steps.done()
    if fit is None:
        return TooLittle(lesson.head, "too few of its photos are embedded")
    examples, fitted = fit
    if lesson.head in learned:
        steps.done()
        return _Taught(lesson, fitted, Reading(lesson.head, None, ""), answers)
    owners = examples.groups[fitted.unseen]
    compared = np.unique(owners)
    if len(compared) > MOST_COMPARED:
        compared = np.sort(np.random.default_rng(seed).choice(compared, MOST_COMPARED, replace=False))
    is_compared = np.isin(owners, compared)
    rows, owners = examples.rows[fitted.unseen[is_compared]], owners[is_compared]
    said = _said_of(labelled, answers, compared)
    rate_of = dict(zip(lesson.names, lesson.rates.tolist(), strict=True))
    truths = {listing: next(iter(each.names)) for listing, each in said.items() if len(each.names) == 1}
    truths = {listing: name for listing, name in truths.items() if name in rate_of and name}
    weights = {listing: 1.0 / rate_of[name] for listing, name in truths.items()}
    spoken = spoken_now(rows, owners, encoder_id, tick=steps.tick)
    reading, serves_now = best_reading(truths, spoken, weights, lesson.head, without=learned)
    answered = said_by(fitted.confidences[is_compared], owners, lesson.names)
    right = sum(weights[listing] * (answered[listing][0] == truth) for listing, truth in truths.items())
    would = right / max(sum(weights.values()), 1e-12)
    steps.done()
    if would < serves_now:
        return TooLittle(
            lesson.head,
            f"right for {100 * would:.1f} % of unseen listings, and what serves for {100 * serves_now:.1f} %",
        )
    return _Taught(lesson, fitted, reading, answers)


def _said_of(labelled: Labelled, answers: Answers, listing_ids: Ids) -> dict[int, Said]:
    places = np.searchsorted(labelled.ids, listing_ids)
    return {listing: answers.at(place) for listing, place in zip(listing_ids.tolist(), places.tolist(), strict=True)}


def _learned_heads(encoder_id: str) -> set[str]:
    """Return the names of the heads that the shop taught and that serve."""
    live = live_part(PART, encoder_id)
    try:
        return set(heads_in(bytes(live.content))) if live is not None else set()
    except ManifestError:
        return set()


def _packed(taught: Iterable[_Taught], encoder_id: str) -> bytes:
    """Return the new heads upon those that the shop taught before; damaged ones are not built upon."""
    fresh = {each.lesson.head: each.fitted.head for each in taught}
    live = live_part(PART, encoder_id)
    try:
        return pack_heads(encoder_id, fresh, upon=bytes(live.content) if live is not None else None)
    except ManifestError:
        return pack_heads(encoder_id, fresh)


def _measured(
    taught: Sequence[_Taught], told: dict[str, dict[str, Any]], labelled: Labelled, encoder_id: str, steps: _Steps
) -> tuple[dict[str, float], dict[str, float]]:
    """Return by held-out listing which share of its heads was and would be right, and note both head by head."""
    packed = heads_in(_packed(taught, encoder_id))
    before: dict[str, list[bool]] = defaultdict(list)
    after: dict[str, list[bool]] = defaultdict(list)
    for each in taught:
        head = packed[each.lesson.head]
        listing_ids = labelled.ids[each.lesson.held_out]
        rows, owners = vectors_of_listings(labelled, listing_ids, encoder_id, tick=steps.tick)
        spoken = spoken_now(rows, owners, encoder_id, tick=steps.tick)
        answered = said_by(head.confidences(rows), owners, head.names) if len(rows) else {}
        cases = []
        for listing, said in _said_of(labelled, each.answers, np.array(sorted(answered), dtype=np.int64)).items():
            name, confidence = answered[listing]
            now = each.reading.of(spoken.get(listing, {}))
            cases.append(Case(said, now, name, confidence))
            before[_called(listing)].append(said.is_answered_by(now))
            after[_called(listing)].append(said.is_answered_by(name))
        told[each.lesson.head] |= score(cases)
    steps.done()
    return _shares(before), _shares(after)


def _facts_of(taught: _Taught) -> dict[str, Any]:
    lesson, fitted = taught.lesson, taught.fitted
    return {
        "classes": sum(1 for name in lesson.names if name),
        "listings": len(lesson.taught),
        "compared_with": taught.reading.head,
        "ridge": fitted.ridge,
        "temperature": round(fitted.temperature, 3),
    }


def _nothing(told: Mapping[str, dict[str, Any]]) -> str:
    """Say what is needed, and head by head what there is."""
    needed = (
        f"Nothing was taught. A head needs two names with {LEAST_LISTINGS} listings each to learn from and "
        f"{LEAST_HELD_OUT} listings held out (a fifth of all is), and has to be better than what serves."
    )
    problems = [f"{head}: {facts['problem']}." for head, facts in told.items() if "problem" in facts]
    return " ".join([needed, *problems[:10]])


def _called(listing_id: int) -> str:
    return f"listing {listing_id}"


def _shares(right: Mapping[str, Sequence[bool]]) -> dict[str, float]:
    return {listing: sum(each) / len(each) for listing, each in right.items()}


def _since(begun: float) -> float:
    return round(time.monotonic() - begun, 2)
