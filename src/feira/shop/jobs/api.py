"""The ledger and the services over the API: members see the work that they asked for, staff with the permission all."""

import hashlib
import json
from typing import Any, ClassVar, TypeVar

from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Model, QuerySet
from django.http import Http404
from django.urls import NoReverseMatch, reverse
from django.utils.datastructures import MultiValueDict
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from feira.shop.jobs import ledger
from feira.shop.jobs.models import Job
from feira.shop.jobs.moving import cancel_all, retry_all
from feira.shop.jobs.offered import BadOptions, Service, form_of, get_service, offered, start
from feira.shop.jobs.serializers import (
    ItemsAskedSerializer,
    JobItemListSerializer,
    JobItemSerializer,
    JobLineListSerializer,
    JobLineSerializer,
    JobListSerializer,
    JobsAskedSerializer,
    JobSerializer,
    PageAskedSerializer,
    ServiceListSerializer,
    ServiceSerializer,
    WholeJobSerializer,
    options_of,
)
from feira.shop.web.cursors import InvalidCursor, decode_cursor, encode_cursor
from feira.shop.web.idempotency import IDEMPOTENCY_PARAMETER, answer_once, first_answer
from feira.shop.web.parsers import BoundedJsonParser

Row = TypeVar("Row", bound=Model)


class JobsView(APIView):
    """The ledger."""

    further_problems: ClassVar = ("400",)

    @extend_schema(
        operation_id="jobs",
        summary="List jobs, the newest first",
        description="Those that you asked for; staff with the permission `jobs.view_job` see all of them.",
        tags=["jobs"],
        parameters=[JobsAskedSerializer],
        responses=JobListSerializer,
    )
    def get(self, request: Request) -> Response:
        """Answer with a page."""
        asked = JobsAskedSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        found = ledger.wanted_jobs(ledger.jobs_visible_to(request.user), asked.wanted())
        rows, cursor = _page(found.defer("payload", "result"), asked.validated_data, newest_first=True)
        return Response({"results": JobSerializer(rows, many=True).data, "next_cursor": cursor})


class JobView(APIView):
    """One job."""

    @extend_schema(operation_id="job", summary="Show a job", tags=["jobs"], responses=WholeJobSerializer)
    def get(self, request: Request, job_id: int) -> Response:
        """Answer with everything about it but its items and lines, which have lists of their own."""
        return Response(whole_job(_found(request, job_id)))


class JobItemsView(APIView):
    """What a job does one by one."""

    @extend_schema(
        operation_id="job_items",
        summary="List the items of a job",
        tags=["jobs"],
        parameters=[ItemsAskedSerializer],
        responses=JobItemListSerializer,
    )
    def get(self, request: Request, job_id: int) -> Response:
        """Answer with a page, in the order in which they were planned."""
        job = _found(request, job_id)
        asked = ItemsAskedSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        found = ledger.items_of(job)
        if state := asked.validated_data.get("state"):
            found = found.filter(state=state)
        rows, cursor = _page(found, asked.validated_data)
        return Response({"results": JobItemSerializer(rows, many=True).data, "next_cursor": cursor})


class JobLinesView(APIView):
    """What a job has written about its work."""

    @extend_schema(
        operation_id="job_lines",
        summary="Read the log of a job",
        description="`next_cursor` is there at the end as well: asked again with it, later lines come.",
        tags=["jobs"],
        parameters=[PageAskedSerializer],
        responses=JobLineListSerializer,
    )
    def get(self, request: Request, job_id: int) -> Response:
        """Answer with a page, the oldest first."""
        job = _found(request, job_id)
        asked = PageAskedSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        rows, _more = _page(ledger.lines_of(job), asked.validated_data)
        cursor = encode_cursor(rows[-1].pk) if rows else asked.validated_data.get("after")
        return Response({"results": JobLineSerializer(rows, many=True).data, "next_cursor": cursor})


class CancelJobView(APIView):
    """Calling a job off."""

    @extend_schema(
        operation_id="cancel_job",
        summary="Cancel a job",
        description=(
            "And the jobs that came of it. A running one stops between two items; what it has finished stays."
        ),
        tags=["jobs"],
        request=None,
        responses=WholeJobSerializer,
    )
    def post(self, request: Request, job_id: int) -> Response:
        """Call it off, if it has not ended."""
        job = _movable(request, job_id)
        cancel_all(job)
        return Response(whole_job(_found(request, job_id)))


class RetryJobView(APIView):
    """Letting a job go on."""

    @extend_schema(
        operation_id="retry_job",
        summary="Let a failed or cancelled job go on with what is missing",
        description=(
            "And the jobs that came of it. A job that failed because of another is opened by opening that one, which "
            "is the answer then."
        ),
        tags=["jobs"],
        request=None,
        responses=WholeJobSerializer,
    )
    def post(self, request: Request, job_id: int) -> Response:
        """Open it again, with all its attempts."""
        job = _movable(request, job_id)
        cause = ledger.job_visible_to(request.user, job.failed_for) if job.failed_for else job
        if cause is None or not ledger.may_move(request.user, cause):
            raise PermissionDenied
        return Response(whole_job(retry_all(job)))


