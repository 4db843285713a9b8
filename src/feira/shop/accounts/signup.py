"""What the sign-up page asks beyond address and password."""

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from feira.shop.accounts.models import Account


class SignupForm(forms.Form):
    """Mixed into allauth's own form by the setting ACCOUNT_SIGNUP_FORM_CLASS."""

    display_name = forms.CharField(
        label=_("Name shown to others"), max_length=60, help_text=_("Buyers and sellers see this, never your email.")
    )
    field_order = ("display_name", "email", "password1")

    def signup(self, request: HttpRequest, user: Account) -> None:  # noqa: ARG002 - fixed by allauth
        """Keep the name on the new account."""
        user.display_name = self.cleaned_data["display_name"]
        user.save(update_fields=["display_name"])
