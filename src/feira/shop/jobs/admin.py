"""Jobs in the admin: to look at. The ledger moves by its own rules only."""

# ruff: noqa: ARG002 - the signatures are Django's

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from feira.shop.jobs.models import Job, Periodic, Worker


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

    list_display = ("id", "kind", "queue", "state", "attempts", "progress_done", "progress_total", "created_at")
    list_filter = ("state", "queue", "kind")
    search_fields = ("kind", "key", "error")
    ordering = ("-id",)


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin):
    """Who is there to work."""

    list_display = ("owner", "queues", "concurrency", "started_at", "seen_at")


@admin.register(Periodic)
class PeriodicAdmin(ReadOnlyAdmin):
    """What recurs."""

    list_display = ("name", "last_run_at", "last_took_s", "last_error")
