"""Giving a segment a name."""

from django import forms
from django.utils.translation import gettext_lazy as _

from feira.shop.insight.models import MOST_NAME


class NameForm(forms.Form):
    """What staff call a segment."""

    name = forms.CharField(
        label=_("Name"),
        max_length=MOST_NAME,
        required=False,
        help_text=_("Left empty, it is called by what sets it apart. A name goes on to the next run with its people."),
    )
