"""JSON into the API, in bounded amounts."""

from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.parsers import JSONParser

from feira.core.errors import FeiraError


class BodyTooLarge(FeiraError):
    """The request's body has more bytes than are read."""

    code = "body_too_large"
    http_status = 413


class BoundedJSONParser(JSONParser):
    """Reads no more than Django reads of a form; DRF's own parser takes whatever comes, from guests too."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the parsed body.

        Raises:
            BodyTooLarge: it is longer than DATA_UPLOAD_MAX_MEMORY_SIZE.
        """
        length = parser_context["request"].META.get("CONTENT_LENGTH", "") if parser_context else ""
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if length.isdigit() and int(length) > most:
            raise BodyTooLarge(f"The request has {length} bytes; at most {most} are read.", max_bytes=most)
        return super().parse(stream, media_type, parser_context)
