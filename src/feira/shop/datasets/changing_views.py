"""What people do to a data set by a button: stop it, go on, name it, keep it, delete its files, fetch it."""

from urllib.parse import urlsplit

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from feira.core.errors import FeiraError
from feira.shop.accounts.requests import SignedInRequest
from feira.shop.datasets import links, services
from feira.shop.datasets.asked import asked_from_json
from feira.shop.datasets.page_guard import found_dataset, ml_team_only


@require_POST
@ml_team_only
def cancel(request: SignedInRequest, dataset_id: int) -> HttpResponse:
    """Stop what is still to be done."""
    if services.cancel_dataset(found_dataset(dataset_id)):
        messages.success(request, _("It is stopped. What is done stays done; you can go on later."))
    else:
        messages.info(request, _("There was nothing to stop: it is done, or somebody else waits for it too."))
    return redirect("datasets:detail", dataset_id)


@require_POST
@ml_team_only
def retry(request: SignedInRequest, dataset_id: int) -> HttpResponse:
    """Go on where it stopped."""
    if services.retry_dataset(found_dataset(dataset_id)):
        messages.success(request, _("It goes on where it stopped."))
    else:
        messages.info(request, _("Nothing had failed."))
    return redirect("datasets:detail", dataset_id)


@require_POST
@ml_team_only
def again(request: SignedInRequest, dataset_id: int) -> HttpResponse:
    """Ask for the same once more."""
    before = found_dataset(dataset_id)
    try:
        after = services.ask_for_dataset(
            asked_from_json(before.asked), by=request.user, name=before.name, target=before.target
        )
    except FeiraError as error:
        messages.error(request, error.message)
        return redirect("datasets:detail", dataset_id)
    return redirect("datasets:detail", after.pk)


@require_POST
@ml_team_only
def tag(request: SignedInRequest, dataset_id: int) -> HttpResponse:
    """Give it a tag."""
    try:
        made = services.tag_snapshot(found_dataset(dataset_id), request.POST.get("tag", ""), by=request.user)
        messages.success(request, _("Tagged as %(tag)s.") % {"tag": made.name})
    except FeiraError as error:
        messages.error(request, error.message)
    return redirect("datasets:detail", dataset_id)


@require_POST
@ml_team_only
def untag(request: SignedInRequest, dataset_id: int) -> HttpResponse:
    """Take a tag off."""
    name = request.POST.get("tag", "")
    if services.untag_snapshot(found_dataset(dataset_id), name):
        messages.success(request, _("The tag %(tag)s is off.") % {"tag": name})
    return redirect("datasets:detail", dataset_id)


@require_POST
@ml_team_only
def keep(request: SignedInRequest, dataset_id: int) -> HttpResponse:
    """Keep it for good, or let it go when its time comes."""
    wish = request.POST.get("keep") == "1"
    try:
        services.keep_snapshot(found_dataset(dataset_id), keep=wish)
        said = _("It is kept for good.") if wish else _("It goes when nobody has used it for a while.")
        messages.success(request, said)
    except FeiraError as error:
        messages.error(request, error.message)
    return redirect("datasets:detail", dataset_id)


@require_POST
@ml_team_only
def delete(request: SignedInRequest, dataset_id: int) -> HttpResponse:
    """Delete the files; the rows stay, and the same files can be made again."""
    try:
        services.prune_snapshot(found_dataset(dataset_id))
        messages.success(request, _("Its files are deleted. What was in it stays written down."))
    except FeiraError as error:
        messages.error(request, error.message)
    return redirect("datasets:detail", dataset_id)


@require_POST
@ml_team_only
def download(request: SignedInRequest, dataset_id: int) -> HttpResponse:
    """Send the browser to the archive."""
    archive = "tar" if request.POST.get("archive") == "tar" else "zip"
    try:
        link = links.download_link(found_dataset(dataset_id), by=request.user, archive=archive)
    except FeiraError as error:
        messages.error(request, error.message)
        return redirect("datasets:detail", dataset_id)
    # On whatever name this page was opened: the security policy lets forms lead nowhere else.
    parts = urlsplit(link.url)
    return HttpResponseRedirect(f"{parts.path}?{parts.query}")
