"""Which named colour people mean by a word: `navy blue` is a blue."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from feira.core.images.colours import COLOUR_NAMES, MULTICOLOUR

_SHADES: Final = {
    "black": "jet onyx ebony",
    "white": "ivory snow",
    "grey": "gray charcoal silver steel slate anthracite taupe",
    "red": "maroon burgundy crimson scarlet wine cherry",
    "orange": "peach rust coral apricot terracotta",
    "yellow": "mustard lemon ochre",
    "green": "olive lime mint emerald",
    "turquoise": "teal aqua cyan",
    "blue": "navy indigo azure denim",
    "purple": "violet lavender mauve lilac plum aubergine",
    "pink": "rose magenta fuchsia",
    "brown": "tan coffee chocolate copper bronze camel chestnut cognac",
    "beige": "cream skin nude khaki sand ecru",
    MULTICOLOUR: "multi multicolor multicoloured multicolored colourful colorful",
}
_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {name: name for name in (*COLOUR_NAMES, MULTICOLOUR)}
    | {shade: name for name, shades in _SHADES.items() for shade in shades.split()}
)
# Two words that say something else than the last of them.
_PAIRS: Final = MappingProxyType({"off white": "white", "sea green": "turquoise", "turquoise blue": "turquoise"})


def colour_named(text: str) -> str | None:
    """Return the named colour that a text such as `Navy Blue` stands for; None when it names none that we know.

    The last colour word counts, for adjectives stand before it.

    >>> [colour_named(text) for text in ("Navy Blue", "off-white", "Coffee Brown", "Multi", "Gold", "")]
    ['blue', 'white', 'brown', 'multicolour', None, None]
    """
    words = re.findall(r"[a-z]+", text.lower())
    if (pair := _PAIRS.get(" ".join(words))) is not None:
        return pair
    return next((_WORDS[word] for word in reversed(words) if word in _WORDS), None)
