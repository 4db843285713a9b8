"""The page that asks for a data set, and the estimate beside it."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from feira.core.errors import FeiraError
from feira.shop.accounts.requests import SignedInRequest
from feira.shop.datasets import services
from feira.shop.datasets.asked import Asked, asked_from_json
from feira.shop.datasets.errors import BadRequestError
from feira.shop.datasets.form_initial import initial_from_asked, initial_from_search
from feira.shop.datasets.forms import DataSetForm
from feira.shop.datasets.page_guard import found_dataset, ml_team_only
from feira.shop.datasets.showing import duration_text

Problems = list[tuple[str, str]]
MORE_FILTERS = (
    "colours", "min_price", "max_price", "published_since", "published_until", "similar_to", "seller", "most_photos",
)  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
@ml_team_only
def new(request: SignedInRequest) -> HttpResponse:
    """Show the form; take it, and lead to the data set."""
    if request.method != "POST":
        form = DataSetForm(initial=_initial(request))
        return render(request, "datasets/new.html", {"form": form, "is_filtered": _is_filtered(form)})
    form = DataSetForm(request.POST)
    if "check" in request.POST:
        shown = {"form": form, "is_filtered": True, "is_checked": True}
        return render(request, "datasets/new.html", shown | estimated(form))
    asked = asked_in(form)
    if asked is not None:
        try:
            made = services.ask_for_dataset(
                asked, by=request.user, name=form.cleaned_data["name"], target=form.cleaned_data["target"]
            )
        except BadRequestError as error:
            form.refuse(error.errors)
        except FeiraError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("Asked for. It is made while you watch; you may also leave."))
            return redirect("datasets:detail", made.pk)
    shown = {"form": form, "is_filtered": True, "is_checked": True, "problems": problems_of(form)}
    return render(request, "datasets/new.html", shown, status=422)


@require_POST
@ml_team_only
def estimate(request: SignedInRequest) -> HttpResponse:
    """Answer with what the form as it stands would give, or with what to change."""
    return render(request, "datasets/_estimate.html", estimated(DataSetForm(request.POST)))


def asked_in(form: DataSetForm) -> Asked | None:
    """Return the request that the form makes; None, with what is wrong put beside the fields, when it makes none."""
    if not form.is_valid():
        return None
    try:
        return asked_from_json(form.asked())
    except BadRequestError as error:
        form.refuse(error.errors)
        return None


def estimated(form: DataSetForm) -> dict[str, Any]:
    """Return what `_estimate.html` shows of a form."""
    asked = asked_in(form)
    if asked is None:
        return {"problems": problems_of(form)}
    try:
        found = services.estimate(asked)
    except BadRequestError as error:
        form.refuse(error.errors)
        return {"problems": problems_of(form)}
    except FeiraError as error:
        return {"problems": [("", error.message)]}
    size_text, time_text = filesizeformat(found.byte_size), duration_text(found.seconds)
    return {"estimate": found, "size_text": size_text, "time_text": time_text}


def problems_of(form: DataSetForm) -> Problems:
    """Return what is to be changed, as pairs of the field's label and a sentence."""
    found = [("", str(text)) for text in form.non_field_errors()]
    for name, texts in form.errors.items():
        if name in form.fields:
            found += [(str(form.fields[name].label), str(text)) for text in texts]
    return found


def _initial(request: SignedInRequest) -> dict[str, Any]:
    like = request.GET.get("like", "")
    if like.isascii() and like.isdigit():
        before = found_dataset(int(like))
        return initial_from_asked(asked_from_json(before.asked)) | {"name": before.name, "target": before.target}
    return initial_from_search(request.GET)


def _is_filtered(form: DataSetForm) -> bool:
    attributes = {field.name for field in form.attribute_fields()}
    return any(form.initial.get(name) for name in (*MORE_FILTERS, *attributes))
