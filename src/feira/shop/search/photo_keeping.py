"""Photos that somebody may search with again are not let go."""

from collections.abc import Collection

from django.http import QueryDict

from feira.shop.photos.pruning import keeps_photos
from feira.shop.search.models import PastSearch, SavedSearch
from feira.shop.search.query import SearchQuery


@keeps_photos
def photos_searched_with(photo_ids: Collection[int]) -> set[int]:
    """Return those of the photos that a saved or a past search asks with."""
    wanted = set(photo_ids)
    kept: set[int] = set()
    for model in (SavedSearch, PastSearch):
        by_photo = model.objects.filter(parameters__contains="photo=").values_list("parameters", flat=True)
        for parameters in by_photo.iterator():
            photo_id = SearchQuery.from_url(QueryDict(parameters)).photo_id
            if photo_id in wanted:
                kept.add(photo_id)
    return kept
