"""Who may download what people said and clicked: the ML team."""

from typing import Any

from django.apps import AppConfig
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import AnonymousUser, Group, Permission
from django.db.models.signals import post_migrate
from django.dispatch import receiver

from feira.shop.accounts.models import Account

ML_TEAM = "ML team"
PERMISSION = "download_feedback"


def may_download_feedback(visitor: Account | AnonymousUser) -> bool:
    """Tell whether this visitor may read figures of all queries."""
    return isinstance(visitor, Account) and visitor.has_perm(f"feedback.{PERMISSION}")


@receiver(post_migrate, dispatch_uid="feedback.make_ml_team")
def make_ml_team(sender: AppConfig, using: str, **_facts: Any) -> None:
    """Make the team with its permission once; what somebody changes about it later stays."""
    if sender.label != "feedback":
        return
    # Django makes permissions after this same signal, maybe later than now; doing it twice changes nothing.
    create_permissions(sender, verbosity=0, using=using)
    team, is_new = Group.objects.using(using).get_or_create(name=ML_TEAM)
    if is_new:
        allowed = Permission.objects.using(using).filter(content_type__app_label="feedback", codename=PERMISSION)
        team.permissions.add(*allowed)
