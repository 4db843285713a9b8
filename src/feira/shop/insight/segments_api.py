"""Segments over the API, for staff with the permission."""

from collections.abc import Iterator
from typing import ClassVar

from django.http import HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from feira.core.errors import FeiraError
from feira.shop.feedback.api import CsvRenderer, FormatNegotiation
from feira.shop.insight.access import SEE_SEGMENTS
from feira.shop.insight.segment_exports import members_csv, segments_csv
from feira.shop.insight.segment_serializers import (
    MemberListSerializer,
    MembersAskedSerializer,
    MemberSerializer,
    SegmentationSerializer,
    SegmentListSerializer,
    SegmentsAskedSerializer,
    SegmentSerializer,
)
from feira.shop.insight.segmenting import current_segmentation
from feira.shop.insight.segments_shown import (
    LEAST_SHOWN,
    every_member,
    may_see_accounts,
    page_of_members,
    shown_segments,
)
from feira.shop.web.renderers import OrjsonRenderer

CSV = "text/csv"
PRIVATE = {"Cache-Control": "private, no-store"}


class SegmentTooSmall(FeiraError):
    """Members of so small a segment are nobody's business."""

    code = "segment_too_small"
    http_status = 403


class MaySeeSegments(BasePermission):
    """Lets staff through who may see segments."""

    def has_permission(self, request: Request, view: APIView) -> bool:  # noqa: ARG002 - fixed by DRF
        """Tell whether this account may see segments."""
        return bool(request.user.is_staff and request.user.has_perm(SEE_SEGMENTS))


class SegmentsApiView(APIView):
    """What segments' addresses have in common."""

    permission_classes = (IsAuthenticated, MaySeeSegments)
    renderer_classes = (OrjsonRenderer, CsvRenderer)
    content_negotiation_class = FormatNegotiation
    further_problems: ClassVar = ("403",)


class SegmentsView(SegmentsApiView):
    """The current segments."""

    @extend_schema(
        operation_id="segments",
        summary="List the segments of customers, the largest first",
        description=(
            "For staff with the permission `insight.view_segmentation`. `segmentation` is null until the service "
            "`segment-customers` has run. CSV has a row for each segment, with the mean of each figure."
        ),
        tags=["segments"],
        parameters=[SegmentsAskedSerializer],
        responses={(200, "application/json"): SegmentListSerializer, (200, CSV): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> HttpResponseBase:
        """Answer with all of them: there are eight at most."""
        SegmentsAskedSerializer(data=request.query_params).is_valid(raise_exception=True)
        current = current_segmentation()
        shown = shown_segments(current) if current else []
        if request.accepted_renderer.format == "csv":
            return _csv(segments_csv(shown), "segments.csv")
        about = SegmentationSerializer(current).data if current else None
        body = {"segmentation": about, "segments": SegmentSerializer(shown, many=True).data}
        return Response(body, headers=PRIVATE)


class SegmentMembersView(SegmentsApiView):
    """Who is in a segment."""

    @extend_schema(
        operation_id="segment_members",
        summary="List the members of a segment",
        description=(
            "In no order. Numbers and names of accounts are for those with the permission `accounts.view_account`; "
            "others get pseudonyms, which stay the same from run to run. Of a segment with fewer than "
            f"{LEAST_SHOWN} people no members are told. JSON comes in pages, CSV as a whole."
        ),
        tags=["segments"],
        parameters=[MembersAskedSerializer],
        responses={(200, "application/json"): MemberListSerializer, (200, CSV): OpenApiTypes.STR},
    )
    def get(self, request: Request, number: int) -> HttpResponseBase:
        """Answer with a page, or with a stream of CSV."""
        asked = MembersAskedSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        current = current_segmentation()
        found = shown_segments(current, only=min(number, 2**15 - 1)) if current else []
        if not found:
            raise NotFound
        if found[0].is_small:
            raise SegmentTooSmall(
                f"The segment has fewer than {LEAST_SHOWN} people, who could be recognised. Ask for a larger one."
            )
        by_name = may_see_accounts(request.user)
        if request.accepted_renderer.format == "csv":
            members = every_member(found[0].segment, by_name=by_name)
            return _csv(members_csv(members, by_name=by_name), f"segment-{number}.csv")
        page = page_of_members(found[0].segment, by_name=by_name, cursor=asked.validated_data.get("after"))
        body = {"results": MemberSerializer(page.rows, many=True).data, "next_cursor": page.next_cursor}
        return Response(body, headers=PRIVATE)


def _csv(content: Iterator[bytes], name: str) -> StreamingHttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', **PRIVATE}
    return StreamingHttpResponse(content, content_type=CSV, headers=headers)
