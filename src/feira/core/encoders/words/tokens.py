"""How a text becomes words, and a word nobody has seen becomes pieces: the same in training and in use."""

import re
import unicodedata
import zlib
from typing import Final

MAX_WORDS: Final = 256
MAX_LETTERS: Final = 40
_SHORTEST, _LONGEST = 3, 5

# A one-letter start joined by a hyphen belongs to its word (t-shirt, v-neck); a possessive s says nothing.
_JOINED = re.compile(r"\b([^\W\d_])-(?=[^\W\d_]{2})")
_POSSESSIVE = re.compile(r"(?<=[^\W\d_])['’]s\b")
# Runs of letters and digits; of other characters only pictographs mean something by themselves.
_WORDS = re.compile(r"[^\W_]+|[\u2190-\u2bff\U0001f000-\U0001faff]")
# Scripts written without spaces: a run is a sentence rather than a word, so its pieces are shorter.
_UNSPACED = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]")


def words_of(text: str) -> list[str]:
    """Return the words of a text, folded: no capitals, no accents, compatibility forms resolved.

    At most `MAX_WORDS` words of at most `MAX_LETTERS` letters are looked at, so the work is bounded whatever comes.

    >>> words_of("Women's T-Shirt, CAMISÃO azul ❤")
    ['women', 'tshirt', 'camisao', 'azul', '❤']
    """
    text = text[: MAX_WORDS * MAX_LETTERS]
    parts = unicodedata.normalize("NFKD", text.casefold())
    folded = "".join(letter for letter in parts if unicodedata.category(letter) != "Mn")
    folded = unicodedata.normalize("NFC", _POSSESSIVE.sub("", _JOINED.sub(r"\1", folded)))
    return [word[:MAX_LETTERS] for word in _WORDS.findall(folded)[:MAX_WORDS]]


def pieces_of(word: str) -> list[str]:
    """Return the overlapping pieces of a word: three to five letters with its ends marked, one or two in scripts
    without spaces.

    >>> pieces_of("saia")[:5]
    ['<sa', 'sai', 'aia', 'ia>', '<sai']
    """
    if _UNSPACED.search(word):
        return [word[i : i + size] for size in (1, 2) for i in range(len(word) - size + 1)]
    marked = f"<{word}>"
    sizes = range(_SHORTEST, min(_LONGEST, len(marked)) + 1)
    return [marked[i : i + size] for size in sizes for i in range(len(marked) - size + 1)]


def bucket_of(piece: str, buckets: int) -> int:
    """Return the place of a piece in a table of this many rows, the same on every machine."""
    return zlib.crc32(piece.encode()) % buckets
