"""The ML team: who may read and download what people searched, judged and clicked."""

from typing import Any

from django.apps import AppConfig, apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.db.models.signals import post_migrate
from django.dispatch import receiver

ML_TEAM = "ML team"
# Whoever is to let learned parts serve gets `decide_learnedpart` besides; to read is one thing, to change another.
ALLOWED = {
    "feedback": ("download_feedback", "view_searchlog", "view_judgement"),
    "learning": ("view_learnedpart",),
}


@receiver(post_migrate, dispatch_uid="insight.make_ml_team")
def make_ml_team(sender: AppConfig, using: str, **_facts: Any) -> None:
    """Make the team with its permissions once; what somebody changes about it later stays.

    Django tells apps with models only: hence feedback, the last of those whose permissions are given.
    """
    if sender.label != "feedback":
        return
    # Django makes permissions upon this same signal, maybe later than now; doing it twice changes nothing.
    for label in ALLOWED:
        create_permissions(apps.get_app_config(label), verbosity=0, using=using)
    team, is_new = Group.objects.using(using).get_or_create(name=ML_TEAM)
    if is_new:
        for label, codenames in ALLOWED.items():
            allowed = Permission.objects.using(using).filter(content_type__app_label=label, codename__in=codenames)
            team.permissions.add(*allowed)