class ServicesView(APIView):
    """What may be started."""

    further_problems: ClassVar = ("403",)

    @extend_schema(operation_id="services", summary="List the services", tags=["jobs"], responses=ServiceListSerializer)
    def get(self, request: Request) -> Response:
        """Answer with all of them and their options."""
        if not ledger.may_see_every_job(request.user):
            raise PermissionDenied
        shown = [_shown(service, request.user) for service in offered()]
        return Response({"results": ServiceSerializer(shown, many=True).data})


class StartServiceView(APIView):
    """Starting one."""

    parser_classes = (BoundedJsonParser, MultiPartParser)

    @extend_schema(
        operation_id="start_service",
        summary="Start a service",
        description=(
            "The options stand in `GET /api/v1/services/`. Files are sent as a multipart form. Answers with the job, "
            "which may be one that is under way already."
        ),
        tags=["jobs"],
        parameters=[IDEMPOTENCY_PARAMETER],
        request={"application/json": OpenApiTypes.OBJECT, "multipart/form-data": OpenApiTypes.OBJECT},
        responses={201: WholeJobSerializer},
    )
    def post(self, request: Request, name: str) -> Response:
        """Ask for the work."""
        service = _startable(request, name)
        given, files = _options(request)
        content = _content(given, files)
        if (known := first_answer(request, content)) is not None:
            return known

        def work() -> dict[str, Any]:
            try:
                started = start(service, form_of(service, given, files), requested_by=request.user.pk)
            except BadOptions as error:
                raise ValidationError(error.facts["errors"]) from error
            return whole_job(started.job)

        return answer_once(request, content, work)


def whole_job(job: Job) -> dict[str, Any]:
    """Return everything about a job but its items and lines."""
    return dict(WholeJobSerializer(job).data)


def _found(request: Request, job_id: int) -> Job:
    job = ledger.job_visible_to(request.user, job_id)
    if job is None:
        raise Http404
    return job


def _movable(request: Request, job_id: int) -> Job:
    job = _found(request, job_id)
    if not ledger.may_move(request.user, job):
        raise PermissionDenied
    return job


def _startable(request: Request, name: str) -> Service:
    """Return a service that this account may start; one that it may not see is not there for it."""
    if not ledger.may_see_every_job(request.user):
        raise PermissionDenied
    service = get_service(name)
    if not ledger.may_start(request.user, service.permission):
        raise PermissionDenied
    return service


def _options(request: Request) -> tuple[dict[str, Any], dict[str, UploadedFile[Any]] | None]:
    """Return what was sent: options by name, and files.

    Raises:
        ValidationError: the body is no object.
    """
    data: Any = request.data
    if isinstance(data, MultiValueDict):
        given = {name: data.getlist(name) if len(data.getlist(name)) > 1 else data[name] for name in data}
        files = dict(request.FILES.items())
        return {name: value for name, value in given.items() if name not in files}, files
    if not isinstance(data, dict):
        raise ValidationError(["The body must be a JSON object of options."])
    return dict(data), None


def _content(given: dict[str, Any], files: dict[str, UploadedFile[Any]] | None) -> bytes:
    """Return what was sent in a form by which a repeated request is known."""
    digests = {}
    for name, file in (files or {}).items():
        digests[name] = hashlib.sha256(file.read()).hexdigest()
        file.seek(0)
    return json.dumps([given, digests], sort_keys=True).encode()


def _shown(service: Service, person: Any) -> dict[str, Any]:
    try:
        page = reverse(service.page) if service.page else None
    except NoReverseMatch:
        page = None
    return {
        "name": service.name,
        "title": service.title,
        "describes": service.describes,
        "group": service.group,
        "kind": service.kind,
        "permission": service.permission,
        "may_start": ledger.may_start(person, service.permission),
        "page": page,
        "options": list(options_of(service)) if page is None else [],
    }


def _page(found: QuerySet[Row], asked: dict[str, Any], *, newest_first: bool = False) -> tuple[list[Row], str | None]:
    """Return one page by number and the cursor of the next, None at the end."""
    if cursor := asked.get("after"):
        (last,) = decode_cursor(cursor, length=1)
        if not isinstance(last, int) or abs(last) > ledger.MOST_ROW_ID:
            raise InvalidCursor("The cursor belongs to another list. Start again from the first page.")
        found = found.filter(pk__lt=last) if newest_first else found.filter(pk__gt=last)
    rows = list(found[: asked["limit"] + 1])
    page = rows[: asked["limit"]]
    return page, encode_cursor(page[-1].pk) if len(rows) > len(page) else None
