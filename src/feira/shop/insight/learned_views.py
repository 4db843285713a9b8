"""Pages about what the shop learned: versions, what the gate measured, and who decided."""

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from feira.core.errors import Refused
from feira.shop.accounts.requests import SignedInRequest
from feira.shop.insight.access import DECIDE, SEE_LEARNED, may_decide, staff_with
from feira.shop.insight.charts import Interval, interval
from feira.shop.insight.heads_report import heads_told
from feira.shop.insight.tasks import KIND as TRAIN_RANKER
from feira.shop.jobs import services as jobs
from feira.shop.jobs.selectors import unfinished_of_kind
from feira.shop.learning import services
from feira.shop.learning.models import LearnedPart
from feira.shop.learning.selectors import decisions_about, learned_parts, version_before

MOST_VERSIONS = 20


@dataclass(frozen=True, slots=True)
class Told:
    """A gate's report as a page shows it; `chart` is None when nothing was compared."""

    metric: str
    before: float | None
    after: float | None
    gain: float | None
    low: float | None
    high: float | None
    queries: int
    wins: int
    losses: int
    ties: int
    chart: Interval | None

    @property
    def before_percent(self) -> float | None:
        """A share before as a percentage."""
        return None if self.before is None else 100 * self.before

    @property
    def after_percent(self) -> float | None:
        """A share after as a percentage."""
        return None if self.after is None else 100 * self.after


@require_safe
@staff_with(SEE_LEARNED)
def learned(request: SignedInRequest) -> HttpResponse:
    """Show every learned part with its versions, the newest first."""
    groups = []
    for (part, about), rows in groupby(learned_parts(), key=lambda row: (row.part, row.about)):
        every = list(rows)
        live = next((row for row in every if row.state == LearnedPart.State.LIVE), None)
        versions = [{"row": row, "told": told(row.report)} for row in every[:MOST_VERSIONS]]
        groups.append({"label": label_of(part), "about": about, "versions": versions, "live": live})
    context = {
        "groups": groups,
        "may_decide": may_decide(request),
        "is_training": unfinished_of_kind(TRAIN_RANKER),
    }
    return render(request, "insight/learned.html", context)


@require_safe
@staff_with(SEE_LEARNED)
def learned_part(request: SignedInRequest, part_id: int) -> HttpResponse:
    """Show what the gate measured about one version, and who decided what."""
    row = _found(part_id)
    before = version_before(row.part, row.about) if row.state == LearnedPart.State.LIVE else None
    weights = row.report.get("weights_before"), row.report.get("weights_after")
    context = {
        "row": row,
        "label": label_of(row.part),
        "told": told(row.report),
        "reason": row.report.get("reason", ""),
        "compared_with": row.report.get("compared_with", ""),
        "weights": [(name, weights[0].get(name), value) for name, value in weights[1].items()] if all(weights) else [],
        "per_query": row.report.get("per_query", []),
        "heads": heads_told(row.report),
        "made_from": sorted(row.made_from.items()),
        "decisions": decisions_about(row),
        "version_before": before,
        "may_decide": may_decide(request),
    }
    return render(request, "insight/learned_part.html", context)


@require_POST
@staff_with(DECIDE)
def promote(request: SignedInRequest, part_id: int) -> HttpResponse:
    """Let a version serve, in the name of whoever says so."""
    row = _found(part_id)
    try:
        services.promote(row, by=request.user, reason=request.POST.get("reason", ""))
        messages.success(request, _("Version %(version)s serves now.") % {"version": row.version})
    except Refused as error:
        messages.error(request, error.message)
    return redirect("insight:learned_part", row.pk)


@require_POST
@staff_with(DECIDE)
def roll_back(request: SignedInRequest, part_id: int) -> HttpResponse:
    """Take the live version back, and let the one before it serve, or the built-in default."""
    row = _found(part_id)
    if row.state != LearnedPart.State.LIVE:
        messages.error(request, _("Version %(version)s does not serve any more.") % {"version": row.version})
        return redirect("insight:learned_part", row.pk)
    before = services.roll_back(part=row.part, about=row.about, by=request.user, reason=request.POST.get("reason", ""))
    if before:
        messages.success(request, _("Version %(version)s serves again.") % {"version": before.version})
    else:
        messages.success(request, _("The built-in default serves again."))
    return redirect("insight:learned_part", row.pk)


@require_POST
@staff_with(DECIDE)
def train(request: SignedInRequest) -> HttpResponse:
    """Ask for the query ranker to be trained now."""
    with transaction.atomic():
        jobs.submit(TRAIN_RANKER, {}, key="all", requested_by=request.user.pk)
    messages.success(request, _("Training has been asked for. What comes of it shows here in a moment."))
    return redirect("insight:learned")


def label_of(part: str) -> str:
    """Return the name of a kind of part for people; one that is not known goes by its own name."""
    names = {
        "query_ranker": _("Query ranker"),
        "bridge": _("Bridge from words to pictures"),
        "projection": _("Projection of embeddings"),
        "heads": _("Classifier heads"),
        "taste": _("Taste"),
    }
    return names.get(part, part)


def told(report: dict[str, Any]) -> Told:
    """Read a report; what is not in it is None or 0."""
    gain, low, high = (report.get(name) for name in ("gain", "low", "high"))
    chart = interval(gain, low, high) if gain is not None and low is not None and high is not None else None
    counts = {name: int(report.get(name, 0)) for name in ("queries", "wins", "losses", "ties")}
    return Told(
        metric=str(report.get("metric", "")),
        before=report.get("mean_before"),
        after=report.get("mean_after"),
        gain=gain,
        low=low,
        high=high,
        chart=chart,
        **counts,
    )


def _found(part_id: int) -> LearnedPart:
    row = learned_parts().filter(pk=min(part_id, 2**63 - 1)).first()
    if row is None:
        raise Http404
    return row
