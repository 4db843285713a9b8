"""A value of the wrong kind in a request, said in the language of whoever sent it.

msgspec tells it in English and in its own notation, as in "Expected `int | null`, got `str`".
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

KINDS: Final[Mapping[str, Any]] = {
    "int": gettext_lazy("a whole number"),
    "float": gettext_lazy("a number"),
    "decimal": gettext_lazy("a number"),
    "str": gettext_lazy("a text"),
    "bool": gettext_lazy("true or false"),
    "object": gettext_lazy("an object"),
    "array": gettext_lazy("a list"),
    "datetime": gettext_lazy("a date and time"),
    "null": gettext_lazy("null"),
}
_EXPECTED = re.compile(r"Expected `(?P<wanted>[^`]+)`, got `(?P<given>[^`]+)`")
_NO_CHOICE = re.compile(r"Invalid enum value '?(?P<given>.*?)'?")
_NO_MOMENT = re.compile(r"Invalid RFC3339 encoded datetime.*")
_NO_NUMBER = re.compile(r"Invalid decimal string")


def kind_refusal(text: str) -> str:
    """Return what is wrong with a value, as the rest of a sentence that begins with its name."""
    if found := _EXPECTED.fullmatch(text):
        wanted = _(" or ").join(_kind(name) for name in found["wanted"].split(" | "))
        return _("give %(wanted)s, not %(given)s") % {"wanted": wanted, "given": _kind(found["given"])}
    if found := _NO_CHOICE.fullmatch(text):
        return _("%(given)s is not one of the words it may be") % {"given": repr(found["given"])}
    if _NO_MOMENT.fullmatch(text):
        return _("give a date and time as in 2026-11-01T00:00:00Z")
    if _NO_NUMBER.fullmatch(text):
        return _("give %(wanted)s, not %(given)s") % {"wanted": KINDS["decimal"], "given": KINDS["str"]}
    return _("it cannot be used (%(reason)s)") % {"reason": text}


def _kind(name: str) -> str:
    return str(KINDS.get(name, name))
