"""The options that say what goes into a data set, and the request that they make."""

import inspect
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from feira.cli.errors import Misused
from feira.core.augment.presets import PRESETS
from feira.shop.datasets.asked import FORMATS, SPLITS, Asked, asked_from_json
from feira.shop.datasets.checking import checked
from feira.shop.datasets.errors import BadRequestError

WHAT, LEARN, PICTURES, RESULT = "What goes in", "Learning", "Pictures", "Result"
STDIN = "-"
USUAL_VARIANTS = 3


def _panel(name: str, *names: str, **given: Any) -> Any:
    return typer.Option(*names, rich_help_panel=name, **given)


def request_from(
    request: Annotated[
        str, typer.Option(metavar="FILE", help="A request as JSON, as the API takes it; - reads it from stdin.")
    ] = "",
    *,
    words: Annotated[str, _panel(WHAT, help="As in search, strictly: every word has to be there.")] = "",
    category: Annotated[str, _panel(WHAT, metavar="PATH", help="As in clothing/shoes, with what is below.")] = "",
    condition: Annotated[list[str] | None, _panel(WHAT, help="As in like_new. Repeatable.")] = None,
    colour: Annotated[list[str] | None, _panel(WHAT, help="As in red. Repeatable.")] = None,
    attribute: Annotated[
        list[str] | None, _panel(WHAT, metavar="CODE=VALUE", help="A choice attribute. Repeatable.")
    ] = None,
    min_price: Annotated[str, _panel(WHAT, metavar="PRICE", help="The lowest price.")] = "",
    max_price: Annotated[str, _panel(WHAT, metavar="PRICE", help="The highest price.")] = "",
    seller: Annotated[str, _panel(WHAT, help="As in the address of their page.")] = "",
    similar_to: Annotated[int | None, _panel(WHAT, metavar="LISTING", min=1, help="Looks like this listing.")] = None,
    covers: Annotated[bool, _panel(WHAT, "--covers", help="Only the first photo of each listing.")] = False,
    most_photos: Annotated[
        int | None, _panel(WHAT, metavar="COUNT", min=1, help="So many at most, drawn by chance.")
    ] = None,
    label: Annotated[
        str | None, _panel(LEARN, help="category, condition, attribute:CODE, tag:GROUP.  [default: category]")
    ] = None,
    split: Annotated[str, _panel(LEARN, help=f"{', '.join(SPLITS)}.  [default: none]")] = "",
    ratio: Annotated[list[str] | None, _panel(LEARN, metavar="SIDE=SHARE", help="As in train=0.8. Repeatable.")] = None,
    size: Annotated[str, _panel(PICTURES, metavar="PIXELS", help="Or: original.  [default: 512]")] = "",
    fit: Annotated[str, _panel(PICTURES, help="longest, shorter or square.  [default: longest]")] = "",
    files: Annotated[str, _panel(PICTURES, help="jpeg, png or webp.  [default: jpeg]")] = "",
    augment: Annotated[
        str, _panel(PICTURES, metavar="RECIPE", help=f"A recipe as a JSON file, or one of: {', '.join(PRESETS)}.")
    ] = "",
    variants: Annotated[
        int | None, _panel(PICTURES, metavar="COUNT", min=1, help="Changed copies of each photo.  [default: 3]")
    ] = None,
    seed: Annotated[
        int | None, _panel(PICTURES, min=0, help="Of division and changes; another number gives others.  [default: 0]")
    ] = None,
    predict: Annotated[
        str, _panel(RESULT, metavar="MODEL", help="Add what a model sees: live, an encoder, torch:NAME.")
    ] = "",
    embeddings: Annotated[bool, _panel(RESULT, "--embeddings", help="Add the model's embeddings as well.")] = False,
    format: Annotated[  # noqa: A002 - what the option is called
        list[str] | None, _panel(RESULT, help=f"{', '.join(FORMATS)}. Repeatable.  [default: folder]")
    ] = None,
) -> Asked:
    """Return the request that the options make, over that of a file.

    Raises:
        Misused: a file cannot be read, or something about the request cannot be done.
    """
    given: dict[str, Any] = _json_of(request, "request") if request else {}
    filters = _said(
        words=words,
        category=category,
        seller=seller,
        conditions=condition,
        colours=colour,
        attributes=_values(attribute),
        min_price=min_price,
        max_price=max_price,
        similar_to=similar_to,
    )
    division = _said(by=split, ratios=_shares(ratio)) | ({} if seed is None or not split else {"seed": seed})
    pictures = _said(fit="original" if size == "original" else fit, format=files)
    if size:
        pictures["size"] = None if size == "original" else _number(size, "size", int)
    whole = _said(
        photos="cover" if covers else "",
        most_photos=most_photos,
        formats=format,
        filters=_over(given, "filters", filters),
        split=_over(given, "split", division),
        image=_over(given, "image", pictures),
        augmentation=_augmentation(given, augment, _said(variants=variants), seed),
        predictions=_predictions(predict, embeddings=embeddings),
    )
    whole |= {} if label is None else {"label": label}
    # The name and the target stand beside a request in a file for the API; here they are options of `create`.
    given = {name: value for name, value in given.items() if name not in ("name", "target")}
    try:
        return checked(asked_from_json({**given, **whole}))
    except BadRequestError as error:
        raise Misused(" ".join(f"{field}: {text}" for field, text in error.errors.items())) from error


