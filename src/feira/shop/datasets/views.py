"""Pages of data sets: all of them, one, the work on it, and how two differ."""

import json
from itertools import chain
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from feira.core.errors import FeiraError
from feira.shop.accounts.requests import SignedInRequest
from feira.shop.datasets import links, selectors
from feira.shop.datasets.describing import identity_of, lead_of, loading_of, noting_of, samples_of, split_text
from feira.shop.datasets.models import DatasetRequest, Snapshot, SnapshotRow
from feira.shop.datasets.page_guard import found_dataset, ml_team_only
from feira.shop.datasets.showing import MOST_LABELS, folders_of, in_state, labels_of, row_of, splits_of, steps_of
from feira.shop.jobs.models import ItemState, JobItem, JobLine

PAGE_SIZE = 30
MOST_OTHERS = 50
MOST_ITEMS = 200
MOST_LINES = 100
MOST_ROWS = 100


@require_safe
@ml_team_only
def datasets_list(request: SignedInRequest) -> HttpResponse:
    """Show the data sets, the newest first, all or those of a state or with a tag."""
    state, tag = request.GET.get("state", ""), request.GET.get("tag", "")
    given = request.GET.get("page", "")
    page = int(given) if given.isascii() and given.isdigit() and len(given) < 6 else 0
    found = in_state(selectors.datasets(), state).prefetch_related("snapshot__tags")
    if tag:
        found = found.filter(snapshot__tags__name=tag)
    rows = list(found[page * PAGE_SIZE : (page + 1) * PAGE_SIZE + 1])
    shown = [row_of(each) for each in rows[:PAGE_SIZE]]
    kept = {name: value for name, value in (("state", state), ("tag", tag)) if value}
    context = {
        "rows": shown,
        "state": state,
        "tag": tag,
        "states": [
            {"value": "", "label": _("All")},
            {"value": "working", "label": _("In work")},
            {"value": "ready", "label": _("Ready")},
            {"value": "stopped", "label": _("Failed or stopped")},
        ],
        "is_working": any(each.is_working for each in shown),
        "next_url": f"?{urlencode({**kept, 'page': page + 1})}" if len(rows) > PAGE_SIZE else "",
    }
    return render(request, "datasets/list.html", context)


@require_safe
@ml_team_only
def detail(request: SignedInRequest, dataset_id: int) -> HttpResponse:
    """Show one data set: the work on it, and what came of it."""
    return render(request, "datasets/detail.html", _detail(found_dataset(dataset_id)))


@require_POST
@ml_team_only
def link(request: SignedInRequest, dataset_id: int) -> HttpResponse:
    """Show the data set with an address that streams it, for a program or a colleague."""
    found = found_dataset(dataset_id)
    try:
        made = links.download_link(found, by=request.user)
    except FeiraError as error:
        messages.error(request, error.message)
        return redirect("datasets:detail", dataset_id)
    command = f"curl -C - -o dataset-{found.pk}.zip '{made.url}'"
    shown = {"link": made.url, "link_until": made.expires_at, "link_command": command}
    return render(request, "datasets/detail.html", _detail(found) | shown)


@require_safe
@ml_team_only
def work(request: SignedInRequest, dataset_id: int) -> HttpResponse:
    """Answer with the work as it stands; once it is over, the whole page is to be read again."""
    found = found_dataset(dataset_id)
    row = row_of(found)
    if not request.htmx:
        return redirect("datasets:detail", dataset_id)
    if not row.is_working:
        return HttpResponseClientRefresh()
    return render(request, "datasets/_work.html", {"row": row, "steps": steps_of(found)})


