"""What visitors ask for, chosen inside the shop, and what each page asks the database."""

from collections.abc import Callable
from random import Random

from django.test import Client

from feira.shop.listings.models import Category, Listing
from rig.queries import Queries
from rig.words import WORDS

VISITS = 40


def choose() -> dict[str, list[str]]:
    """Return addresses to ask for, by what they are."""
    rng = Random(1)
    numbers = list(Listing.objects.order_by("pk").values_list("pk", flat=True))
    chosen = rng.choices(numbers, k=VISITS)
    pages = Listing.objects.in_bulk(chosen)
    categories = list(Category.objects.order_by("path").values_list("path", flat=True))
    cursor_page = [f"/search/?category={path}" for path in categories]
    each: dict[str, Callable[[int], str]] = {
        "home": lambda _number: "/",
        "detail": lambda number: pages[number].get_absolute_url(),
        "by words": lambda number: f"/search/?q={WORDS[number % len(WORDS)].replace(' ', '+')}",
        "by photo": lambda number: f"/search/?listing={number}",
        "API list": lambda _number: "/api/v1/listings/",
        "API detail": lambda number: f"/api/v1/listings/{number}/",
        "API similar": lambda number: f"/api/v1/listings/{number}/similar/",
        "API by words": lambda number: f"/api/v1/search/?q={WORDS[number % len(WORDS)].replace(' ', '+')}",
        "API by photo": lambda number: f"/api/v1/search/?listing={number}",
    }
    found = {name: [address(number) for number in chosen] for name, address in each.items()}
    return {"home": found.pop("home"), "category": cursor_page, **found}


def count_queries(paths: list[str]) -> list[int]:
    """Return the numbers of queries that these pages take once caches are warm; one number when it never changes."""
    client = Client(headers={"host": "127.0.0.1"})
    counts = set()
    client.get(paths[0])
    for path in paths[:10]:
        with Queries() as asked:
            response = client.get(path)
        assert response.status_code == 200, f"{path} was answered with {response.status_code}"
        counts.add(len(asked.statements))
    return sorted(counts)
