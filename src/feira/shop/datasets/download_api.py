"""Fetching a data set: a signed address that expires, and the archive behind it, streamed."""

import re
from collections.abc import Iterator

from django.http import HttpResponse, StreamingHttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from feira.core.datasets.archive import ArchiveStream
from feira.shop.accounts.authentication import account_of
from feira.shop.datasets import archives, links, services
from feira.shop.datasets.api import DatasetApiView, found_dataset
from feira.shop.datasets.errors import NotReady
from feira.shop.datasets.models import Snapshot
from feira.shop.datasets.serializers import DownloadAskedSerializer, DownloadLinkSerializer, LinkAskedSerializer
from feira.shop.web.problems import problem_response

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class LinkView(DatasetApiView):
    """A signed address."""

    further_problems = ("403", "404", "409")

    @extend_schema(
        operation_id="link_dataset",
        summary="Make an address from which a data set may be fetched for a while",
        tags=["datasets"],
        request=LinkAskedSerializer,
        responses=DownloadLinkSerializer,
    )
    def post(self, request: Request, dataset_id: int) -> Response:
        """Sign an address in the name of who asks."""
        asked = LinkAskedSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        found = found_dataset(dataset_id)
        link = links.download_link(found, by=account_of(request), archive=asked.validated_data["archive"])
        return Response(DownloadLinkSerializer(link).data)


class DownloadView(APIView):
    """The archive behind a signed address; whoever has the address needs no token."""

    permission_classes = (AllowAny,)
    further_problems = ("403", "404", "409", "410", "416")

    @extend_schema(
        operation_id="download_dataset",
        summary="Fetch a data set as one archive",
        description="The address comes from `POST …/link/`. `Range` with one range goes on where a download broke off.",
        tags=["datasets"],
        parameters=[DownloadAskedSerializer],
        responses={
            (200, "application/zip"): OpenApiTypes.BINARY,
            (200, "application/x-tar"): OpenApiTypes.BINARY,
            (206, "application/zip"): OpenApiTypes.BINARY,
            (206, "application/x-tar"): OpenApiTypes.BINARY,
        },
    )
    def get(self, request: Request, dataset_id: int) -> HttpResponse | StreamingHttpResponse:
        """Stream the archive, or a part of it."""
        asked = DownloadAskedSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        links.check_link(request.user, dataset_id=dataset_id, **given)
        found = found_dataset(dataset_id)
        snapshot = found.snapshot
        if snapshot is None or snapshot.state != Snapshot.State.READY:
            raise NotReady(_("The files of this data set are not there any more. Ask for it again."))
        services.note_use(snapshot)
        name = archives.archive_name(snapshot)
        stream = archives.archive_of(snapshot, archive=given["archive"])
        return _streamed(request, stream, f"{name}.{given['archive']}")


def _streamed(request: Request, stream: ArchiveStream, name: str) -> HttpResponse | StreamingHttpResponse:
    size, etag = stream.size, f'"{stream.etag}"'
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": etag,
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "private, no-store",
        # A proxy that gathers a response before it passes it on would hold gigabytes.
        "X-Accel-Buffering": "no",
    }
    part = _range(request, size, etag)
    if part is None:
        headers["Content-Length"] = str(size)
        return StreamingHttpResponse(stream.chunks(), content_type=stream.media_type, headers=headers)
    start, stop = part
    if start >= size:
        detail = f"The archive has {size} bytes. Ask for a part of them, or for all."
        refused = problem_response(416, detail=detail, code="range_not_satisfiable", size=size)
        refused["Content-Range"] = f"bytes */{size}"
        return refused
    headers |= {"Content-Length": str(stop - start), "Content-Range": f"bytes {start}-{stop - 1}/{size}"}
    chunks: Iterator[bytes] = stream.chunks(start, stop)
    return StreamingHttpResponse(chunks, status=206, content_type=stream.media_type, headers=headers)


def _range(request: Request, size: int, etag: str) -> tuple[int, int] | None:
    """Return the part that is asked for, None for all of it: also when the archive has changed meanwhile."""
    asked = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    if asked is None or request.headers.get("If-Range", etag) != etag:
        return None
    start = int(asked[1][:19])
    last = int(asked[2][:19]) if asked[2] else size - 1
    return (start, min(last + 1, size)) if last >= start or start >= size else None
