"""Pages of the ledger: every job, how the work goes, and one job that is watched, cancelled or tried again."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from feira.core.errors import FeiraError
from feira.shop.accounts.requests import SignedInRequest
from feira.shop.insight.access import SEE_JOBS, staff_with
from feira.shop.insight.charts import upright_bars
from feira.shop.insight.services_shown import (
    children_of,
    duration_text,
    facts_of,
    names_of,
    progress_of,
    shown_jobs,
    title_of,
)
from feira.shop.jobs import ledger, selectors, services
from feira.shop.jobs.errors import CannotCancel
from feira.shop.jobs.models import FINISHED, Job, JobLine, State
from feira.shop.jobs.moving import TO_RETRY, cancel_all, has_unfinished_below, retry_all
from feira.shop.jobs.offered import links_of
from feira.shop.jobs.registry import kinds

PAGE = 50
SHOWN_LINES = 200
SHOWN_ITEMS = 100
SHOWN_CHILDREN = 50
FLOW_HOURS = (1, 24, 168)
USUAL_FLOW_HOURS = 24
PERIODS = (
    (1, gettext_lazy("the last hour")),
    (24, gettext_lazy("the last day")),
    (168, gettext_lazy("the last week")),
)


@dataclass(frozen=True, slots=True)
class Filters:
    """What the form above the list says; unknown values count as none."""

    kind: str = ""
    state: str = ""
    person: str = ""
    hours: str = ""

    @classmethod
    def of(cls, request: SignedInRequest) -> "Filters":
        """Read them from an address."""
        given = {name: request.GET.get(name, "") for name in ("kind", "state", "person", "hours")}
        given["state"] = given["state"] if given["state"] in State.values else ""
        given["person"] = given["person"] if given["person"].isdecimal() else ""
        given["hours"] = given["hours"] if given["hours"] in {str(hours) for hours, _label in PERIODS} else ""
        return cls(**given)

    def wanted(self, now: datetime) -> ledger.Wanted:
        """Return what the ledger is asked for."""
        return ledger.Wanted(
            kind=self.kind,
            state=self.state,
            requested_by=int(self.person) if self.person else None,
            since=now - timedelta(hours=int(self.hours)) if self.hours else None,
        )

    def query(self, **more: Any) -> str:
        """Return them as the query of an address."""
        said = {"kind": self.kind, "state": self.state, "person": self.person, "hours": self.hours}
        return urlencode({name: value for name, value in (said | more).items() if value})


@require_safe
@staff_with(SEE_JOBS)
def jobs(request: SignedInRequest) -> HttpResponse:
    """Show the ledger, the newest first, and how the work goes; with htmx only the latter."""
    now, filters = timezone.now(), Filters.of(request)
    context: dict[str, Any] = {"filters": filters, "here": "jobs", **_flow(request, now)}
    if request.htmx:
        return render(request, "insight/services_flow.html", context)
    rows = ledger.wanted_jobs(ledger.jobs_visible_to(request.user), filters.wanted(now))
    before = request.GET.get("before", "")
    if before.isdecimal():
        rows = rows.filter(pk__lt=min(int(before), ledger.MOST_ROW_ID))
    found = list(rows.defer("payload", "result")[: PAGE + 1])
    more = filters.query(before=found[PAGE - 1].pk) if len(found) > PAGE else ""
    people = names_of(ledger.people_in_ledger())
    known = sorted(((kind.name, title_of(kind.name)) for kind in kinds()), key=lambda pair: pair[1].lower())
    context |= {
        "rows": shown_jobs(found[:PAGE], now=now),
        "more": more,
        "kinds": known,
        "states": State.choices,
        "people": sorted(people.items(), key=lambda pair: pair[1].lower()),
        "periods": PERIODS,
        "is_filtered": bool(filters.query()),
    }
    return render(request, "insight/services_jobs.html", context)


@require_safe
@staff_with(SEE_JOBS)
def job(request: SignedInRequest, job_id: int) -> HttpResponse:
    """Show one job; with htmx only the part that changes, which no longer asks for itself once the job is over."""
    found = _found(request, job_id)
    part = "insight/services_job_live.html" if request.htmx else "insight/services_job.html"
    return render(request, part, _told(request, found))


@require_POST
@staff_with(SEE_JOBS)
def cancel(request: SignedInRequest, job_id: int) -> HttpResponse:
    """Call off a job and what came of it."""
    found = _movable(request, job_id)
    try:
        cancel_all(found)
    except CannotCancel:
        messages.error(request, _("It had ended before."))
    else:
        messages.success(request, _("Cancelled. What it had finished stays."))
    return redirect("insight:job", found.pk)


@require_POST
@staff_with(SEE_JOBS)
def retry(request: SignedInRequest, job_id: int) -> HttpResponse:
    """Let a job that failed or was cancelled, and what came of it, go on with what is missing."""
    found = _movable(request, job_id)
    try:
        retry_all(found)
    except FeiraError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("It goes on with what is missing."))
    return redirect("insight:job", found.pk)


def _flow(request: SignedInRequest, now: datetime) -> dict[str, Any]:
    given = request.GET.get("flow", "")
    hours = int(given) if given in {str(each) for each in FLOW_HOURS} else USUAL_FLOW_HOURS
    flow = ledger.throughput(hours=hours, now=now)
    backlog, ages = selectors.backlog(), selectors.oldest_due_age_s(now=now)
    oldest_s = max(ages.values(), default=None)
    written = "%H:%M" if hours <= 24 else "%Y-%m-%d %H:%M"
    return {
        "flow_hours": hours,
        "flow_choices": FLOW_HOURS,
        "flow": flow,
        "ended": sum(each.ended for each in flow),
        "failed": sum(each.failed for each in flow),
        "bars": upright_bars(
            [(timezone.localtime(each.at).strftime(written), each.ended, each.failed) for each in flow]
        ),
        "backlog": backlog,
        "oldest": None if oldest_s is None else duration_text(timedelta(seconds=oldest_s)),
        "workers": services.workers_alive(),
        "is_working": bool(backlog.pending or backlog.running),
    }


def _told(request: SignedInRequest, found: Job) -> dict[str, Any]:
    now = timezone.now()
    (shown,) = shown_jobs([found], now=now)
    children = children_of(found)
    items = ledger.count_items(found)
    is_child_working = children is not None and (
        children.waiting + children.running > 0 or (found.is_finished and has_unfinished_below(found))
    )
    lines = list(JobLine.objects.filter(job=found).order_by("-pk")[:SHOWN_LINES])
    return {
        "here": "jobs",
        "job": found,
        "shown": shown,
        "progress": progress_of(found, now=now, children=children),
        "children": children,
        "child_jobs": shown_jobs(list(Job.objects.filter(parent=found).order_by("-pk")[:SHOWN_CHILDREN]), now=now),
        "items": items if items.total else None,
        "failed_items": list(ledger.items_of(found).filter(state="failed")[:SHOWN_ITEMS]),
        "waits_for": _waits_for(found),
        "lines": lines[::-1],
        "is_live": not found.is_finished or is_child_working,
        "facts": facts_of(found.result),
        "links": links_of(found) if found.state == State.SUCCEEDED else [],
        "may_move": ledger.may_move(request.user, found),
        "may_cancel": not found.is_finished or is_child_working,
        "may_retry": found.state in TO_RETRY or bool(children and children.failed),
        "options": facts_of(found.payload),
    }


def _waits_for(found: Job) -> list[Job]:
    if found.state in FINISHED:
        return []
    return list(Job.objects.filter(dependants__job=found).exclude(state=State.SUCCEEDED).order_by("pk")[:20])


def _found(request: SignedInRequest, job_id: int) -> Job:
    found = ledger.job_visible_to(request.user, job_id)
    if found is None:
        raise Http404
    return found


def _movable(request: SignedInRequest, job_id: int) -> Job:
    found = _found(request, job_id)
    if not ledger.may_move(request.user, found):
        raise PermissionDenied
    return found
