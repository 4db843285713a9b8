"""Parts that only one process may play at a time."""

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from feira.shop.jobs.models import Duty
from feira.shop.jobs.owners import is_surely_gone, this_process


def hold(name: str, *, seconds: float) -> bool:
    """Take or keep a duty for a further term; False while another process has it."""
    now, me = timezone.now(), this_process()
    until = now + timedelta(seconds=seconds)
    holder = Duty.objects.filter(name=name).values_list("owner", flat=True).first()
    if holder is None:
        try:
            with transaction.atomic():
                Duty.objects.create(name=name, owner=me, until=until)
        except IntegrityError:
            return False
        return True
    free = Q(owner=me) | Q(until__lt=now)
    if is_surely_gone(holder):
        free |= Q(owner=holder)
    return bool(Duty.objects.filter(free, name=name).update(owner=me, until=until))


def release(name: str) -> None:
    """Give a duty up, if it is ours."""
    Duty.objects.filter(name=name, owner=this_process()).update(owner="", until=timezone.now())
