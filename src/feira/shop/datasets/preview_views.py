"""Pictures before and after: what a recipe would do, and what is in a data set."""

import json
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from feira.core.augment.kinds import KINDS
from feira.core.augment.recipe import Recipe
from feira.core.augment.rule import MEDIA_TYPES
from feira.core.errors import FeiraError
from feira.shop.accounts.requests import SignedInRequest
from feira.shop.datasets import services
from feira.shop.datasets.ask_views import asked_in, problems_of
from feira.shop.datasets.blobs import snapshot_store
from feira.shop.datasets.errors import PreviewBusy
from feira.shop.datasets.forms import DataSetForm
from feira.shop.datasets.models import Snapshot
from feira.shop.datasets.page_guard import found_dataset, ml_team_only
from feira.shop.datasets.previewing import Preview, PreviewPicture
from feira.shop.datasets.recipe_words import operation_label

PHOTOS, VARIANTS = 3, 5
RETRY_AFTER_S = "5"


@require_POST
@ml_team_only
def preview(request: SignedInRequest) -> HttpResponse:
    """Answer with some photos that the form would choose and what its recipe makes of them."""
    form = DataSetForm(request.POST)
    try:
        shown, status = previewed(form), 200
    except PreviewBusy as error:
        shown, status = {"problems": [("", error.message)]}, error.http_status
    if request.htmx:
        # A part of a page is put in its place only where the answer went well.
        return render(request, "datasets/_preview.html", shown)
    response = render(request, "datasets/preview.html", shown, status=status)
    if status == 503:
        response["Retry-After"] = RETRY_AFTER_S
    return response


@require_safe
@ml_team_only
def picture(_request: SignedInRequest, dataset_id: int, position: int, variant: int) -> HttpResponse:
    """Answer with one picture of a data set; `variant` 0 is the photo itself."""
    snapshot = found_dataset(dataset_id).snapshot
    if snapshot is None or snapshot.state != Snapshot.State.READY:
        raise Http404
    row = snapshot.rows.filter(position=min(position, 2**31 - 1)).first()
    if row is None or variant >= len(row.images):
        raise Http404
    kind = snapshot.identity["request"]["image"]["format"]
    content = snapshot_store(snapshot.folder).get(row.images[variant]["sha256"])
    # It never changes, but it is for the team's eyes only.
    headers = {"Cache-Control": "private, max-age=86400, immutable", "X-Content-Type-Options": "nosniff"}
    return HttpResponse(content, content_type=MEDIA_TYPES[kind], headers=headers)


def previewed(form: DataSetForm) -> dict[str, Any]:
    """Return what `_preview.html` shows of a form.

    Raises:
        PreviewBusy: too many previews are being made.
    """
    asked = asked_in(form)
    if asked is None:
        return {"problems": problems_of(form)}
    recipe = form.made_recipe() or Recipe()
    try:
        found = services.preview_recipe(recipe, asked=asked, photos=PHOTOS, variants=min(recipe.variants, VARIANTS))
    except PreviewBusy:
        raise
    except FeiraError as error:
        return {"problems": [("", error.message)]}
    shown = json.dumps(recipe.as_json(), indent=2, ensure_ascii=False)
    return {"rows": [_row(each) for each in found], "recipe_json": shown}


def _row(found: Preview) -> dict[str, Any]:
    return {"title": found.title, "pictures": [_shown(each) for each in (found.original, *found.variants)]}


def _shown(found: PreviewPicture) -> dict[str, Any]:
    names = [str(operation_label(step["operation"])) for step in found.drawn if step.get("operation") in KINDS]
    return {"src": found.src, "width": found.width, "height": found.height, "said": ", ".join(names)}
