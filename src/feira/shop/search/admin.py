"""Searching in Django's admin, for staff."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from feira.shop.search.models import SynonymGroup
from feira.shop.search.synonyms import synonyms


@admin.register(SynonymGroup)
class SynonymGroupAdmin(admin.ModelAdmin[SynonymGroup]):
    """Words that mean the same in this shop."""

    list_display = ("__str__", "is_one_way")
    search_fields = ("words",)

    def save_model(self, request: HttpRequest, obj: SynonymGroup, form: Any, change: bool) -> None:
        """Keep the group; this process knows it at once, the others within half a minute."""
        super().save_model(request, obj, form, change)
        synonyms.forget()
