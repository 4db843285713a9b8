"""The whole tree of categories with counts and attributes, in a fixed number of queries."""

from collections import defaultdict
from typing import Any, TypedDict

from django.db.models import Count

from feira.shop.listings.models import Attribute, AttributeChoice, Category
from feira.shop.listings.selectors import live_listings


class CategoryNode(TypedDict):
    """A category with what lies below it; `count` is of live listings, here and below."""

    path: str
    name: str
    count: int
    attributes: list[dict[str, Any]]
    children: list["CategoryNode"]


def category_tree() -> list[CategoryNode]:
    """Return the roots in order of their paths; five queries whatever the catalogue's size."""
    counts = dict(live_listings().order_by().values_list("category_id").annotate(count=Count("pk")))
    attributes = _attributes_by_category()
    nodes: dict[str, CategoryNode] = {}
    roots: list[CategoryNode] = []
    for pk, path, name in Category.objects.order_by("path").values_list("pk", "path", "name"):
        node = CategoryNode(
            path=path, name=name, count=counts.get(pk, 0), attributes=attributes.get(pk, []), children=[]
        )
        nodes[path] = node
        parent = nodes.get(path.rpartition("/")[0])
        (parent["children"] if parent else roots).append(node)
    for path in sorted(nodes, key=lambda path: path.count("/"), reverse=True):
        if parent := nodes.get(path.rpartition("/")[0]):
            parent["count"] += nodes[path]["count"]
    return roots


def _attributes_by_category() -> dict[int, list[dict[str, Any]]]:
    choices: dict[int, list[str]] = defaultdict(list)
    for attribute_id, value in AttributeChoice.objects.order_by("value").values_list("attribute_id", "value"):
        choices[attribute_id].append(value)
    columns = ("code", "name", "kind", "unit")
    shown = {
        pk: {**dict(zip(columns, values, strict=True)), "choices": choices.get(pk, [])}
        for pk, *values in Attribute.objects.values_list("pk", *columns)
    }
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    placed = Attribute.categories.through.objects.order_by("attribute__name")
    for category_id, attribute_id in placed.values_list("category_id", "attribute_id"):
        found[category_id].append(shown[attribute_id])
    return found
