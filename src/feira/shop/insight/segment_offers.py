"""The service that parts customers into segments."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from django import forms
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from feira.core.learning.segments import FEWEST, MOST
from feira.shop.insight.access import START_SEGMENTS
from feira.shop.insight.segment_jobs import KIND
from feira.shop.insight.segmenting import Wanted, check_customers
from feira.shop.jobs import services as jobs
from feira.shop.jobs.models import Job
from feira.shop.jobs.offered import Group, Link, Service, offer

MOST_DAYS = 3_650


class SegmentOptions(forms.Form):
    """How many segments there are to be, and of whom."""

    segments = forms.TypedChoiceField(
        label=_("How many segments"),
        choices=[("", _("as many as there are")), *((number, str(number)) for number in range(FEWEST, MOST + 1))],
        coerce=int,
        empty_value=None,
        required=False,
        help_text=_("As many as there are: the number from 2 to 8 that tells people apart best."),
    )
    active_days = forms.IntegerField(
        label=_("Only who did something within so many days"),
        min_value=1,
        max_value=MOST_DAYS,
        required=False,
        help_text=_("Left empty: all customers, those who have not come back among them."),
    )


def segment(options: dict[str, Any], *, requested_by: int | None) -> Job:
    """Ask for customers to be parted into segments.

    Raises:
        TooFewCustomers: there are not enough of them.
    """
    wanted = Wanted(options["segments"], options["active_days"])
    check_customers(wanted)
    return jobs.submit(KIND, asdict(wanted), key="all", requested_by=requested_by)


def _segments(_job: Job) -> Iterable[Link]:
    yield Link(gettext("See the segments"), reverse("insight:segments"))


offer(
    Service(
        name="segment-customers",
        kind=KIND,
        group=Group.LEARNING,
        title=_("Segment customers"),
        describes=_(
            "Finds groups of customers who do alike, and says what sets each apart. The old ones show meanwhile."
        ),
        options=SegmentOptions,
        permission=START_SEGMENTS,
        submit=segment,
        produced=_segments,
    )
)
