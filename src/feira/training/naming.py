"""What the classes of the training sets are called when a machine tags a photo: one word per thing, in lower case."""

from collections.abc import Callable, Mapping

from feira.core.encoders.heads import NOTHING
from feira.training.views import PhotoFacts

_KINDS: Mapping[str, str] = {
    "Tshirts": "t-shirt",
    "Dresses": "dress",
    "Watches": "watch",
    "Clutches": "clutch",
    "Scarves": "scarf",
    "Dupatta": "dupatta",
    "Sarees": "saree",
    "Perfume and Body Mist": "perfume",
    "Foundation and Primer": "foundation",
    "Highlighter and Blush": "blush",
    "Kajal and Eyeliner": "eyeliner",
    "Necklace and Chains": "necklace",
    "Face Moisturisers": "moisturiser",
    "Face Wash and Cleanser": "face wash",
    "Innerwear Vests": "vest",
    "Jewellery Set": "jewellery set",
    "longsleeve": "long-sleeved top",
    "outwear": "outerwear",
    "pants": "trousers",
}
# Words that mean a pair or have no other form.
_PLURAL = {
    "boxers",
    "briefs",
    "capris",
    "casual shoes",
    "cufflinks",
    "earrings",
    "flats",
    "flip flops",
    "formal shoes",
    "gloves",
    "heels",
    "jeans",
    "jeggings",
    "leggings",
    "lounge pants",
    "lounge shorts",
    "sandals",
    "shoes",
    "shorts",
    "socks",
    "sports sandals",
    "sports shoes",
    "stockings",
    "sunglasses",
    "suspenders",
    "track pants",
    "trousers",
}
# What a shop packs together shows no kind of thing.
_NO_KIND = {"Free Gifts", "Accessory Gift Set", "Fragrance Gift Set", "Shoe Accessories", "Travel Accessory"}

_COLOURS: Mapping[str, str] = {
    "navy": "navy blue",
    "charcoal": "grey",
    "grey melange": "grey",
    "off white": "white",
    "steel": "silver",
    "burgundy": "maroon",
    "tan": "brown",
    "coffee brown": "brown",
    "skin": "beige",
    "nude": "beige",
    "rose": "pink",
    "magenta": "pink",
    "mauve": "purple",
    "lavender": "purple",
    "turquoise blue": "turquoise",
    "lime green": "green",
    "sea green": "green",
    "fluorescent green": "green",
    "multi": "multicoloured",
}
_NO_COLOUR = {"na", "metallic"}


def kind_of(photo: PhotoFacts) -> str | None:
    """Return what a photo shows; `NOTHING` for a sticker, None where it is not known."""
    if photo.source == "stickers":
        return NOTHING
    label = next((photo.labels[head] for head in ("garment", "article", "kind") if head in photo.labels), None)
    if label is None or label in _NO_KIND:
        return None
    name = _KINDS.get(label, label.lower())
    return name if name in _PLURAL or not name.endswith("s") or name.endswith("ss") else name[:-1]


def colour_of(photo: PhotoFacts) -> str | None:
    """Return the main colour, None where it is not known."""
    label = photo.labels.get("colour", photo.labels.get("drawn colour", "")).lower()
    return None if not label or label in _NO_COLOUR else _COLOURS.get(label, label)


def gender_of(photo: PhotoFacts) -> str | None:
    """Return whom it is made for; `NOTHING` for stickers and drawn things, None for clothing, where nobody said."""
    return _product_fact(photo, "gender")


def usage_of(photo: PhotoFacts) -> str | None:
    """Return what it is worn for, as `gender_of`."""
    return _product_fact(photo, "usage")


def sticker_group_of(photo: PhotoFacts) -> str | None:
    """Return a sticker's group; `NOTHING` for everything else."""
    return photo.labels.get("group", "").lower() or NOTHING


def _product_fact(photo: PhotoFacts, head: str) -> str | None:
    if photo.source in ("stickers", "drawn"):
        return NOTHING
    return photo.labels.get(head, "").lower() or None


HEADS: Mapping[str, Callable[[PhotoFacts], str | None]] = {
    "kind": kind_of,
    "colour": colour_of,
    "gender": gender_of,
    "usage": usage_of,
    "sticker": sticker_group_of,
}
"""How each head's class is read off a photo; a head learns nothing from a photo of which it is None."""
