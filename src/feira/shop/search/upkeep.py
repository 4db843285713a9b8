"""Keeps the keyword index whole: imported once the apps are ready."""

from typing import Any

import structlog
from django.db import connections
from django.db.models.signals import post_migrate
from django.dispatch import receiver

from feira.shop.search.text_index import text_index

INDEX_TABLES = {"sqlite": "search_words", "postgresql": "listings_listing"}

log = structlog.get_logger(__name__)


@receiver(post_migrate, dispatch_uid="search.repair_keyword_index")
def repair_keyword_index(sender: Any, using: str, **_facts: Any) -> None:
    """Repair the index, once it exists, after all migrations (Django tells apps with models only: hence listings)."""
    if sender.label != "listings":
        return
    connection = connections[using]
    if INDEX_TABLES[connection.vendor] in connection.introspection.table_names() and text_index(using).repair():
        log.info("keyword_index_rebuilt", database=using)
