"""Reading the bodies of requests: JSON that everything behind can hold."""

import json
from collections.abc import Mapping
from typing import IO, Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import JSONParser

DEEPEST = 32


class BoundedJsonParser(JSONParser):
    """Reads JSON; refuses what is nested without end and texts that no database takes."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the value.

        Raises:
            ParseError: it is no JSON, has more than `DEEPEST` levels, or holds half a character: a lone surrogate,
                which JSON can write and UTF-8 cannot.
            ValidationError: half a character stands in a field, which it names.
        """
        try:
            value = super().parse(stream, media_type, parser_context)
        except RecursionError as error:
            raise _too_deep() from error
        if _is_deeper_than(DEEPEST, value):
            raise _too_deep()
        if not _is_whole(value):
            problem = _("A text holds half a character (a lone surrogate). Send whole characters.")
            fields = value.items() if isinstance(value, dict) else ()
            wrong = {name: [problem] for name, held in fields if _is_whole(name) and not _is_whole(held)}
            raise ValidationError(wrong) if wrong else ParseError(problem)
        return value


def _is_whole(value: Any) -> bool:
    """Tell whether every text in a value is one that UTF-8 can write."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _too_deep() -> ParseError:
    return ParseError(_("The JSON has more than %(most)s levels. Send it less nested.") % {"most": DEEPEST})


def _is_deeper_than(most: int, value: Any) -> bool:
    """Tell whether lists and objects stand in each other more than `most` times; takes one step per value."""
    level = [value]
    for _level in range(most + 1):
        level = [
            child
            for each in level
            if isinstance(each, dict | list)
            for child in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return False
    return True
