"""Whether a request makes sense, told before any work: by field, with what to change."""

import math
import re
from collections.abc import Iterator
from dataclasses import replace

from django.utils.translation import gettext as _

from feira.core.augment.fields import InvalidField
from feira.core.datasets.canonical import rounded
from feira.core.errors import EngineUnavailable
from feira.shop.datasets import checkpoints
from feira.shop.datasets.asked import FORMATS, LIVE, MOST_SIMILAR, Asked, Predictions
from feira.shop.datasets.errors import BadRequestError
from feira.shop.datasets.recipe_refusals import refusal_of
from feira.shop.listings.models import Attribute, Category, Listing, ListingTag
from feira.shop.listings.tags import COLOURS
from feira.shop.photos.engine import engine

Fault = tuple[str, str]
MOST_SIDES = 10
_SIDE = re.compile(r"[a-z][a-z0-9_]{0,29}")


def checked(asked: Asked) -> Asked:
    """Return the request in its canonical form: equal wishes are equal values.

    Raises:
        BadRequestError: something cannot be done; `errors` says what, by field.
    """
    faults = dict([*_filters(asked), *_labels(asked), *_split(asked), *_pictures(asked), *_predictions(asked)])
    if not asked.formats or any(each not in FORMATS for each in asked.formats):
        faults["formats"] = _("Choose one or several of %(known)s.") % {"known": ", ".join(FORMATS)}
    if "imagefolder" in asked.formats and not asked.label:
        faults["label"] = _("The format imagefolder names its folders by label. Choose a label, or another format.")
    if asked.most_photos is not None and asked.most_photos < 1:
        faults["most_photos"] = _("Give a number from 1, or leave it out for all photos.")
    if faults:
        raise BadRequestError(faults)
    recipe, filters = asked.recipe, asked.filters
    return replace(
        asked,
        filters=replace(
            filters,
            category=filters.category.strip("/"),
            words=" ".join(filters.words.split()),
            attributes={code: tuple(sorted(set(filters.attributes[code]))) for code in sorted(filters.attributes)},
            conditions=tuple(each for each in Listing.Condition.values if each in filters.conditions),
            colours=tuple(each for each in COLOURS if each in filters.colours),
        ),
        split=replace(
            asked.split,
            ratios={name: rounded(each) for name, each in asked.split.ratios.items()},
            sides=() if asked.split.by == "none" else tuple(asked.split.ratios),
        ),
        image=asked.rule.as_json(),
        augmentation=None if recipe is None else recipe.as_json(),
        formats=tuple(each for each in FORMATS if each in asked.formats),
    )


def resolved_model(asked: Asked) -> Predictions | None:
    """Return the predictions with the model they will be made by: its id, not what it is called today.

    Raises:
        EngineUnavailable: nobody can say right now which encoder serves.
    """
    wanted = asked.predictions
    if wanted is None or checkpoints.is_checkpoint(wanted.model):
        return wanted
    status = engine().status()
    if wanted.model == LIVE:
        return replace(wanted, model=status.encoder_id)
    for one in status.encoders:
        if wanted.model in (one.name, one.encoder_id):
            return replace(wanted, model=one.encoder_id)
    return None


