"""How the pool and its children talk: what is asked about which photo, and what is believed of the answer."""

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from feira.core.augment.plan import Step, plan
from feira.core.augment.recipe import Recipe
from feira.core.augment.render import Rendered
from feira.core.augment.rule import ImageRule
from feira.core.images.header import read_header
from feira.core.images.wire import UnbelievableAnswerError, pack, unpack

MAX_ANSWER_BYTES: Final = 256_000_000
"""A PNG of the largest photo that is taken by default has 150 MB."""

_LARGEST_SIDE = 1 << 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """One picture of a photo: `number` 0 is the photo itself, variants count from 1 and need a recipe."""

    key: str
    rule: ImageRule
    recipe: Recipe | None
    number: int


def pack_request(wanted: Wanted, content: bytes | None) -> bytes:
    """Return the question; without `content` it is about the photo of the question before."""
    head = {
        "key": wanted.key,
        "rule": _rule_text(wanted.rule),
        "recipe": _recipe_text(wanted.recipe) if wanted.recipe else None,
        "number": wanted.number,
        "is_new": content is not None,
    }
    return pack(head, content or b"")


def unpack_request(request: bytes) -> tuple[Wanted, bytes | None]:
    """Return what is wanted, and the photo unless it is the one before. Comes from our parent, so it is believed."""
    head, content = unpack(request)
    recipe = _recipe(head["recipe"]) if head["recipe"] else None
    return Wanted(head["key"], _rule(head["rule"]), recipe, head["number"]), content if head["is_new"] else None


def pack_rendered(rendered: Rendered | None, size: tuple[int, int]) -> bytes:
    """Return the answer: a picture with the size of the upright photo, or None where the photo is not known."""
    return pack({"is_known": rendered is not None, "size": size}, rendered.content if rendered else b"")


def unpack_rendered(answer: bytes, wanted: Wanted) -> Rendered | None:
    """Return the picture, or None when the child has not got the photo.

    Only the photo's size and the bytes are taken from the child. The steps are drawn here again; they follow from what
    we know ourselves.

    Raises:
        InvalidImage: the child refused the photo.
        UnbelievableAnswerError: the answer breaks the protocol.
    """
    head, content = unpack(answer)
    try:
        if head["is_known"] is False:
            return None
        width, height = head["size"]
    except (KeyError, ValueError, TypeError) as error:
        raise UnbelievableAnswerError(str(error)) from error
    if not all(type(side) is int and 1 <= side <= _LARGEST_SIDE for side in (width, height)):
        raise UnbelievableAnswerError(f"a photo of {width!r} × {height!r} pixels")
    header = read_header(content)
    if header is None or header.format != wanted.rule.format or header.size is None:
        raise UnbelievableAnswerError(f"picture {wanted.number} is no {wanted.rule.format}")
    steps: tuple[Step, ...] = ()
    if wanted.recipe and wanted.number:
        size, number = (width, height), wanted.number
        steps = plan(wanted.recipe, key=wanted.key, variant=number, size=size, rule=wanted.rule)
    return Rendered(content, *header.size, hashlib.sha256(content).hexdigest(), wanted.number, steps)


# All photos of a data set have the same recipe and rule: they are written and read once.
@lru_cache(maxsize=8)
def _recipe_text(recipe: Recipe) -> str:
    return recipe.canonical.decode()


@lru_cache(maxsize=8)
def _rule_text(rule: ImageRule) -> str:
    return json.dumps(rule.as_json())


@lru_cache(maxsize=8)
def _recipe(text: str) -> Recipe:
    return Recipe.from_text(text)


@lru_cache(maxsize=8)
def _rule(text: str) -> ImageRule:
    return ImageRule.from_json(json.loads(text))
