"""The records of all listings as one stream, for the ML team."""

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from feira.shop.datasets.api import DatasetApiView
from feira.shop.datasets.listing_lines import listing_lines

JSON_LINES = "application/x-ndjson"


class ListingLinesAskedSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Which listings."""

    category = serializers.CharField(required=False, max_length=400, help_text="Path of slugs, as in `clothing/shoes`.")
    published_since = serializers.DateTimeField(required=False)


class ListingLinesView(DatasetApiView):
    """Listings as JSON Lines."""

    @extend_schema(
        operation_id="listing_lines",
        summary="Read what is said about every live listing, a line of JSON for each",
        description=(
            "For those who want texts, prices and labels without pictures, or all there is. Streamed, by ascending "
            "number; sellers are pseudonyms, photos are named by the SHA-256 of their bytes."
        ),
        tags=["datasets"],
        parameters=[ListingLinesAskedSerializer],
        responses={(200, JSON_LINES): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """Answer with a stream."""
        asked = ListingLinesAskedSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        headers = {
            "Content-Disposition": 'attachment; filename="listings.jsonl"',
            "Cache-Control": "private, no-store",
            # A proxy that gathers a response before it passes it on would make people wait.
            "X-Accel-Buffering": "no",
        }
        return StreamingHttpResponse(listing_lines(**asked.validated_data), content_type=JSON_LINES, headers=headers)
