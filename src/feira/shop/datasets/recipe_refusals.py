"""What is wrong with a recipe or an image rule, in the language of whoever gave it.

Core tells it as facts and in English; here the same sentences are made of the facts.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from feira.core.augment.expects import Expects
from feira.core.augment.fields import InvalidField, InvalidRecipe, InvalidRule

Facts = Mapping[str, Any]

UNITS: Final[Mapping[str, Any]] = {
    "degrees": gettext_lazy("degrees"),
    "pixels": gettext_lazy("pixels"),
    "levels of 255": gettext_lazy("levels of 255"),
}


@contextmanager
def refusing_in_the_readers_language() -> Iterator[None]:
    """Let refusals of recipes and image rules go on with their message in the language of the request."""
    try:
        yield
    except InvalidField as error:
        error.message = refusal_of(error)
        raise


def refusal_of(error: InvalidField) -> str:
    """Return a sentence on what is wrong and what may be given."""
    return _("%(complaint)s; give %(allowed)s.") % {"complaint": _complaint(error), "allowed": allowed(error.expects)}


def allowed(expects: Expects) -> str:
    """Return what may be given, as the end of a sentence."""
    return _ALLOWED[expects.code](expects.facts)


def _complaint(error: InvalidField) -> str:
    about = {"field": error.field, "given": error.given or _("missing")}
    if isinstance(error, InvalidRecipe) and error.place is not None:
        return _("Operation %(number)s of the recipe: %(complaint)s") % {
            "number": error.place + 1 if error.operation is None else f"{error.place + 1} ({error.operation})",
            "complaint": _of_operation(error) % about,
        }
    return _of_whole(error) % about


def _of_operation(error: InvalidRecipe) -> str:
    if error.complaint == "kind":
        return _("it is something else")
    return _("`%(field)s` is no field of it") if error.complaint == "unknown" else _("`%(field)s` is %(given)s")


def _of_whole(error: InvalidField) -> str:
    if error.complaint == "json":
        return _("The recipe is no JSON")
    if isinstance(error, InvalidRule):
        if error.complaint == "kind":
            return _("The image rule is something else")
        is_unknown = error.complaint == "unknown"
        return (
            _("`%(field)s` is no field of an image rule")
            if is_unknown
            else _("`%(field)s` of the image rule is %(given)s")
        )
    if error.complaint == "unknown":
        return _("`%(field)s` is no field of a recipe")
    if error.complaint == "value":
        return _("`%(field)s` of the recipe is %(given)s")
    return (
        _("The recipe is something else") if error.field == "recipe" else _("`%(field)s` is missing or something else")
    )


def _bounds(facts: Facts) -> dict[str, str]:
    unit = facts.get("unit", "")
    return {
        "least": _number(facts["least"]),
        "most": f"{_number(facts['most'])}{f' {UNITS.get(unit, unit)}' if unit else ''}",
    }


def _number(number: float) -> str:
    """Return a number as a recipe writes it in JSON: with a point, whatever the language."""
    return number_format(number, use_l10n=False)


def _names(facts: Facts) -> dict[str, str]:
    return {"names": ", ".join(facts["names"])}


_ALLOWED: Final[Mapping[str, Callable[[Facts], str]]] = {
    "range": lambda facts: (
        _("two numbers from %(least)s to %(most)s, the lower one first, or one such number") % _bounds(facts)
    ),
    "whole_range": lambda facts: (
        _("two whole numbers from %(least)s to %(most)s, the lower one first, or one such number") % _bounds(facts)
    ),
    "number": lambda facts: _("a number from %(least)s to %(most)s") % _bounds(facts),
    "whole": lambda facts: _("a whole number from %(least)s to %(most)s") % _bounds(facts),
    "whole_or_null": lambda facts: _("a whole number from %(least)s to %(most)s, or null") % _bounds(facts),
    "only_number": lambda facts: _("the number %(number)s") % facts,
    "one_of": lambda facts: _("one of %(names)s") % _names(facts),
    "some_of": lambda facts: _("some of %(names)s") % _names(facts),
    "object_of": lambda facts: _("an object with some of %(names)s") % _names(facts),
    "operation": lambda facts: _("an object such as %(example)s") % facts,
    "operations": lambda facts: (
        ngettext("a list of at most %(most)s operation", "a list of at most %(most)s operations", facts["most"]) % facts
    ),
    "recipe": lambda _facts: _("an object with `operations`"),
    "recipe_json": lambda _facts: _("a JSON object with `operations`"),
    "null_for_original": lambda _facts: _("null where `fit` is original"),
}
