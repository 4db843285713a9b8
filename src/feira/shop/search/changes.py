"""“Like this photo, but …”: what somebody would change about a picture, read from a few words."""

import re
from dataclasses import dataclass

from feira.shop.search.words import folded

MOST_CHANGES = 100

# In the languages of the pages. What follows one of these is to go away, until a comma or one of `_TOWARDS`.
_AWAY = frozenset(["without", "no", "not", "less", "minus", "sem", "nao", "menos"])
_TOWARDS = frozenset(["with", "more", "but", "and", "plus", "com", "mais", "mas", "e"])
_CHEAPER = frozenset(["cheaper", "barato", "barata", "baratos", "baratas"])


@dataclass(frozen=True, slots=True)
class Changes:
    """What to move towards and away from, in words, and whether it should cost less."""

    towards: str = ""
    away: str = ""
    is_cheaper: bool = False


def read_changes(text: str) -> Changes:
    """Read what was typed after “but”.

    >>> read_changes("red, without pattern, cheaper")
    Changes(towards='red', away='pattern', is_cheaper=True)
    >>> read_changes("with long sleeves and no collar").towards
    'long sleeves'
    """
    towards: list[str] = []
    away: list[str] = []
    is_away = is_cheaper = False
    for piece in re.findall(r"[,;]|[^\s,;]+", text[:MOST_CHANGES]):
        word = folded(piece)
        if piece in ",;" or word in _TOWARDS:
            is_away = False
        elif word in _AWAY:
            is_away = True
        elif word in _CHEAPER:
            is_cheaper = True
        elif plain := piece.lstrip("-−+"):
            (away if is_away or piece[0] in "-−" else towards).append(plain)
    return Changes(" ".join(towards), " ".join(away), is_cheaper)


def read_away(text: str) -> str:
    """Read what is to go away when it is said on its own.

    >>> read_away("no pattern, collar")
    'pattern collar'
    """
    changes = read_changes(re.sub(r"[,;]", " ", text))
    return " ".join(filter(None, (changes.towards, changes.away)))
