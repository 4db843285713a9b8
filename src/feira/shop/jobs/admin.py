"""Jobs in the admin. The ledger is to be looked at and moves by its own rules; periodic work can be set."""

# ruff: noqa: ARG002 - the signatures are Django's

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from feira.shop.jobs.models import Job, Periodic, Worker
from feira.shop.jobs.periodic import VITAL_AT_LEAST_EVERY_S, next_run_at, recurring_named


class ReadOnlyAdmin(admin.ModelAdmin[Any]):
    """Shows rows and changes none."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: rows come from the shop itself."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse: a changed row would lie about what happened."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse: old rows go by themselves."""
        return False


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    """The ledger."""

    list_display = (
        "id",
        "kind",
        "queue",
        "priority",
        "state",
        "attempts",
        "progress_done",
        "progress_total",
        "created_at",
    )
    list_filter = ("state", "queue", "priority", "kind")
    search_fields = ("kind", "key", "error", "reference")
    ordering = ("-id",)


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin):
    """Who is there to work."""

    list_display = ("owner", "queues", "concurrency", "started_at", "seen_at")


class PeriodicForm(forms.ModelForm[Periodic]):
    """What staff may say about periodic work."""

    class Meta:
        model = Periodic
        fields = ("every_s", "is_enabled")

    def clean(self) -> dict[str, Any]:
        """Refuse to switch off, or nearly off, what the shop cannot be without."""
        cleaned: dict[str, Any] = super().clean() or {}
        entry = recurring_named(self.instance.name)
        if entry is not None and entry.is_vital:
            if not cleaned.get("is_enabled", True):
                self.add_error("is_enabled", _("The shop would lose work without it: it cannot be switched off."))
            most_s = max(VITAL_AT_LEAST_EVERY_S, entry.every_s)
            if (cleaned.get("every_s") or 0) > most_s:
                limits = {"seconds": f"{most_s:g}"}
                self.add_error("every_s", _("Choose at most %(seconds)s seconds: the shop depends on it.") % limits)
        return cleaned


@admin.register(Periodic)
class PeriodicAdmin(ReadOnlyAdmin):
    """What recurs: staff set the intervals, switch work off and on, and have it run now. The beat follows at once."""

    form = PeriodicForm
    fields = ("name", "describes", "every_s", "is_enabled", "last_run_at", "last_took_s", "last_error", "next_run_at")
    readonly_fields = ("name", "describes", "last_run_at", "last_took_s", "last_error", "next_run_at")
    list_display = (
        "name",
        "describes",
        "shipped",
        "every_s",
        "is_enabled",
        "last_run_at",
        "last_took_s",
        "last_error",
        "next_run_at",
    )
    list_editable = ("every_s", "is_enabled")
    ordering = ("name",)
    actions = ("run_now",)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Allow what the permission to change periodic work allows."""
        return request.user.has_perm("jobs.change_periodic")

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        """Check the rows of the table as the form of one row is checked."""
        return super().get_changelist_form(request, **{**kwargs, "form": PeriodicForm})

    @admin.display(description=_("what it does"))
    def describes(self, row: Periodic) -> str:
        """Say what it does, in its own words."""
        entry = recurring_named(row.name)
        return entry.describes if entry else gettext("No installed app has this any more.")

    @admin.display(description=_("ships with (s)"))
    def shipped(self, row: Periodic) -> str:
        """Show the interval that holds when none is set."""
        entry = recurring_named(row.name)
        return f"{entry.every_s:g}" if entry else "-"

    @admin.display(description=_("next run"))
    def next_run_at(self, row: Periodic) -> datetime | None:
        """Show when it is to run next."""
        return next_run_at(row, now=timezone.now())

    @admin.action(description=_("Run now"), permissions=["change"])
    def run_now(self, request: HttpRequest, rows: QuerySet[Periodic]) -> None:
        """Have the chosen work run by the beat, also if it is switched off."""
        rows.update(run_asked_at=timezone.now())
        self.message_user(request, _("The beat runs it within seconds."))