@require_safe
@ml_team_only
def items(request: SignedInRequest, dataset_id: int) -> HttpResponse:
    """Show every item of every step: those that failed, those that wait, and the last that are done."""
    found = found_dataset(dataset_id)
    parts = []
    for step in steps_of(found):
        of_job = JobItem.objects.filter(job_id=step.job_id)
        # Most are done: the few that are not would drown among them.
        ordered = chain(
            of_job.filter(state=ItemState.FAILED).order_by("pk")[:MOST_ITEMS],
            of_job.filter(state=ItemState.WAITING).order_by("pk")[:MOST_ITEMS],
            of_job.filter(state=ItemState.DONE).order_by("-pk")[:MOST_ITEMS],
        )
        shown = list(ordered)[:MOST_ITEMS]
        parts.append({"step": step, "items": shown, "more": step.total - len(shown) if shown else 0})
        parts[-1]["lines"] = JobLine.objects.filter(job_id=step.job_id).order_by("-pk")[:MOST_LINES][::-1]
    return render(request, "datasets/items.html", {"row": row_of(found), "parts": parts})


@require_safe
@ml_team_only
def diff(request: SignedInRequest, dataset_id: int) -> HttpResponse:
    """Compare a data set with an earlier one."""
    found, given = found_dataset(dataset_id), request.GET.get("with", "")
    if not (given.isascii() and given.isdigit()):
        raise Http404
    other = found_dataset(int(given))
    before, after = _resolved(other), _resolved(found)
    difference = selectors.difference(before, after)
    context = {
        "row": row_of(found),
        "other": row_of(other),
        "is_same": difference.is_same,
        "added": difference.added_count,
        "removed": difference.removed_count,
        "changed": difference.changed_count,
        "same": after.photos - difference.added_count - difference.changed_count,
        "request_changes": [
            (name, *(json.dumps(value, ensure_ascii=False) for value in values))
            for name, values in difference.request_changes.items()
        ],
        "parts": [
            _part(_("Added"), after, difference.added, difference.added_count),
            _part(_("Removed"), before, difference.removed, difference.removed_count),
            _part(_("Changed"), after, list(difference.changed), difference.changed_count, difference.changed),
        ],
    }
    return render(request, "datasets/diff.html", context)


def _detail(found: DatasetRequest) -> dict[str, Any]:
    row, snapshot = row_of(found), found.snapshot
    is_resolved = snapshot is not None and snapshot.state != Snapshot.State.RESOLVING
    context: dict[str, Any] = {
        "row": row,
        "lead": lead_of(found, row),
        "steps": steps_of(found),
        "target": found.target,
        "delivered_at": found.delivered_at,
    }
    if not is_resolved or snapshot is None:
        return context
    others = selectors.datasets().exclude(pk=found.pk).exclude(snapshot__isnull=True)
    others = others.exclude(snapshot__state=Snapshot.State.RESOLVING)
    context |= {
        "snapshot": snapshot,
        "identity": identity_of(found, snapshot),
        "trained": selectors.lineage_of(snapshot),
        "noting": noting_of(found),
        "others": [row_of(each) for each in others.prefetch_related("snapshot__tags")[:MOST_OTHERS]],
    }
    if row.is_ready:
        labels, parts = labels_of(snapshot), splits_of(snapshot)
        context |= {
            "images": snapshot.photos * int(snapshot.identity.get("images_per_photo", 1)),
            "samples": samples_of(found, snapshot),
            "labels": labels,
            "labels_shown": labels[:MOST_LABELS],
            "labels_left": len(labels) - MOST_LABELS if len(labels) > MOST_LABELS else 0,
            "splits": parts,
            "split_text": split_text(snapshot),
            "is_a_part_empty": any(not part.count for part in parts),
            "files": folders_of(snapshot),
            "loading": loading_of(found, snapshot),
        }
    return context


def _resolved(found: DatasetRequest) -> Snapshot:
    if found.snapshot is None or found.snapshot.state == Snapshot.State.RESOLVING:
        raise Http404
    return found.snapshot


def _part(
    title: str, snapshot: Snapshot, keys: list[str], count: int, fields: dict[str, list[str]] | None = None
) -> dict[str, Any]:
    rows = SnapshotRow.objects.filter(snapshot=snapshot, key__in=keys[:MOST_ROWS]).order_by("position")
    shown = [
        {
            "title": row.facts.get("title", row.key),
            "label": row.label,
            "split": row.split,
            "fields": ", ".join(fields.get(row.key, [])) if fields else "",
        }
        for row in rows
    ]
    return {"title": title, "rows": shown, "more": count - len(shown), "has_fields": fields is not None}
