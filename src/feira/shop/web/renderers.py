"""JSON out of the API by orjson."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import orjson
from django.utils.functional import Promise
from rest_framework.renderers import BaseRenderer


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal | Promise):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, list | tuple):
        return list(value)
    raise TypeError(f"cannot write {type(value).__name__} as JSON")


def as_json(data: Any) -> bytes:
    """Return the UTF-8 JSON text of an answer: decimals and lazy texts become strings."""
    try:
        return orjson.dumps(data, default=_plain, option=orjson.OPT_NON_STR_KEYS)
    except orjson.JSONEncodeError:
        # A refusal may quote what was sent: half a surrogate pair or a number of 30 digits, which orjson cannot write.
        return json.dumps(data, default=_plain).encode()


class OrjsonRenderer(BaseRenderer):
    """Writes decimals as strings, so that no price is ever a binary float."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,  # noqa: ARG002 - fixed by DRF
        renderer_context: Mapping[str, Any] | None = None,  # noqa: ARG002
    ) -> bytes:
        """Return the UTF-8 JSON text of `data`; nothing for a 204."""
        return b"" if data is None else as_json(data)
