"""Who may open the pages of data sets: the ML team, staff or not."""

from collections.abc import Callable
from functools import wraps

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseBase

from feira.shop.datasets.access import may_use_datasets
from feira.shop.datasets.models import DatasetRequest
from feira.shop.datasets.selectors import dataset
from feira.shop.web.requests import PageRequest

View = Callable[..., HttpResponseBase]


def ml_team_only(view: View) -> View:
    """Let the ML team through; send guests to sign in, and refuse everybody else."""

    @wraps(view)
    def guarded(request: PageRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        if not may_use_datasets(request.user):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return guarded


def found_dataset(dataset_id: int) -> DatasetRequest:
    """Return a data set with its snapshot and jobs.

    Raises:
        Http404: there is none of this number.
    """
    asked_for = dataset(min(dataset_id, 2**63 - 1))
    if asked_for is None:
        raise Http404
    return asked_for
