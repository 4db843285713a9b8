"""Pages about who the customers are: the segments, each with what sets it apart, what it likes and who is in it."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from feira.shop.accounts.requests import SignedInRequest
from feira.shop.insight.access import NAME_SEGMENTS, SEE_JOBS, SEE_SEGMENTS, START_SEGMENTS, staff_with
from feira.shop.insight.charts import upright_bars
from feira.shop.insight.models import Segmentation
from feira.shop.insight.segment_forms import NameForm
from feira.shop.insight.segment_jobs import KIND
from feira.shop.insight.segmenting import LEAST_CUSTOMERS, current_segmentation, rename
from feira.shop.insight.segments_shown import (
    LEAST_SHOWN,
    Member,
    ShownSegment,
    finished_runs,
    is_weak,
    may_see_accounts,
    page_of_members,
    shown_segments,
)
from feira.shop.jobs.selectors import unfinished_of_kind
from feira.shop.web.cursors import InvalidCursor, Page


@require_safe
@staff_with(SEE_SEGMENTS)
def segments(request: SignedInRequest) -> HttpResponse:
    """Show all segments of the current run, and how earlier runs went."""
    current = current_segmentation()
    shown = shown_segments(current) if current else []
    context = {
        "here": "segments",
        "current": current,
        "segments": shown,
        "bars": upright_bars([(str(each.number), each.size, 0) for each in shown]),
        "is_weak": current is not None and is_weak(current),
        "runs": list(finished_runs()),
        "is_working": unfinished_of_kind(KIND),
        "may_start": request.user.has_perm(START_SEGMENTS) and request.user.has_perm(SEE_JOBS),
        "least_customers": LEAST_CUSTOMERS,
        "least_shown": LEAST_SHOWN,
    }
    return render(request, "insight/segments.html", context)


@require_safe
@staff_with(SEE_SEGMENTS)
def segment(request: SignedInRequest, number: int) -> HttpResponse:
    """Show one segment with its members: their names to whoever may see accounts, pseudonyms to others."""
    current, shown = _found(number)
    return _page(request, current, shown, NameForm(initial={"name": shown.segment.name}))


@require_POST
@staff_with(NAME_SEGMENTS)
def rename_segment(request: SignedInRequest, number: int) -> HttpResponse:
    """Give a segment a name, or take it away."""
    current, shown = _found(number)
    form = NameForm(request.POST)
    if not form.is_valid():
        return _page(request, current, shown, form, status=422)
    name = form.cleaned_data["name"]
    rename(shown.segment, name)
    messages.success(request, _("It is called “%(name)s” now.") % {"name": name or shown.described})
    return redirect("insight:segment", number)


def _page(
    request: SignedInRequest, current: Segmentation, shown: ShownSegment, form: NameForm, *, status: int = 200
) -> HttpResponse:
    by_name = may_see_accounts(request.user)
    members: Page[Member] | None = None
    if not shown.is_small:
        try:
            members = page_of_members(shown.segment, by_name=by_name, cursor=request.GET.get("after"))
        except InvalidCursor:
            raise Http404 from None
    context = {
        "here": "segments",
        "current": current,
        "shown": shown,
        "members": members,
        "by_name": by_name,
        "form": form,
        "may_name": request.user.has_perm(NAME_SEGMENTS),
        "is_first": not request.GET.get("after"),
        "least_shown": LEAST_SHOWN,
    }
    return render(request, "insight/segment.html", context, status=status)


def _found(number: int) -> tuple[Segmentation, ShownSegment]:
    current = current_segmentation()
    found = shown_segments(current, only=min(number, 2**15 - 1)) if current else []
    if current is None or not found:
        raise Http404
    return current, found[0]
