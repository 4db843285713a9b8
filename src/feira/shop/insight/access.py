"""Who may open these pages: staff with the permission of each."""

from collections.abc import Callable
from functools import wraps

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse

from feira.shop.accounts.requests import SignedInRequest
from feira.shop.web.requests import PageRequest

View = Callable[..., HttpResponse]

SEE_QUERIES = "feedback.view_searchlog"
SEE_LEARNED = "learning.view_learnedpart"
DECIDE = "learning.decide_learnedpart"
SEE_JOBS = "jobs.view_job"
SEE_SEGMENTS = "insight.view_segmentation"
NAME_SEGMENTS = "insight.change_segmentation"
START_SEGMENTS = "insight.add_segmentation"
SEE_ACCOUNTS = "accounts.view_account"


def staff_with(permission: str) -> Callable[[View], View]:
    """Let staff with a permission through; send guests to sign in, and refuse everybody else."""

    def guard(view: View) -> View:
        @wraps(view)
        def guarded(request: PageRequest, *args: object, **kwargs: object) -> HttpResponse:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            if not request.user.is_staff or not request.user.has_perm(permission):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return guarded

    return guard


def may_decide(request: SignedInRequest) -> bool:
    """Tell whether this person may let learned parts serve."""
    return request.user.has_perm(DECIDE)