def _filters(asked: Asked) -> Iterator[Fault]:
    filters = asked.filters
    path = filters.category.strip("/")
    if path and not Category.objects.filter(path=path).exists():
        text = _("There is no category %(name)s. Choose one of the shop's, such as clothing/shoes.")
        yield "filters.category", text % {"name": repr(path)}
    codes = set(filters.attributes)
    if unknown := sorted(codes - set(Attribute.objects.filter(code__in=codes).values_list("code", flat=True))):
        yield "filters.attributes", _no_attribute(unknown[0])
    if wrong := sorted(set(filters.conditions) - set(Listing.Condition.values)):
        text = _("There is no condition %(name)s. Choose from %(known)s.")
        yield "filters.conditions", text % {"name": repr(wrong[0]), "known": ", ".join(Listing.Condition.values)}
    if wrong := sorted(set(filters.colours) - set(COLOURS)):
        text = _("There is no colour %(name)s. Choose from %(known)s.")
        yield "filters.colours", text % {"name": repr(wrong[0]), "known": ", ".join(COLOURS)}
    if filters.min_price is not None and filters.max_price is not None and filters.min_price > filters.max_price:
        yield "filters.max_price", _("The highest price is below the lowest. Swap them.")
    since, until = filters.published_since, filters.published_until
    if any(at is not None and at.tzinfo is None for at in (since, until)):
        yield "filters.published_since", _("Give dates with a time zone, as in 2026-11-01T00:00:00Z.")
    elif since is not None and until is not None and since >= until:
        yield "filters.published_until", _("The end is not after the beginning. Swap them.")
    if not 1 <= filters.most_similar <= MOST_SIMILAR:
        yield "filters.most_similar", _("Give a number from 1 to %(most)s.") % {"most": MOST_SIMILAR}
    if any("\0" in text for text in (filters.category, filters.seller, filters.words)):
        yield "filters", _("Texts hold a character that no text has. Take it out.")


def _labels(asked: Asked) -> Iterator[Fault]:
    kind, colon, name = asked.label.partition(":")
    if asked.label in ("", "category", "condition"):
        return
    if kind == "attribute" and colon:
        if not Attribute.objects.filter(code=name).exists():
            yield "label", _no_attribute(name)
    elif kind == "tag" and colon:
        if not ListingTag.objects.filter(group=name, removed_at__isnull=True).exists():
            yield "label", _("No listing has a tag of the group %(name)s. Try tag:colour.") % {"name": repr(name)}
    else:
        yield "label", _("A label is category, condition, attribute:CODE or tag:GROUP; empty for none.")


def _no_attribute(code: str) -> str:
    text = _("There is no attribute %(name)s. Choose one that listings of this shop have.")
    return text % {"name": repr(code)}


def _split(asked: Asked) -> Iterator[Fault]:
    ratios = asked.split.ratios
    if asked.split.by == "none":
        return
    if not 2 <= len(ratios) <= MOST_SIDES or not all(_SIDE.fullmatch(name) for name in ratios):
        text = _("Name two to %(most)s sides in small letters, such as train and test.")
        yield "split.ratios", text % {"most": MOST_SIDES}
    elif (
        not all(math.isfinite(share) and share > 0 for share in ratios.values()) or abs(sum(ratios.values()) - 1) > 1e-6
    ):
        yield "split.ratios", _("The shares have to be above 0 and to sum to 1, as in train 0.8, test 0.2.")
    elif asked.split.sides and sorted(asked.split.sides) != sorted(ratios):
        yield "split.sides", _("Name each side of the ratios once, in their order, or leave this out.")


def _pictures(asked: Asked) -> Iterator[Fault]:
    try:
        _rule = asked.rule
    except InvalidField as error:
        yield f"image.{error.field}", refusal_of(error)
    try:
        _recipe = asked.recipe
    except InvalidField as error:
        yield "augmentation", refusal_of(error)


def _predictions(asked: Asked) -> Iterator[Fault]:
    wanted = asked.predictions
    if wanted is None:
        return
    if not (wanted.classes or wanted.embeddings):
        yield "predictions", _("Ask for classes, for embeddings or for both; or for no predictions.")
    elif checkpoints.is_checkpoint(wanted.model):
        if problem := checkpoints.problem_with(wanted.model):
            yield "predictions.model", problem
    else:
        try:
            if resolved_model(asked) is None:
                known = ", ".join([LIVE, *(one.name for one in engine().status().encoders)])
                text = _("No model %(name)s serves here. Choose one of %(known)s.")
                yield "predictions.model", text % {"name": repr(wanted.model), "known": known}
        except EngineUnavailable:
            # The job waits for the engine; a person should not have to.
            return
