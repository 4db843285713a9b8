"""What a query's photo shows now, in words: to ask for another colour is to ask for less of the present one."""

from feira.core.images.colour_words import colour_named
from feira.core.images.colours import colour_shares, main_colours
from feira.core.images.cropping import Crop, cut
from feira.core.images.decode import decode_rendition
from feira.shop.photos.blobs import blob_store
from feira.shop.search.selectors import QueryPhoto


def colour_to_lose(photo: QueryPhoto, crop: Crop | None, *, but: str) -> str:
    """Return the name of the photo's main colour when `but` names another one, else nothing."""
    wanted = colour_named(but)
    if wanted is None:
        return ""
    content = blob_store().get(photo.renditions["thumb"]["digest"])
    found = main_colours(colour_shares(decode_rendition(cut(content, crop) if crop else content)))
    return found[0].name if found and found[0].name != wanted else ""
