"""Who may do what: every address and method of the API, for a guest, somebody else, the owner and the staff."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from feira.shop.config import urls_api
from tests.factories import PASSWORD, make_category
from tests.shop.api.conftest import World, signed_in, upload

PEOPLE = ("guest", "other", "owner", "staff")
# Readers of the schema: pages, open to all, tested in test_docs.py.
PAGES = {"schema/", "docs/", "redoc/", "redoc/bundle.js"}


class Case(NamedTuple):
    """One request and the status that each of PEOPLE gets; `thing` is which listing the address names."""

    method: str
    route: str
    statuses: tuple[int, int, int, int]
    thing: str = "live"


NEW_LISTING = {"title": "Blue hat", "category": "clothing/hats", "price": "5.00"}
OPEN = (200, 200, 200, 200)
# Nobody here belongs to the ML team; what its members get is told in tests/shop/datasets.
TEAM = (401, 403, 403, 403)
CASES = [
    Case("get", "categories/", OPEN),
    Case("get", "listings/", OPEN),
    Case("post", "listings/", (401, 201, 201, 201)),
    Case("get", "listings/<int:listing_id>/", OPEN),
    Case("get", "listings/<int:listing_id>/", (404, 404, 200, 200), "draft"),
    Case("patch", "listings/<int:listing_id>/", (401, 403, 200, 403)),
    Case("patch", "listings/<int:listing_id>/", (401, 404, 200, 403), "draft"),
    Case("delete", "listings/<int:listing_id>/", (401, 403, 204, 403)),
    Case("delete", "listings/<int:listing_id>/", (401, 404, 204, 403), "draft"),
    Case("patch", "listings/<int:listing_id>/photos/", (401, 403, 200, 403)),
    Case("patch", "listings/<int:listing_id>/photos/", (401, 404, 200, 403), "draft"),
    Case("post", "listings/<int:listing_id>/publish/", (401, 403, 409, 403)),
    Case("post", "listings/<int:listing_id>/publish/", (401, 404, 200, 403), "draft"),
    Case("post", "listings/<int:listing_id>/sold/", (401, 403, 200, 403)),
    Case("post", "listings/<int:listing_id>/sold/", (401, 404, 409, 403), "draft"),
    Case("get", "listings/<int:listing_id>/similar/", OPEN),
    Case("get", "listings/<int:listing_id>/similar/", (404, 404, 200, 200), "draft"),
    Case("put", "listings/<int:listing_id>/like/", (401, 204, 204, 204)),
    Case("put", "listings/<int:listing_id>/like/", (401, 404, 204, 204), "draft"),
    Case("delete", "listings/<int:listing_id>/like/", (401, 204, 204, 204)),
    Case("delete", "listings/<int:listing_id>/like/", (401, 404, 204, 204), "draft"),
    Case("post", "photos/", (401, 201, 201, 201)),
    Case("get", "photos/<int:photo_id>/", (401, 404, 200, 404)),
    Case("get", "search/", OPEN),
    Case("post", "search/photo/", OPEN),
    Case("get", "search/suggestions/", OPEN),
    Case("get", "me/searches/", (401, 200, 200, 200)),
    Case("post", "me/searches/", (401, 201, 201, 201)),
    Case("patch", "me/searches/<int:search_id>/", (401, 404, 200, 404)),
    Case("delete", "me/searches/<int:search_id>/", (401, 404, 204, 404)),
    Case("get", "me/search-history/", (401, 200, 200, 200)),
    Case("delete", "me/search-history/", (401, 204, 204, 204)),
    Case("get", "me/", (401, 200, 200, 200)),
    Case("patch", "me/", (401, 200, 200, 200)),
    Case("get", "me/listings/", (401, 200, 200, 200)),
    Case("get", "me/likes/", (401, 200, 200, 200)),
    Case("get", "me/recommendations/", (401, 200, 200, 200)),
    Case("get", "me/taste/", (401, 200, 200, 200)),
    Case("patch", "me/taste/", (401, 200, 200, 200)),
    Case("delete", "me/taste/", (401, 204, 204, 204)),
    Case("get", "me/tokens/", (401, 200, 200, 200)),
    Case("post", "me/tokens/", (401, 201, 201, 201)),
    Case("delete", "me/tokens/<int:token_id>/", (401, 404, 204, 404)),
    Case("post", "tokens/", (201, 201, 201, 201)),
    Case("get", "datasets/", TEAM),
    Case("post", "datasets/", TEAM),
    Case("post", "datasets/estimate/", TEAM),
    Case("post", "datasets/recipes/preview/", TEAM),
    Case("get", "datasets/listings.jsonl", TEAM),
    Case("get", "datasets/<int:dataset_id>/", TEAM),
    Case("delete", "datasets/<int:dataset_id>/", TEAM),
    Case("get", "datasets/<int:dataset_id>/rows/", TEAM),
    Case("get", "datasets/<int:dataset_id>/files/", TEAM),
    Case("get", "datasets/<int:dataset_id>/diff/", TEAM),
    Case("post", "datasets/<int:dataset_id>/tags/", TEAM),
    Case("delete", "datasets/<int:dataset_id>/tags/", TEAM),
    Case("post", "datasets/<int:dataset_id>/trained/", TEAM),
    Case("post", "datasets/<int:dataset_id>/cancel/", TEAM),
    Case("post", "datasets/<int:dataset_id>/retry/", TEAM),
    Case("post", "datasets/<int:dataset_id>/link/", TEAM),
    # The address itself is the secret; this one lacks its signature.
    Case("get", "datasets/<int:dataset_id>/download/", (400, 400, 400, 400)),
    # Nobody here may see the work of others; what those get who may is told in tests/shop/jobs.
    Case("get", "jobs/", (401, 200, 200, 200)),
    Case("get", "jobs/<int:job_id>/", (401, 404, 200, 404)),
    Case("get", "jobs/<int:job_id>/items/", (401, 404, 200, 404)),
    Case("get", "jobs/<int:job_id>/lines/", (401, 404, 200, 404)),
    Case("post", "jobs/<int:job_id>/cancel/", (401, 404, 200, 404)),
    Case("post", "jobs/<int:job_id>/retry/", (401, 404, 409, 404)),
    # Nobody here may see segments; what those get who may is told in tests/shop/insight.
    Case("get", "segments/", (401, 403, 403, 403)),
    Case("get", "segments/<int:number>/members/", (401, 403, 403, 403)),
    Case("get", "services/", (401, 403, 403, 403)),
    Case("post", "services/<slug:name>/", (401, 403, 403, 403)),
]


def body_of(case: Case, world: World) -> dict[str, Any]:
    sent: dict[str, Any] = {}
    match case.method, case.route:
        case "get", "search/suggestions/":
            return {"data": {"q": "red"}}
        case "post", "photos/" | "search/photo/":
            return {"data": upload(), "format": "multipart"}
        case "post", "listings/":
            make_category("Clothing", "Hats")
            sent = NEW_LISTING
        case "patch", "listings/<int:listing_id>/photos/":
            listing = getattr(world, case.thing)
            sent = {"photos": [{"id": placed.photo_id} for placed in listing.listing_photos.all()]}
        case "patch", "me/taste/":
            sent = {"is_wanted": True}
        case "post", "me/searches/" | "me/tokens/":
            sent = {"parameters": "q=boots", "name": "new"}
        case "post", "tokens/":
            sent = {"email": world.owner.email, "password": PASSWORD}
    return {"data": sent, "format": "json"} if case.method in ("post", "patch") else {}


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.method} {case.route} {case.thing}")
def test_everybody_gets_exactly_what_is_theirs(case: Case, who: str, world: World) -> None:
    address = f"/api/v1/{case.route}"
    for name, thing in (
        ("listing_id", getattr(world, case.thing)),
        ("photo_id", world.photo),
        ("token_id", world.token),
        ("search_id", world.search),
        ("job_id", world.job),
        ("dataset_id", world.dataset),
    ):
        address = address.replace(f"<int:{name}>", str(thing.pk))
    address = address.replace("<slug:name>", "verify-index").replace("<int:number>", "1")
    response = getattr(signed_in(world.account(who)), case.method)(address, **body_of(case, world))
    assert response.status_code == case.statuses[PEOPLE.index(who)], response.content
    if response.status_code >= 400:
        assert response["Content-Type"] == "application/problem+json"
        assert response.json()["status"] == response.status_code
    if response.status_code == 401:
        assert response["WWW-Authenticate"] == 'Bearer realm="feira"'


def routes(patterns: list[Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, prefix + str(pattern.pattern))
        elif isinstance(pattern, URLPattern):
            yield prefix + str(pattern.pattern), pattern.callback


def test_every_address_and_method_is_in_the_table() -> None:
    served = set()
    for route, view in routes(get_resolver(urls_api.__name__).url_patterns):
        if route not in PAGES:
            methods = [method for method in ("get", "post", "put", "patch", "delete") if hasattr(view.cls, method)]
            served |= {(method, route) for method in methods}
    assert served == {(case.method, case.route) for case in CASES}
