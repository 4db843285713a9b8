"""What the shop does with learned parts: propose, judge, promote, roll back.

Every learned part goes the same way. A job fits one and proposes it; the gate compares it with what serves on held-out
queries, pair by pair; only a better one serves. People with the permission may overrule the gate, in their own name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from feira.core.errors import Refused
from feira.core.evaluation.bootstrap import Comparison, paired_bootstrap
from feira.shop.accounts.models import Account
from feira.shop.jobs.services import announce
from feira.shop.learning.models import Decision, LearnedPart

State = LearnedPart.State
LEAST_QUERIES = 10
VERSIONS_KEPT = 20


def propose(
    *,
    part: str,
    about: str = "",
    content: bytes,
    made_from: Mapping[str, Any] | None = None,
    report: Mapping[str, Any] | None = None,
) -> LearnedPart:
    """Keep a newly fitted part as a candidate with the next version number; nothing serves it so far.

    Of older versions that never served, the newest `VERSIONS_KEPT` stay.
    """
    for _again in range(5):
        newest = LearnedPart.objects.filter(part=part, about=about).order_by("-version")
        version = (newest.values_list("version", flat=True).first() or 0) + 1
        candidate = LearnedPart(part=part, about=about, version=version, content=content)
        candidate.made_from, candidate.report = dict(made_from or {}), dict(report or {})
        try:
            with transaction.atomic():
                candidate.save(force_insert=True)
        except IntegrityError:
            continue  # somebody else took the number meanwhile
        _forget_old_candidates(part, about)
        return candidate
    raise Refused(_("Too many versions of %(part)s are being proposed at once. Try again.") % {"part": part})


def judge_candidate(
    candidate: LearnedPart,
    *,
    live_per_query: Mapping[str, float] | None,
    candidate_per_query: Mapping[str, float],
    metric: str,
    min_gain: float = 0.0,
    least_queries: int = LEAST_QUERIES,
    seed: int = 0,
) -> bool:
    """Let the candidate serve if it is better on the held-out queries; tell whether it serves now.

    The report (before, after, interval, wins and losses per query) is stored either way.

    - Something serves already: the lower end of the 95 % interval of the mean gain must be above `min_gain`.
    - Nothing learned serves so far: the default must not beat it, so a mean gain of at least `min_gain` is enough.
    - `live_per_query` is None: there is no default either, and the candidate serves.

    With fewer than `least_queries` pairs nothing can be told, and the candidate is refused.

    Args:
        live_per_query: metric of what serves (or of the default) by query; only queries in both mappings count.
        candidate_per_query: metric of the candidate by query, higher is better.
        metric: what was measured, for people, as in "nDCG@10 on held-out judgements".

    Raises:
        Refused: another version began to serve while this one was compared.
    """
    comparison: Comparison | None = None
    queries: list[str] = []
    replaces = LearnedPart.objects.filter(part=candidate.part, about=candidate.about, state=State.LIVE).first()
    if live_per_query is None:
        passes, reason = replaces is None, "there is nothing to compare with"
    else:
        queries = sorted(live_per_query.keys() & candidate_per_query.keys())
        if len(queries) < max(least_queries, 1):
            passes, reason = False, f"{len(queries)} held-out queries; {least_queries} are needed to tell"
        else:
            before = [live_per_query[query] for query in queries]
            after = [candidate_per_query[query] for query in queries]
            comparison = paired_bootstrap(before, after, seed=seed)
            passes, reason = _verdict(comparison, min_gain=min_gain, first=replaces is None)
    candidate.report = {
        **candidate.report,
        "metric": metric,
        "min_gain": min_gain,
        "reason": reason,
        "compared_with": f"version {replaces.version}" if replaces else "the default",
        **(asdict(comparison) if comparison else {}),
        "per_query": _per_query(queries, live_per_query or {}, candidate_per_query),
    }
    candidate.save(update_fields=["report"])
    if not passes:
        refuse(candidate, reason=f"The gate: {reason}.")
        return False
    with transaction.atomic():
        live = [row.pk for row in _locked(candidate.part, candidate.about).values() if row.state == State.LIVE]
        if live != ([replaces.pk] if replaces else []):
            raise Refused(
                _("Another version of %(part)s began to serve meanwhile. Judge again.") % {"part": candidate.part}
            )
        promote(candidate, reason=f"The gate: {reason}.")
    return True


@transaction.atomic
def promote(candidate: LearnedPart, *, by: Account | None = None, reason: str = "") -> LearnedPart:
    """Let this version serve, and retire the one that did; announces `learning.live_part_changed`.

    Raises:
        Refused: it serves already.
    """
    rows = _locked(candidate.part, candidate.about)
    chosen = rows[candidate.pk]
    if chosen.state == State.LIVE:
        raise Refused(_("Version %(version)s serves already.") % {"version": chosen.version})
    for other in rows.values():
        if other.state == State.LIVE:
            _decide(other, State.RETIRED, by=by, reason=f"Replaced by version {chosen.version}.")
    _decide(chosen, State.LIVE, by=by, reason=reason or "Chosen by a person.")
    _tell(chosen.part, chosen.about)
    return _refreshed(candidate, chosen)


@transaction.atomic
def refuse(candidate: LearnedPart, *, by: Account | None = None, reason: str = "") -> LearnedPart:
    """Note that this candidate will not serve; a person may still promote it later."""
    chosen = _locked(candidate.part, candidate.about)[candidate.pk]
    _decide(chosen, State.REFUSED, by=by, reason=reason or "Refused by a person.")
    return _refreshed(candidate, chosen)


@transaction.atomic
def roll_back(*, part: str, about: str = "", by: Account | None = None, reason: str = "") -> LearnedPart | None:
    """Retire the live version and bring back the one before it; None when the built-in default serves again.

    Raises:
        Refused: nothing learned serves.
    """
    rows = sorted(_locked(part, about).values(), key=lambda row: -row.version)
    live = next((row for row in rows if row.state == State.LIVE), None)
    if live is None:
        raise Refused(_("Nothing learned serves, so there is nothing to take back."))
    before = next((row for row in rows if row.state == State.RETIRED and row.version < live.version), None)
    _decide(live, State.RETIRED, by=by, reason=reason or "Taken back.")
    if before is not None:
        _decide(before, State.LIVE, by=by, reason=f"Brought back after version {live.version}.")
    _tell(part, about)
    return before


def _verdict(comparison: Comparison, *, min_gain: float, first: bool) -> tuple[bool, str]:
    measured = f"gain {comparison.gain:+.4f}, 95 % interval {comparison.low:+.4f} to {comparison.high:+.4f}"
    if first:
        passes = comparison.gain >= min_gain
        return passes, f"{'not worse' if passes else 'worse'} than the default ({measured})"
    passes = comparison.low > min_gain
    return passes, f"{'better' if passes else 'not surely better'} than what serves ({measured})"


def _per_query(
    queries: Sequence[str], live: Mapping[str, float], candidate: Mapping[str, float], most: int = 200
) -> list[dict[str, Any]]:
    """Return the queries that changed most first; a report is for reading, so it holds a few hundred."""
    gains = {query: round(candidate[query] - live[query], 4) for query in queries}
    changed_most = sorted(queries, key=lambda query: (-abs(gains[query]), query))[:most]
    return [
        {"query": query, "before": round(live[query], 4), "after": round(candidate[query], 4)} for query in changed_most
    ]


def _locked(part: str, about: str) -> dict[int, LearnedPart]:
    """Return all versions of a part, held until the transaction ends, without their bytes."""
    rows = LearnedPart.objects.select_for_update().filter(part=part, about=about).defer("content").order_by("pk")
    return {row.pk: row for row in rows}


def _decide(row: LearnedPart, state: str, *, by: Account | None, reason: str) -> None:
    row.state, row.decided_at, row.decided_by = state, timezone.now(), by
    row.save(update_fields=["state", "decided_at", "decided_by"])
    Decision.objects.create(learned=row, state=state, reason=reason[:300], account=by, at=row.decided_at)


def _refreshed(given: LearnedPart, row: LearnedPart) -> LearnedPart:
    given.state, given.decided_at, given.decided_by = row.state, row.decided_at, row.decided_by
    return given


def _tell(part: str, about: str) -> None:
    announce("learning.live_part_changed", {"part": part, "about": about})


def _forget_old_candidates(part: str, about: str) -> None:
    never_served = LearnedPart.objects.filter(part=part, about=about, state__in=(State.CANDIDATE, State.REFUSED))
    old = list(never_served.order_by("-version").values_list("pk", flat=True)[VERSIONS_KEPT:])
    LearnedPart.objects.filter(pk__in=old).delete()
