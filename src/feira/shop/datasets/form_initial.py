"""What the form of data sets shows at first: what an earlier request or a search asked for."""

from typing import Any

from django.http import QueryDict
from django.utils import timezone

from feira.shop.datasets.asked import Asked
from feira.shop.datasets.form_choices import ATTRIBUTE, PASTED_RECIPE, SIDES
from feira.shop.search.query import SearchQuery


def initial_from_search(parameters: QueryDict) -> dict[str, Any]:
    """Return the filters of a search as its address has them."""
    query = SearchQuery.from_url(parameters)
    passing = query.passing
    found = {
        "words": query.text,
        "category": passing.category_path,
        "conditions": list(passing.conditions),
        "colours": list(passing.colours),
        "min_price": passing.min_price,
        "max_price": passing.max_price,
        "seller": passing.seller_slug,
        "similar_to": query.listing_id,
        **{f"{ATTRIBUTE}{code}": list(values) for code, values in passing.attributes.items()},
    }
    return {name: value for name, value in found.items() if value not in (None, "", [])}


def initial_from_asked(asked: Asked) -> dict[str, Any]:
    """Return every field of a form that asks for the same."""
    filters, rule, recipe = asked.filters, asked.rule, asked.recipe
    ratios = asked.split.ratios
    shown: dict[str, Any] = {
        **{name: getattr(filters, name) for name in ("words", "category", "min_price", "max_price", "seller")},
        **{name: getattr(filters, name) for name in ("similar_to", "most_similar")},
        "conditions": list(filters.conditions),
        "colours": list(filters.colours),
        **{f"{ATTRIBUTE}{code}": list(values) for code, values in filters.attributes.items()},
        "published_since": filters.published_since and timezone.localdate(filters.published_since),
        "published_until": filters.published_until and timezone.localdate(filters.published_until),
        "photos": asked.photos,
        "most_photos": asked.most_photos,
        "label": asked.label,
        "split_by": asked.split.by,
        "split_seed": asked.split.seed,
        **{side: round(100 * ratios.get(side, 0)) for side in SIDES},
        "fit": rule.fit,
        "image_size": rule.size,
        "image_format": rule.format,
        "image_quality": rule.quality,
        "formats": list(asked.formats),
    }
    if recipe is not None:
        shown |= {"recipe": PASTED_RECIPE, "recipe_json": recipe.canonical.decode()}
        shown |= {"variants": recipe.variants, "recipe_seed": recipe.seed}
    if asked.predictions is not None:
        said = asked.predictions
        shown |= {"model": said.model, "classes": said.classes, "embeddings": said.embeddings}
    return shown
