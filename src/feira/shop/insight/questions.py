"""From the key of a query back to the search that it stands for."""

from feira.shop.search.query import SearchQuery


def query_from(key: str, text: str) -> SearchQuery:
    """Return the search that a key stands for, with the words as they were typed where that is known.

    >>> query_from("photo:12 red", "Red").photo_id
    12
    """
    pictures = dict(part.split(":", 1) for part in key.split() if ":" in part)
    words = text or " ".join(part for part in key.split() if ":" not in part)
    photo, listing = pictures.get("photo"), pictures.get("listing")
    return SearchQuery(
        text=words, photo_id=int(photo) if photo else None, listing_id=int(listing) if listing and not photo else None
    )
