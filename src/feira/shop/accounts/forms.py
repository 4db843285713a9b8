"""Forms about people."""

from django import forms
from django.utils.translation import gettext_lazy as _


class ProfileForm(forms.Form):
    """What others see of an account."""

    display_name = forms.CharField(label=_("Name shown to others"), max_length=60)
    location = forms.CharField(label=_("Where you are"), max_length=80, required=False)
    about = forms.CharField(
        label=_("About you"), max_length=1000, required=False, widget=forms.Textarea(attrs={"rows": 4})
    )
