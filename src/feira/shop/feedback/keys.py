"""One key for all ways to ask the same: `Dress, RED` and `red dress` are one query."""

import re
import unicodedata

from feira.core.errors import FeiraError

MOST_KEY = 300
MOST_TEXT = 200
MOST_WORDS = 16
MOST_WORD = 60

_WORD = re.compile(r"(?<!\S)-?[^\W_]+|[^\W_]+")
_UNWANTED_PHRASE = re.compile(r'(?<!\S)-"([^"]*)"')
_PICTURE = re.compile(r"(?:photo|listing):\d{1,19}")
_ACCENT = re.compile("[\u0300-\u036f]")


class NoQuery(FeiraError):
    """There is no query to speak about: no words and no picture."""

    code = "no_query"


def query_key(text: str, *, photo_id: int | None = None, listing_id: int | None = None) -> str:
    """Return the key of a query: its folded words, sorted and without repetition, and the picture it shows.

    Case, accents, order and punctuation do not count; a minus before a word does. At most `MOST_WORDS` words are read.
    Empty when nothing is asked for. The photo goes first when a listing is given as well, as in a search.

    >>> query_key("Dress, RED -Wool")
    '-wool dress red'
    >>> query_key("red", photo_id=12)
    'photo:12 red'
    """
    plain = _UNWANTED_PHRASE.sub(lambda phrase: "".join(f" -{word}" for word in phrase[1].split()), text[:MOST_TEXT])
    parts = {word[:MOST_WORD] for word in _WORD.findall(folded(plain))[:MOST_WORDS]}
    if photo_id is not None:
        parts.add(f"photo:{photo_id}")
    elif listing_id is not None:
        parts.add(f"listing:{listing_id}")
    return " ".join(sorted(parts))[:MOST_KEY].strip()


def checked_key(given: str) -> str:
    """Return a key that came back from a page, brought into shape again, whatever it was.

    Raises:
        NoQuery: nothing is left of it.
    """
    given = given.replace("\0", "")[:MOST_KEY]
    pictures = sorted(set(_PICTURE.findall(given)))[:1]
    words = query_key(_PICTURE.sub(" ", given)).split()
    key = " ".join(sorted({*words, *pictures}))[:MOST_KEY].strip()
    if not key:
        raise NoQuery("Name the query that this is about: some words, or a picture.")
    return key


def folded(text: str) -> str:
    """Return the text in lower case and without accents, with compatibility forms made plain."""
    decomposed = unicodedata.normalize("NFKD", text.replace("\0", "").encode("utf-8", "ignore").decode())
    return unicodedata.normalize("NFC", _ACCENT.sub("", decomposed)).casefold()
