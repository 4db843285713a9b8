"""Pages of a seller: the sell page with its fragments, and one's own listings."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from feira.core.errors import InvalidImage
from feira.settings import load_settings
from feira.shop.accounts.requests import SignedInRequest
from feira.shop.accounts.services import become_seller
from feira.shop.listings.models import Listing
from feira.shop.listings.selectors import (
    VISIBLE_STATES,
    listing_in_full,
    listings_editable_by,
    own_cards,
)
from feira.shop.listings.services import (
    InvalidListing,
    archive_listing,
    change_listing,
    create_listing,
    mark_sold,
    publish_listing,
)
from feira.shop.listings.tagging import set_tags
from feira.shop.photos.models import Photo
from feira.shop.photos.refusals import refusal_text
from feira.shop.photos.selectors import SHOWN, photos_owned_by, shown_photo
from feira.shop.photos.services import take_photo
from feira.shop.photos.uploads import refuse_large_body, upload_content
from feira.shop.storefront.forms import ListingForm
from feira.shop.storefront.suggestions import suggestions_for
from feira.shop.storefront.tag_choices import choices_of, choices_suggested, tags_posted


def _photo_ids(request: SignedInRequest) -> list[int]:
    values = request.POST.getlist("photos") if request.method == "POST" else request.GET.getlist("photos")
    return list(dict.fromkeys(int(value) for value in values if value.isascii() and value.isdigit()))


def _tile(photo: Photo) -> dict[str, Any]:
    row = {name: getattr(photo, name) for name in SHOWN}
    return {"photo": shown_photo(row, alt=_("Your photo")), "id": photo.pk}


@login_required
def sell(request: SignedInRequest, listing_id: int | None = None) -> HttpResponse:
    """Post a listing, or change one's own; photos posted without JavaScript are taken here as well."""
    listing = None
    if listing_id is not None:
        listing = listing_in_full(listings_editable_by(request.user), listing_id)
        if listing is None:
            return render(request, "404.html", status=404)
    if request.method != "POST":
        return _sell_page(request, listing, form=_blank_form(listing), photos=_placed(listing))
    photos, errors = _photos_posted(request)
    form = ListingForm(request.POST)
    if "upload" not in request.POST and form.is_valid() and not errors:
        try:
            saved = _save(request, listing, form, photos)
        except InvalidListing as refusal:
            field = "more_tags" if refusal.field == "tags" else refusal.field
            form.add_error(field if field in form.fields else None, refusal.message)
        else:
            messages.success(request, _("Your listing is live.") if saved.state == "live" else _("Draft saved."))
            return redirect(saved)
    if "upload" in request.POST:
        form = ListingForm(initial=request.POST.dict())
    return _sell_page(
        request, listing, form=form, photos=photos, errors=errors, status=422 if form.errors or errors else 200
    )


def _blank_form(listing: Listing | None) -> ListingForm:
    return ListingForm(initial=ListingForm.initial_from(listing) if listing else None)


def _placed(listing: Listing | None) -> list[Photo]:
    return [placed.photo for placed in listing.listing_photos.all()] if listing else []


def _photos_posted(request: SignedInRequest) -> tuple[list[Photo], list[str]]:
    account = request.user
    photos, errors = photos_owned_by(account, _photo_ids(request)), []
    for upload in request.FILES.getlist("files"):
        try:
            photos.append(take_photo(content=upload_content(upload), owner=account))
        except InvalidImage as refusal:
            errors.append(f"{upload.name}: {refusal_text(refusal)}")
    return photos, errors


@transaction.atomic
def _save(request: SignedInRequest, listing: Listing | None, form: ListingForm, photos: list[Photo]) -> Listing:
    facts = form.facts()
    if listing is None:
        listing = create_listing(seller=become_seller(account=request.user), facts=facts, photos_in_order=photos)
    else:
        listing = change_listing(listing=listing, facts=facts, photos_in_order=photos)
    tags = tags_posted(request.POST, form.cleaned_data["more_tags"])
    if tags.wanted or tags.shown:
        set_tags(listing=listing, wanted=tags.wanted, shown=tags.shown)
    if "draft" not in request.POST and listing.state not in VISIBLE_STATES:
        listing = publish_listing(listing=listing)
    return listing


def _sell_page(
    request: SignedInRequest,
    listing: Listing | None,
    *,
    form: ListingForm,
    photos: list[Photo],
    errors: list[str] | None = None,
    status: int = 200,
) -> HttpResponse:
    suggestions = suggestions_for(photos) if photos else None
    posted = tags_posted(request.POST, "") if request.method == "POST" else None
    context = {
        "form": form,
        "listing": listing,
        "tiles": [_tile(photo) for photo in photos],
        "photo_errors": errors or [],
        "suggestions": suggestions,
        "suggested_tags": choices_suggested(suggestions.tags, listing, posted) if suggestions else [],
        "own_tags": choices_of(listing, posted) if listing else [],
        "photos_most": load_settings().photos_per_listing,
    }
    return render(request, "storefront/sell.html", context, status=status)


@login_required
@require_POST
def sell_photo(request: SignedInRequest) -> HttpResponse:
    """Take one photo and answer with its tile, or with a tile that says why not."""
    try:
        refuse_large_body(request)
    except InvalidImage as refusal:
        return render(request, "storefront/_photo_tile.html", {"error": refusal_text(refusal)}, status=413)
    upload = request.FILES.get("photo")
    if upload is None:
        return render(request, "storefront/_photo_tile.html", {"error": _("Choose a photo first.")}, status=422)
    try:
        photo = take_photo(content=upload_content(upload), owner=request.user)
    except InvalidImage as refusal:
        context = {"error": refusal_text(refusal), "name": upload.name}
        return render(request, "storefront/_photo_tile.html", context, status=422)
    return render(request, "storefront/_photo_tile.html", _tile(photo))


@login_required
@require_safe
def sell_suggest(request: SignedInRequest) -> HttpResponse:
    """Answer with what the photos suggest."""
    photos = photos_owned_by(request.user, _photo_ids(request)[: load_settings().photos_per_listing])
    number = request.GET.get("listing", "")
    own = listings_editable_by(request.user)
    listing = own.filter(pk=int(number)).first() if number.isascii() and number.isdigit() and len(number) < 19 else None
    suggestions = suggestions_for(photos)
    context = {"suggestions": suggestions, "suggested_tags": choices_suggested(suggestions.tags, listing)}
    return render(request, "storefront/_suggestions.html", context)


@login_required
@require_safe
def my_listings(request: SignedInRequest) -> HttpResponse:
    """Show one's own listings in every state."""
    return render(request, "storefront/my_listings.html", {"groups": own_cards(request.user)})


ACTIONS = {"publish": publish_listing, "sold": mark_sold, "archive": archive_listing}


@login_required
@require_POST
def change_state(request: SignedInRequest, listing_id: int, action: str) -> HttpResponse:
    """Publish, archive or mark as sold one's own listing."""
    listing = get_object_or_404(listings_editable_by(request.user), pk=listing_id)
    try:
        ACTIONS[action](listing=listing)
    except InvalidListing as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _("Done."))
    return redirect("storefront:my_listings")
