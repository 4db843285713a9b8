"""The ML team: who may read and download what people searched, judged and clicked."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.db.migrations import Migration
from django.db.models.signals import post_migrate
from django.dispatch import receiver

ML_TEAM = "ML team"
# Whoever is to let learned parts serve gets `decide_learnedpart` besides; to read is one thing, to change another.
ALLOWED = {
    "feedback": ("download_feedback", "view_searchlog", "view_judgement"),
    "learning": ("view_learnedpart",),
    "datasets": ("use_datasets",),
    "jobs": ("view_job", "add_job", "change_job"),
}
# An older shop has the team already: what came later is given when its app's first migration runs.
LATER = {
    "datasets": "0001_what_was_asked_for_and_what_came_of_it",
    "jobs": "0002_let_jobs_wait_for_others_and_have_items",
}


@receiver(post_migrate, dispatch_uid="insight.make_ml_team")
def make_ml_team(sender: AppConfig, using: str, plan: Sequence[tuple[Migration, bool]] = (), **_facts: Any) -> None:
    """Make the team with its permissions once; what somebody changes about it later stays.

    Django tells apps with models only: hence datasets, the last of those whose permissions are given.
    """
    if sender.label != "datasets":
        return
    # Django makes permissions upon this same signal, maybe later than now; doing it twice changes nothing.
    for label in ALLOWED:
        create_permissions(apps.get_app_config(label), verbosity=0, using=using)
    team, is_new = Group.objects.using(using).get_or_create(name=ML_TEAM)
    done = {(migration.app_label, migration.name) for migration, is_backwards in plan if not is_backwards}
    for label, codenames in ALLOWED.items():
        if is_new or (label, LATER.get(label)) in done:
            allowed = Permission.objects.using(using).filter(content_type__app_label=label, codename__in=codenames)
            team.permissions.add(*allowed)
