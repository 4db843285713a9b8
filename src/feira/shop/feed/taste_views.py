"""What people say about being known by their taste, on pages."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from feira.shop.accounts.requests import SignedInRequest
from feira.shop.feed import taste


@login_required
@require_POST
def forget_taste(request: SignedInRequest) -> HttpResponse:
    """Forget this account's taste."""
    taste.forget_taste(request.user)
    messages.success(request, _("Forgotten. What you save from now on counts."))
    return redirect("accounts:profile")


@login_required
@require_POST
def want_taste(request: SignedInRequest) -> HttpResponse:
    """Follow this account's taste or no longer, as the form's `wanted` says; anything but 0 means yes."""
    is_wanted = request.POST.get("wanted") != "0"
    taste.want_taste(request.user, is_wanted=is_wanted)
    told = _("We follow your taste again.") if is_wanted else _("We no longer follow your taste.")
    messages.success(request, told)
    return redirect("accounts:profile")
