"""Titles and descriptions of drawn things, as a seller would write them."""

from collections.abc import Mapping
from random import Random
from types import MappingProxyType
from typing import Final

_MATERIALS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "mug": ("stoneware", "porcelain", "enamel", "ceramic"),
        "vase": ("stoneware", "ceramic", "glazed clay"),
        "bowl": ("stoneware", "ceramic", "porcelain"),
        "plant": ("ceramic", "terracotta", "glazed clay"),
        "lamp": ("linen", "cotton", "paper", "metal"),
        "chair": ("oak", "beech", "walnut"),
        "book": ("cloth-bound", "hardcover"),
        "ball": ("rubber", "vinyl", "leather"),
        "T-shirt": ("cotton", "organic cotton", "jersey"),
        "dress": ("linen", "cotton", "viscose"),
        "hat": ("cotton", "wool", "canvas"),
        "bag": ("canvas", "cotton", "leather"),
    }
)
_SHAPE_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "round handle": "with a round handle",
        "bottle": "with a slim neck",
        "tapered": "with a narrow foot",
        "cone": "with a cone shade",
        "dome": "with a dome shade",
        "drum": "with a drum shade",
        "high back": "with a high back",
        "low back": "with a low back",
        "round back": "with a round back",
        "short sleeves": "with short sleeves",
        "long sleeves": "with long sleeves",
        "v-neck": "with a V-neck",
        "a-line": "in an A-line cut",
        "straight": "in a straight cut",
        "sleeved": "with sleeves",
        "long leaves": "with long leaves",
        "round leaves": "with round leaves",
        "cactus": "with a cactus",
        "stack": "as a set of four",
        "upright": "in hardcover",
    }
)
_NOUNS: Final[Mapping[tuple[str, str], str]] = MappingProxyType(
    {
        ("hat", "beanie"): "beanie",
        ("hat", "bucket"): "bucket hat",
        ("hat", "wide brim"): "wide-brimmed hat",
        ("bag", "tote"): "tote bag",
        ("bag", "handbag"): "handbag",
        ("bag", "round"): "round shoulder bag",
        ("book", "upright"): "notebook",
        ("book", "stack"): "books",
        ("mug", "wide"): "wide mug",
        ("mug", "tall"): "tall mug",
        ("vase", "round"): "round vase",
        ("bowl", "shallow"): "shallow bowl",
        ("bowl", "deep"): "deep bowl",
        ("ball", "small"): "small ball",
        ("ball", "large"): "large ball",
        ("lamp", "cone"): "table lamp",
        ("lamp", "dome"): "table lamp",
        ("lamp", "drum"): "table lamp",
        ("plant", "cactus"): "pot",
        ("plant", "long leaves"): "plant pot",
        ("plant", "round leaves"): "plant pot",
    }
)
_OPENINGS: Final = (
    "Bought last year and used with care.",
    "From a home without smoke.",
    "It has stood on a shelf most of the time.",
    "A present that did not find its place here.",
    "We are moving and it cannot come along.",
    "Found at a small market, made by hand.",
    "One of my favourites, but there are too many of them.",
)
_STATES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "new": ("Never used, still with its label.", "New, in its box."),
        "like_new": ("Used twice; you will find no trace of it.", "As good as new."),
        "good": ("A few light marks, none that you see from afar.", "Used, clean and sound."),
        "fair": ("It shows its age, which suits it.", "Some wear at the edges, see the photos."),
    }
)
_CLOSINGS: Final = (
    "Pick up or post, as you like.",
    "Posted within two days, well packed.",
    "Happy to send more photos.",
    "Ask me anything about it.",
    "Two for a better price.",
    "",
)
_LATIN: Final = ("small", "lovely", "simple", "handmade", "vintage", "classic")


def title_of(rng: Random, *, kind: str, colour: str, pattern: str, shape: str) -> str:
    """Return a title such as `Striped blue mug with a round handle`."""
    noun = _NOUNS.get((kind, shape), kind)
    shape_words = _SHAPE_WORDS.get(shape, "")
    pattern_word = "" if pattern == "plain" and rng.random() < 0.8 else pattern
    material = rng.choice(_MATERIALS[kind]) if rng.random() < 0.35 else ""
    opinion = rng.choice(_LATIN) if rng.random() < 0.2 and not material else ""
    start = (opinion, pattern_word, colour) if rng.random() < 0.7 else (opinion, colour, pattern_word)
    words = " ".join(word for word in (*start, material, noun, shape_words) if word)
    return words[0].upper() + words[1:]


def description_of(rng: Random, *, kind: str, colour: str, pattern: str, shape: str, condition: str) -> str:
    """Return two to four sentences: what it is, how it came here, in what state it is."""
    noun = _NOUNS.get((kind, shape), kind)
    verb = "are" if noun.endswith("books") else "is"
    looks = f"{colour}, {pattern}" if pattern != "plain" else f"{colour} all over"
    first = rng.choice(
        (
            f"The {noun} {verb} {looks}.",
            f"What you see is what you get: {looks}.",
            f"{noun[0].upper() + noun[1:]} in {colour}" + (f", {pattern}." if pattern != "plain" else ", no pattern."),
        )
    )
    sentences = (first, rng.choice(_OPENINGS), rng.choice(_STATES[condition]), rng.choice(_CLOSINGS))
    return " ".join(sentence for sentence in sentences if sentence)
