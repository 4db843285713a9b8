"""A request for a data set as an immutable value, read from JSON and written as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, Self

import msgspec
from django.utils.translation import gettext as _

from feira.core.augment.presets import PRESETS
from feira.core.augment.recipe import Recipe
from feira.core.augment.rule import ImageRule
from feira.shop.datasets.errors import BadRequestError
from feira.shop.datasets.kind_refusals import kind_refusal
from feira.shop.listings.selectors import ListingFilter
from feira.shop.search.candidates import MOST_NEAREST

LIVE = "live"
"""The model that answers when a request names none: the encoder that serves the shop."""

FORMATS = ("folder", "webdataset", "parquet", "imagefolder")
SPLITS = ("none", "seller", "time", "hash")
MOST_SIMILAR = MOST_NEAREST

SIMPLE_RECIPE = PRESETS["light"].changed(variants=3).as_json()

SplitBy = Literal["none", "seller", "time", "hash"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which listings: live ones that pass all of this.

    Attributes:
        category: path of slugs, as in `clothing/shoes`; what lies below it passes too.
        attributes: code of a choice attribute → values, of which one has to fit.
        words: as in search, strictly: every word has to be there, none with a minus before it.
        similar_to: number of a listing; only the `most_similar` that look most like it pass.
        published_since, published_until: with a time zone; the first passes, the last does not.
    """

    category: str = ""
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    conditions: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    seller: str = ""
    words: str = ""
    similar_to: int | None = None
    most_similar: int = 240
    published_since: datetime | None = None
    published_until: datetime | None = None

    def as_listing_filter(self) -> ListingFilter:
        """Return the part that search has a filter for."""
        return ListingFilter(
            category_path=self.category,
            seller_slug=self.seller,
            conditions=self.conditions,
            min_price=self.min_price,
            max_price=self.max_price,
            attributes=self.attributes,
            colours=self.colours,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """How the rows are divided; each listing is on one side as a whole.

    Attributes:
        by: `seller` keeps a seller's listings together, `time` puts the newest last, `hash` divides by chance that
            is the same every time.
        ratios: name of a side → its share; in order, they sum to 1.
        sides: the names in their order, by which `time` goes: an object of JSON has none, and PostgreSQL keeps none.
            Empty in what a person wrote: as they wrote it.
        seed: another one divides otherwise; `time` needs none.
    """

    by: SplitBy = "none"
    ratios: Mapping[str, float] = field(default_factory=lambda: {"train": 0.8, "validation": 0.1, "test": 0.1})
    sides: tuple[str, ...] = ()
    seed: int = 0

    def in_order(self) -> Self:
        """Return the same with the ratios in the order of the sides, where these name them all."""
        if sorted(self.sides) != sorted(self.ratios):
            return self
        return replace(self, ratios={name: self.ratios[name] for name in self.sides})


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """What a model adds: the classes it sees in every picture, its embeddings, or both."""

    model: str = LIVE
    classes: bool = True
    embeddings: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Everything that decides what is in a data set.

    Attributes:
        photos: `all` of a listing, or its `cover`.
        most_photos: fewer are drawn by a chance that is the same every time; None for all that pass.
        label: what a model shall learn: empty, `category`, `condition`, `attribute:CODE` or `tag:GROUP`.
        image: how files are sized and encoded, as `feira.core.augment.rule.ImageRule` reads it.
        augmentation: a recipe as `feira.core.augment.recipe.Recipe` reads it, with the number of variants; None: none.
        predictions: None for none.
        formats: of `FORMATS`.
    """

    filters: Filters = field(default_factory=Filters)
    photos: Literal["all", "cover"] = "all"
    most_photos: int | None = None
    label: str = "category"
    split: Split = field(default_factory=Split)
    image: Mapping[str, Any] = field(default_factory=dict)
    augmentation: Mapping[str, Any] | None = None
    predictions: Predictions | None = None
    formats: tuple[str, ...] = ("folder",)

    @property
    def rule(self) -> ImageRule:
        """How files are sized and encoded.

        Raises:
            InvalidRule: it is none; `checked` says so first.
        """
        return ImageRule.from_json(self.image)

    @property
    def recipe(self) -> Recipe | None:
        """How photos are augmented, None when they are not.

        Raises:
            InvalidRecipe: it is none; `checked` says so first.
        """
        return None if self.augmentation is None else Recipe.from_json(self.augmentation)

    @property
    def images_per_photo(self) -> int:
        """The photo itself and its augmented copies."""
        recipe = self.recipe
        return 1 if recipe is None else 1 + recipe.variants

    def to_json(self) -> dict[str, Any]:
        """Return plain values; `asked_from_json` reads them back."""
        return dict(msgspec.to_builtins(self))


def asked_from_json(given: Mapping[str, Any]) -> Asked:
    """Read what `Asked.to_json` returned, or what a person wrote in its form; whatever is left out has its default.

    `apply_augmentation` and `apply_model` are simple switches: on, they stand for `SIMPLE_RECIPE` and for classes by
    the live encoder where nothing else is asked for; off, they take away what is.

    Raises:
        BadRequestError: a field is unknown or has a value of another kind.
    """
    given = _switched(given)
    if unknown := _unknown(given):
        raise BadRequestError(
            {name: _("There is no field %(name)s. Take it out.") % {"name": repr(name)} for name in unknown}
        )
    try:
        asked = msgspec.convert(given, Asked, strict=True)
    except msgspec.ValidationError as error:
        what, _at, where = str(error).partition(" - at `")
        name = where.rstrip("`").removeprefix("$").lstrip(".") or "request"
        raise BadRequestError({name: f"{name}: {kind_refusal(what)}."}) from error
    return replace(asked, split=asked.split.in_order())


def _switched(given: Mapping[str, Any]) -> dict[str, Any]:
    plain = dict(given)
    switches = {"apply_augmentation": ("augmentation", SIMPLE_RECIPE), "apply_model": ("predictions", {})}
    for switch, (name, simple) in switches.items():
        match plain.pop(switch, None):
            case None:
                continue
            case True:
                plain[name] = simple if plain.get(name) is None else plain[name]
            case False:
                plain[name] = None
            case _:
                raise BadRequestError({switch: _("Say true or false.")})
    return plain


def _unknown(given: Mapping[str, Any]) -> list[str]:
    """Return the names of fields that nothing reads; a slip of the pen must not be passed over in silence."""
    nested: dict[str, Any] = {"filters": Filters, "split": Split, "predictions": Predictions}
    known = set(Asked.__dataclass_fields__)
    found = [name for name in given if name not in known]
    for name, kind in nested.items():
        inside = given.get(name)
        if isinstance(inside, Mapping):
            found += [f"{name}.{each}" for each in inside if each not in kind.__dataclass_fields__]
    return found
