"""Feedback from programs, and figures for the ML team."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.permissions import AllowAny, BasePermission, IsAuthenticated
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from feira.shop.feedback.entries import read_entries, reports_of
from feira.shop.feedback.exports import as_csv, as_json, as_parquet
from feira.shop.feedback.people import person_of
from feira.shop.feedback.selectors import may_download_feedback
from feira.shop.feedback.serializers import (
    AnalyticsAskedSerializer,
    AnalyticsSerializer,
    FeedbackAnswerSerializer,
    FeedbackAskedSerializer,
    FeedbackSerializer,
)
from feira.shop.feedback.services import take_feedback
from feira.shop.feedback.statistics import Period, QueryFigures, query_figures
from feira.shop.feedback.throttles import FeedbackThrottle
from feira.shop.web.renderers import OrjsonRenderer

PARQUET = "application/vnd.apache.parquet"


class FeedbackView(APIView):
    """What is right and wrong for queries, from anyone."""

    permission_classes = (AllowAny,)
    throttle_classes = (FeedbackThrottle,)

    @extend_schema(
        operation_id="give_feedback",
        summary="Say which listings answer a query and which do not",
        description=(
            "Listings are named by number, title, or the name of their record or picture where they were imported "
            "from. Each entry is checked by itself: names that lead nowhere or to several listings are reported and "
            "the rest counts, from the next search on. Saying the same again renews it."
        ),
        tags=["feedback"],
        request=FeedbackAskedSerializer,
        responses=FeedbackAnswerSerializer,
    )
    def post(self, request: Request) -> Response:
        """Keep what can be kept and report about each entry."""
        given = FeedbackSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        entries = read_entries(given.validated_data["feedback"])
        kept = take_feedback(
            [entry for entry in entries if not isinstance(entry, str)], person=person_of(request), visitor=request.user
        )
        results = reports_of(entries, kept)
        return Response({"accepted": sum(each["accepted"] for each in results), "results": results})


class CsvRenderer(OrjsonRenderer):
    """Names CSV in the choice of a format; the view writes it, and problems stay JSON."""

    media_type = "text/csv"
    format = "csv"


class ParquetRenderer(OrjsonRenderer):
    """Names Parquet in the choice of a format; the view writes it, and problems stay JSON."""

    media_type = PARQUET
    format = "parquet"


class FormatNegotiation(DefaultContentNegotiation):
    """Refuses an unknown `format=` as not acceptable: the address is there, whatever the format."""

    def filter_renderers(self, renderers: Sequence[BaseRenderer], format: str) -> list[BaseRenderer]:  # type: ignore[override] # noqa: A002
        """Return the renderers of this format.

        Raises:
            NotAcceptable: there is none.
        """
        found = [renderer for renderer in renderers if renderer.format == format]
        if not found:
            known = ", ".join(str(renderer.format) for renderer in renderers)
            raise NotAcceptable(f"`format` is one of {known}.")
        return found


class MayDownloadFeedback(BasePermission):
    """Lets the ML team through: whoever has the permission, by a team, or as an administrator."""

    def has_permission(self, request: Request, view: APIView) -> bool:  # noqa: ARG002 - fixed by DRF
        """Tell whether this account may read the figures."""
        return may_download_feedback(request.user)


class AnalyticsView(APIView):
    """Feedback and click statistics."""

    permission_classes = (IsAuthenticated, MayDownloadFeedback)
    renderer_classes = (OrjsonRenderer, CsvRenderer, ParquetRenderer)
    content_negotiation_class = FormatNegotiation
    further_problems = ("403",)

    @extend_schema(
        operation_id="analytics",
        summary="Download what people judged and clicked, per query and listing",
        description=(
            "For accounts of the ML team. `format=` or `Accept` choose JSON, CSV or Parquet; rows are streamed. "
            "`weighted_ctr` takes into account that what stands first is looked at more."
        ),
        tags=["feedback"],
        parameters=[AnalyticsAskedSerializer],
        responses={
            (200, "application/json"): AnalyticsSerializer,
            (200, "text/csv"): OpenApiTypes.STR,
            (200, PARQUET): OpenApiTypes.BINARY,
        },
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """Answer with a stream."""
        asked = AnalyticsAskedSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        period = Period(given.get("since"), given.get("until"))
        found = query_figures(period, key=given.get("query"))
        chosen = request.accepted_renderer
        write = _WRITERS[chosen.format]
        name = f'attachment; filename="feedback.{chosen.format}"'
        headers = {} if chosen.format == "json" else {"Content-Disposition": name}
        return StreamingHttpResponse(write(found, period), content_type=chosen.media_type, headers=headers)


_WRITERS: dict[str, Callable[[Iterable[QueryFigures], Period], Iterator[bytes]]] = {
    "json": as_json,
    "csv": lambda found, _period: as_csv(found),
    "parquet": lambda found, _period: as_parquet(found),
}
