"""The texts from which the built-in words learn: what sellers and buyers of the training data write, and phrases made
of such words. Nothing held out is among them, and no caption of the everyday photos."""

import csv
import gzip
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Final

from feira.core.datasets.drawn.look import Kind
from feira.core.datasets.drawn.palette import COLOURS
from feira.core.datasets.drawn.plan import DrawPlan
from feira.core.datasets.drawn.wording import description_of, title_of
from feira.core.errors import SourceError
from feira.core.evaluation.splits import is_held_out

REVIEWS: Final = Path("reviews/womens_clothing_reviews.csv.gz")
PRODUCTS: Final = Path("fashion-products/products.csv")
STICKERS: Final = Path("stickers/stickers.csv")
CLASSES: Final = Path("clothing/train")
_LONGEST_SENTENCE: Final = 25
_DRAWN_TITLES: Final = 6_000
_FUNCTION_WORDS: Final = 120

# With two words, what queries and titles are made of; {a} and {b} are filled with words of the teacher's vocabulary.
_PATTERNS: Final = (
    ("{a} {b}", 8),
    ("{a}", 2),
    ("{a} {b} {c}", 4),
    ("{a} with {b}", 2),
    ("{a} in a {b}", 2),
    ("{a} in the {b}", 1),
    ("{a} on the {b}", 1),
    ("{a} and {b}", 2),
    ("{a} for {b}", 1),
    ("the {a} of {b}", 1),
    ("a {a} {b}", 2),
    ("a {a} on a {b}", 1),
    ("two {a} and a {b}", 1),
    ("{a} without {b}", 1),
    ("{a} near the {b}", 1),
    ("photo of a {a}", 1),
    ("a man with a {a} and a {b}", 1),
    ("a woman in a {a} {b}", 1),
    ("people {a} at the {b}", 1),
    ("{a} {b} from {c}", 1),
)


def product_texts(data: Path) -> Iterator[str]:
    """Yield titles of training products and phrases of their attributes, as buyers type them."""
    for row in _rows(data / PRODUCTS):
        if is_held_out(row["id"]):
            continue
        kind, colour, gender = row["articleType"], row["baseColour"], row["gender"]
        title = row["productDisplayName"]
        yield title
        yield f"{colour} {kind}"
        yield f"{gender} {kind}"
        yield f"{gender} {colour} {kind}"
        yield f"{colour} {kind} for {gender}"
        yield f"{row['usage']} {kind} {row['season']}"
        yield from (kind, row["subCategory"], row["masterCategory"])
        words = title.split()
        yield " ".join(words[-3:])
        yield " ".join(words[-2:])
        yield " ".join(words[:2])


def sticker_texts(data: Path) -> Iterator[str]:
    """Yield names, keywords and groups of training stickers."""
    for row in _rows(data / STICKERS):
        if is_held_out(row["codepoints"]):
            continue
        keywords = [keyword.replace("_", " ") for keyword in row["keywords"].split(";") if keyword]
        yield row["name"]
        yield row["group"]
        yield from keywords
        yield from (f"{row['name']} {keyword}" for keyword in keywords[:4])
        yield " ".join(keywords[:5])


def review_texts(data: Path) -> Iterator[str]:
    """Yield titles and single sentences of clothing reviews."""
    path = data / REVIEWS
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                yield row["Title"]
                yield from re.split(r"[.!?\n]+", row["Review Text"])
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror}); it is one of the training texts.") from error


def drawn_texts(seed: int) -> Iterator[str]:
    """Yield titles and descriptions of drawn things, without drawing them."""
    rng = Random(f"{seed}:drawn words")
    kinds: list[Kind] = [entry.kind for entry in DrawPlan.usual().cycle()]
    for number in range(_DRAWN_TITLES):
        kind = kinds[number % len(kinds)]
        words = {
            "kind": kind.name,
            "colour": rng.choice(sorted(COLOURS)),
            "pattern": rng.choice(kind.patterns),
            "shape": rng.choice(kind.shapes),
        }
        yield title_of(rng, **words)
        yield from description_of(rng, **words, condition=rng.choice(("new", "like_new", "good", "fair"))).split(".")


def class_texts(data: Path) -> Iterator[str]:
    """Yield the class names of the clothing photos."""
    folder = data / CLASSES
    if not folder.is_dir():
        raise SourceError(f"{folder} is missing; its folders name the clothing classes.")
    yield from sorted(kind.name for kind in folder.iterdir() if kind.is_dir())


def composed_texts(words: Sequence[str], count: int, seed: int) -> Iterator[str]:
    """Yield phrases of one to three words.

    Args:
        words: most frequent first; a word is drawn the more often the further in front it stands.
    """
    rng = Random(f"{seed}:composed")
    patterns, weights = zip(*_PATTERNS, strict=True)
    for _ in range(count):
        # Density falls with the place, as frequency does in language, yet far less steeply.
        a, b, c = (words[int(len(words) * rng.random() ** 1.6)] for _ in range(3))
        yield rng.choices(patterns, weights)[0].format(a=a, b=b, c=c)


def teacher_words(tokenizer: Path) -> list[str]:
    """Return the whole words of the letters a to z in a WordPiece vocabulary, in its order: most frequent first.

    Raises:
        SourceError: the file is not a tokenizer with such a vocabulary.
    """
    try:
        vocabulary = json.loads(tokenizer.read_text(encoding="utf-8"))["model"]["vocab"]
        ordered = sorted(vocabulary, key=vocabulary.__getitem__)
        return [word for word in ordered if word.isalpha() and word.isascii() and len(word) > 1]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SourceError(f"{tokenizer} holds no vocabulary of words ({error}).") from error


def shop_texts(data: Path, seed: int) -> list[str]:
    """Return everything but the phrases made up, each text once, in a stable order; sentences of bounded length.

    Raises:
        SourceError: a part of the data is missing.
    """
    sources: Iterable[Iterable[str]] = (
        class_texts(data),
        product_texts(data),
        sticker_texts(data),
        drawn_texts(seed),
        review_texts(data),
    )
    texts = (" ".join(text.split()) for source in sources for text in source)
    return list(dict.fromkeys(text for text in texts if text and text.count(" ") < _LONGEST_SENTENCE))


def all_texts(data: Path, words: Sequence[str], *, phrases: int, seed: int) -> list[str]:
    """Return everything that the words learn from, each text once: the teacher's words, the shops' texts, phrases.

    Raises:
        SourceError: a part of the data is missing.
    """
    # The most frequent words of all hold phrases together and say little themselves.
    composed = composed_texts(words[_FUNCTION_WORDS:], phrases, seed)
    return list(dict.fromkeys([*words, *shop_texts(data, seed), *composed]))


def _rows(path: Path) -> Iterator[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            yield from csv.DictReader(stream)
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror}); it is one of the training texts.") from error
