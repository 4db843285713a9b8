"""What somebody typed, as words to find and words to leave out.

Both databases cut text into words in this way: letters and digits belong to words, everything else parts them; case
does not count, and neither do accents on Latin letters.
"""

import re
import unicodedata
from dataclasses import dataclass, field

MOST_TERMS = 16
MOST_CHARACTERS = 200

# A minus belongs to the word or phrase that follows it, when it stands at the start of a word: "t-shirt" has none.
_PART = re.compile(r'(?P<minus>(?<!\S)-)?(?:"(?P<phrase>[^"]*)"|(?P<word>[^\s"]+))')
_ACCENTED = re.compile("([A-Za-z])[\u0300-\u036f]+")


@dataclass(frozen=True, slots=True)
class Term:
    """One word, or the words of a phrase that stand side by side; `is_open` lets the word go on, as in `sho…`.

    `others` are the words and phrases that this shop takes for the same. `typed` is how it was written, for people to
    read.
    """

    words: tuple[str, ...]
    is_open: bool = False
    others: tuple[tuple[str, ...], ...] = field(default=(), compare=False, repr=False)
    typed: str = field(default="", compare=False, repr=False)

    @property
    def text(self) -> str:
        """The term as one would type it."""
        return self.typed or (f'"{" ".join(self.words)}"' if len(self.words) > 1 else self.words[0])


@dataclass(frozen=True, slots=True)
class Words:
    """A listing is found when it has all of `wanted` and none of `unwanted`."""

    wanted: tuple[Term, ...] = ()
    unwanted: tuple[Term, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.wanted or self.unwanted)

    @property
    def text(self) -> str:
        """The words as one would type them."""
        return " ".join([*(term.text for term in self.wanted), *(f"-{term.text}" for term in self.unwanted)])

    def without(self, term: Term) -> "Words":
        """Return the words with one term taken out."""
        return Words(
            tuple(kept for kept in self.wanted if kept != term), tuple(kept for kept in self.unwanted if kept != term)
        )


def folded(text: str) -> str:
    """Return the text in lower case and without accents on Latin letters.

    >>> folded("Café ÅNGSTRÖM й")
    'cafe angstrom й'
    """
    plain = _ACCENTED.sub(r"\1", unicodedata.normalize("NFD", text))
    return unicodedata.normalize("NFC", plain).lower()


def split_words(text: str) -> tuple[str, ...]:
    """Return the folded words of a text, in order.

    >>> split_words("T-shirt, size 42½!")
    ('t', 'shirt', 'size', '42½')
    """
    return tuple("".join(c if unicodedata.category(c)[0] in "LN" else " " for c in folded(text)).split())


def parse_words(text: str) -> Words:
    """Read what somebody typed: words, "phrases in quotes", and either of them with a minus before it.

    The last word is open, so that results come while it is being typed; a word in quotes never is. At most
    `MOST_TERMS` terms are read.

    >>> parse_words('black "summer dress" -wool').unwanted
    (Term(words=('wool',), is_open=False),)
    """
    wanted: list[Term] = []
    unwanted: list[Term] = []
    for part in list(_PART.finditer(text[:MOST_CHARACTERS]))[:MOST_TERMS]:
        words = split_words(part["word"] if part["phrase"] is None else part["phrase"])
        if not words:
            continue
        is_last = part.end() == len(text.rstrip()) and part["phrase"] is None
        # "t-shirt" is a phrase: its two words have to stand side by side.
        term = Term(words, is_open=is_last and not part["minus"], typed=part[0].removeprefix("-"))
        (unwanted if part["minus"] else wanted).append(term)
    return Words(tuple(dict.fromkeys(wanted)), tuple(dict.fromkeys(unwanted)))