def takes_a_request(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `request_from`; it gets the request that they make as `asked`."""
    own = inspect.signature(command)
    kinds = get_type_hints(command, include_extras=True)
    shared = get_type_hints(request_from, include_extras=True)
    parameters = inspect.signature(request_from).parameters

    @wraps(command)
    def called(**values: Any) -> None:
        asked = request_from(**{name: values.pop(name) for name in parameters})
        command(asked=asked, **values)

    every = [
        *(each.replace(kind=each.KEYWORD_ONLY, annotation=shared[name]) for name, each in parameters.items()),
        *(
            each.replace(kind=each.KEYWORD_ONLY, annotation=kinds[name])
            for name, each in own.parameters.items()
            if name != "asked"
        ),
    ]
    called.__signature__ = inspect.Signature(every)  # type: ignore[attr-defined] # read by `inspect`
    called.__annotations__ = {each.name: each.annotation for each in every}
    return called


def _said(**values: Any) -> dict[str, Any]:
    """Return what was given: an option that was left out is empty."""
    return {name: value for name, value in values.items() if value}


def _over(given: Mapping[str, Any], name: str, own: Mapping[str, Any]) -> Any:
    """Return a part of a file's request with what the options say over it; what is no part is for others to refuse."""
    before = given.get(name) or {}
    return {**before, **own} if isinstance(before, Mapping) else before


def _augmentation(given: Mapping[str, Any], augment: str, own: dict[str, Any], seed: int | None) -> Any:
    recipe = given.get("augmentation")
    if augment in PRESETS:
        recipe = PRESETS[augment].changed(variants=USUAL_VARIANTS).as_json()
    elif augment:
        recipe = _json_of(augment, "recipe")
    if recipe is None and own:
        raise Misused("--variants are copies that a recipe makes. Name one as well, as in --augment light.")
    return {**recipe, **own, **({} if seed is None else {"seed": seed})} if isinstance(recipe, Mapping) else recipe


def _predictions(model: str, *, embeddings: bool) -> dict[str, Any] | None:
    if embeddings and not model:
        raise Misused("--embeddings are a model's. Name it as well, as in --predict live.")
    return {"model": model, "classes": True, "embeddings": embeddings} if model else None


def _pairs(texts: list[str] | None, example: str) -> Iterator[tuple[str, str]]:
    for text in texts or []:
        name, sign, value = text.partition("=")
        if not (name and sign and value):
            raise Misused(f"“{text}” has no name and value. Write it as in {example}.")
        yield name, value


def _values(texts: list[str] | None) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in _pairs(texts, "--attribute size=42"):
        found.setdefault(name, []).append(value)
    return found


def _shares(texts: list[str] | None) -> dict[str, float]:
    return {name: _number(value, "ratio", float) for name, value in _pairs(texts, "--ratio train=0.8")}


def _number(text: str, option: str, kind: Callable[[str], Any]) -> Any:
    try:
        return kind(text)
    except ValueError:
        raise Misused(f"“{text}” is no number for --{option}.") from None


def _json_of(name: str, what: str) -> dict[str, Any]:
    """Read a file, or stdin, that holds an object."""
    try:
        text = sys.stdin.read() if name == STDIN else Path(name).expanduser().read_text(encoding="utf-8")
        found = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or f"it is no JSON ({error})"
        raise Misused(f"The {what} {name} cannot be read: {reason}.") from error
    if not isinstance(found, dict):
        raise Misused(f"The {what} {name} is no JSON object.")
    return found
