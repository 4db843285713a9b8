"""Pages of a visitor: home, a listing, a seller."""

from dataclasses import asdict
from typing import Any
from urllib.parse import urlencode

import orjson
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from feira.settings import load_settings
from feira.shop.accounts.models import Seller
from feira.shop.feed.for_you import recommended_to
from feira.shop.feed.selectors import liked_cards, similar_listings
from feira.shop.listings.marks import marked
from feira.shop.listings.models import Listing, ListingTag, listing_url
from feira.shop.listings.selectors import (
    ListingFilter,
    card_from_listing,
    listing_in_full,
    listings_visible_to,
    live_listings,
    page_of_cards,
    photos_of,
    tags_shown,
    top_categories,
)
from feira.shop.listings.tags import COLOUR, ShownTag
from feira.shop.photos.selectors import ShownPhoto
from feira.shop.web.money import price_text
from feira.shop.web.requests import PageRequest

SIMILAR_SHOWN = 12
FOR_YOU_SHOWN = 12


@require_safe
@vary_on_headers("HX-Request")
def home(request: PageRequest) -> HttpResponse:
    """Show what is new and where to look."""
    page = page_of_cards(live_listings(), cursor=request.GET.get("after"))
    # What is for somebody stands on the first page alone; its hearts are read with those of the rest.
    for_you = [] if request.htmx or request.GET.get("after") else recommended_to(request.user, FOR_YOU_SHOWN)
    marked(request.user, [*page.rows, *(each.card for each in for_you)])
    context: dict[str, Any] = {
        "fresh": page.rows,
        "for_you": [each for each in for_you if not each.card["liked"]],
        "next_url": page.next_cursor and f"{reverse('storefront:home')}?after={page.next_cursor}",
    }
    if request.htmx:
        return render(request, "components/card_page.html", context | {"cards": context["fresh"]})
    search = reverse("search:search")
    context["categories"] = [
        asdict(category) | {"url": f"{search}?category={category.path}"} for category in top_categories()
    ]
    return render(request, "storefront/home.html", context)


@require_safe
def listing(request: PageRequest, listing_id: int, slug: str = "") -> HttpResponse:  # noqa: ARG001 - for people
    """Show one listing to somebody who may see it; the words in the address are corrected by a redirect."""
    found = listing_in_full(listings_visible_to(request.user), listing_id)
    if found is None:
        raise Http404
    canonical = listing_url(found.pk, found.title)
    if request.path != canonical:
        return redirect(canonical, permanent=True)
    photos = photos_of(found)
    tags = tags_shown(found)
    is_owner = request.user.is_authenticated and found.seller.account_id == request.user.pk
    card = marked(request.user, [card_from_listing(found)])[0]
    context = {
        "listing": found,
        "card": card,
        "price_text": card["price_text"],
        "photos": photos,
        "attributes": [
            {"name": value.attribute.name, "value": value.value_text} for value in found.attribute_values.all()
        ],
        "tags": [tag | {"url": _tag_url(tag)} for tag in tags],
        "machine_tags": any(tag["source"] == ListingTag.Source.MACHINE for tag in tags),
        "similar": marked(request.user, similar_listings(found.pk, SIMILAR_SHOWN)),
        "seller": {"name": found.seller.name, "url": reverse("storefront:seller", args=[found.seller.slug])},
        "liked": card["liked"],
        "is_owner": is_owner,
        "canonical_url": f"{load_settings().public_url}{canonical}",
        "json_ld": _json_ld(found, photos),
    }
    return render(request, "storefront/listing.html", context)


def _tag_url(tag: ShownTag) -> str:
    """Return where everything else with this tag is found."""
    asked = {"colour": tag["name"]} if tag["group"] == COLOUR else {"q": f'"{tag["name"]}"'}
    return f"{reverse('search:search')}?{urlencode(asked)}"


@require_safe
@vary_on_headers("HX-Request")
def seller(request: PageRequest, slug: str) -> HttpResponse:
    """Show a seller and what they offer."""
    found = get_object_or_404(Seller, slug=slug)
    page = page_of_cards(live_listings(ListingFilter(seller_slug=slug)), cursor=request.GET.get("after"))
    here = reverse("storefront:seller", args=[slug])
    context = {
        "seller": found,
        "cards": marked(request.user, page.rows),
        "next_url": page.next_cursor and f"{here}?after={page.next_cursor}",
    }
    template = "components/card_page.html" if request.htmx else "storefront/seller.html"
    return render(request, template, context)


@require_safe
@vary_on_headers("HX-Request")
def liked(request: PageRequest) -> HttpResponse:
    """Show what this account likes."""
    if not request.user.is_authenticated:
        return redirect(f"{reverse('account_login')}?next={reverse('storefront:liked')}")
    page = liked_cards(request.user, request.GET.get("after"))
    context = {
        "cards": page.rows,
        "next_url": page.next_cursor and f"{reverse('storefront:liked')}?after={page.next_cursor}",
    }
    template = "components/card_page.html" if request.htmx else "storefront/liked.html"
    return render(request, template, context)


SCHEMA_CONDITIONS = {
    Listing.Condition.NEW: "NewCondition",
    Listing.Condition.LIKE_NEW: "UsedCondition",
    Listing.Condition.GOOD: "UsedCondition",
    Listing.Condition.FAIR: "UsedCondition",
}


def _json_ld(found: Listing, photos: list[ShownPhoto]) -> str:
    """Return schema.org product data, safe inside a script element."""
    base = load_settings().public_url
    available = "InStock" if found.state == Listing.State.LIVE and found.stock else "SoldOut"
    data = {
        "@context": "https://schema.org",
        "@type": "Product",
        "name": found.title,
        "description": found.description or price_text(found.price, found.currency),
        "image": [base + photo["src_full"] for photo in photos],
        "category": found.category.name,
        "offers": {
            "@type": "Offer",
            "url": base + listing_url(found.pk, found.title),
            "price": str(found.price),
            "priceCurrency": found.currency,
            "availability": f"https://schema.org/{available}",
            "itemCondition": f"https://schema.org/{SCHEMA_CONDITIONS[Listing.Condition(found.condition)]}",
            "seller": {"@type": "Person", "name": found.seller.name},
        },
    }
    # A title may hold "</script>": the three characters that could end the element are written as escapes.
    text = orjson.dumps(data).decode()
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
