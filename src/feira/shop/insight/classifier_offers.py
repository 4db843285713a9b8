"""The service that teaches the classifier."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from feira.shop.insight import classifier_jobs
from feira.shop.insight.access import DECIDE
from feira.shop.insight.labels import snapshot_called
from feira.shop.jobs.models import Job
from feira.shop.jobs.offered import Group, Link, Service, offer

MOST_SEED = 2**31 - 1


class ClassifierOptions(forms.Form):
    """What is learned from, and which heads."""

    heads = forms.CharField(
        label=_("Heads"),
        max_length=500,
        required=False,
        help_text=_(
            "What is to be told from a photo: category, codes of attributes, groups of tags, with commas between. "
            "Left empty: all of which enough is known."
        ),
    )
    snapshot = forms.CharField(
        label=_("Data set"),
        max_length=120,
        required=False,
        help_text=_("Tag, number or name of a data set to learn from. Left empty: the live catalogue."),
    )
    seed = forms.IntegerField(label=_("Seed"), min_value=0, max_value=MOST_SEED, initial=0)

    def clean_heads(self) -> list[str]:
        """Part the names; whether anything is said under them is known to the job."""
        names = [name.strip() for name in self.cleaned_data["heads"].split(",")]
        return list(dict.fromkeys(name for name in names if name))

    def clean_snapshot(self) -> Any:
        """Find the data set."""
        text = self.cleaned_data["snapshot"].strip()
        if not text:
            return None
        found = snapshot_called(text)
        if found is None:
            raise forms.ValidationError(_("There is no data set of this name that is put together."))
        return found


def train(options: dict[str, Any], *, requested_by: int | None) -> Job:
    """Ask for the classifier to be taught."""
    return classifier_jobs.submit(
        heads=options["heads"], snapshot=options["snapshot"], seed=options["seed"], requested_by=requested_by
    )


def _learned_part(job: Job) -> Iterable[Link]:
    part = job.result.get("part") if isinstance(job.result, dict) else None
    if isinstance(part, int):
        yield Link(gettext("See the version and its report"), reverse("insight:learned_part", args=[part]))
    else:
        yield Link(gettext("See the learned parts"), reverse("insight:learned"))


offer(
    Service(
        name="retrain-classifier",
        kind=classifier_jobs.KIND,
        group=Group.LEARNING,
        title=_("Retrain the classifier"),
        describes=_(
            "Learns from categories, attributes and corrected tags what photos show. Serves only if the gate finds it "
            "better."
        ),
        permission=DECIDE,
        options=ClassifierOptions,
        submit=train,
        produced=_learned_part,
    )
)
