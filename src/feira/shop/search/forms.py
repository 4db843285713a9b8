"""What the page takes to search by photo."""

from django import forms
from django.utils.translation import gettext_lazy as _


class PhotoForm(forms.Form):
    """One photo; whether it is one is decided by its content."""

    photo = forms.FileField(
        label=_("Photo"), allow_empty_file=True, error_messages={"required": _("Choose a photo first.")}
    )
