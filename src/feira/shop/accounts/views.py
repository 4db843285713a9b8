"""Pages about one's own account; signing in and out are allauth's."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from feira.shop.accounts.forms import ProfileForm
from feira.shop.accounts.profile_parts import parts_for
from feira.shop.accounts.requests import SignedInRequest
from feira.shop.accounts.selectors import seller_of, tokens_of
from feira.shop.accounts.services import change_profile, issue_token, revoke_token


@login_required
def profile(request: SignedInRequest) -> HttpResponse:
    """Show and change what others see of this account."""
    seller = seller_of(request.user)
    initial = {
        "display_name": request.user.display_name,
        "about": seller.about if seller else "",
        "location": seller.location if seller else "",
    }
    form = ProfileForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        change_profile(account=request.user, **form.cleaned_data)
        messages.success(request, _("Saved."))
        return redirect("accounts:profile")
    context = {"form": form, "seller": seller, "tokens": tokens_of(request.user), "parts": parts_for(request.user)}
    return render(request, "accounts/profile.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
@never_cache
def make_token(request: SignedInRequest) -> HttpResponse:
    """Make an API token and show its secret this one time."""
    name = request.POST.get("name", "").strip()[:60] or _("My program")
    _token, secret = issue_token(account=request.user, name=name)
    context = {
        "form": ProfileForm(initial={"display_name": request.user.display_name}),
        "seller": seller_of(request.user),
        "tokens": tokens_of(request.user),
        "parts": parts_for(request.user),
        "secret": secret,
    }
    return render(request, "accounts/profile.html", context)


@login_required
@require_POST
def take_token_back(request: SignedInRequest, token_id: int) -> HttpResponse:
    """Make an own token useless."""
    if revoke_token(account=request.user, token_id=token_id):
        messages.success(request, _("The token no longer works."))
    return redirect("accounts:profile")
