"""Own photos over the API: sent one by one, then placed on listings."""

from typing import Any

from django.http import Http404
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView

from feira.shop.accounts.authentication import account_of
from feira.shop.photos.models import Photo
from feira.shop.photos.selectors import photos_owned_by, rendition_url
from feira.shop.photos.serializers import PhotoSerializer, UploadSerializer
from feira.shop.photos.services import prepare_photo, take_prepared_photo
from feira.shop.photos.uploads import refuse_large_body, upload_content
from feira.shop.web.idempotency import IDEMPOTENCY_PARAMETER, answer_once, first_answer


class PhotosView(APIView):
    """Taking photos."""

    parser_classes = (MultiPartParser,)
    throttle_classes = (ScopedRateThrottle,)
    throttle_scope = "uploads"

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse a body that is too large before anything reads it."""
        refuse_large_body(request)
        super().initial(request, *args, **kwargs)

    @extend_schema(
        operation_id="upload_photo",
        summary="Send a photo",
        description=(
            "The photo is turned upright, stripped of its metadata and shown in WebP; its bytes are kept privately. "
            "It is seen by nobody else until it stands on a published listing. A refusal (422) carries a `reason` "
            "such as `truncated` or `too_many_pixels`."
        ),
        tags=["photos"],
        parameters=[IDEMPOTENCY_PARAMETER],
        request={"multipart/form-data": UploadSerializer},
        responses={201: PhotoSerializer},
    )
    def post(self, request: Request) -> Response:
        """Keep the photo and answer with its renditions."""
        given = UploadSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        content = upload_content(given.validated_data["photo"])
        repeated = first_answer(request, content)
        if repeated is not None:
            return repeated
        # Outside the transaction: decoding may take seconds, and SQLite has one writer.
        prepared = prepare_photo(content)
        response = answer_once(
            request,
            content,
            lambda: photo_body(take_prepared_photo(prepared, content=content, owner=account_of(request))),
        )
        response["Location"] = reverse("api:photo", args=[response.data["id"]])
        return response


class PhotoView(APIView):
    """One own photo."""

    @extend_schema(operation_id="photo", summary="Read an own photo", tags=["photos"], responses=PhotoSerializer)
    def get(self, request: Request, photo_id: int) -> Response:
        """Answer with the photo; one that somebody else sent is not found."""
        found = photos_owned_by(account_of(request), [photo_id])
        if not found:
            raise Http404
        return Response(photo_body(found[0]))


def photo_body(photo: Photo) -> dict[str, Any]:
    """Return an own photo as the API shows it."""
    plain = ("id", "format", "byte_size", "width", "height", "tint", "is_public", "created_at")
    return {
        **{name: getattr(photo, name) for name in plain},
        "renditions": {
            name: {
                "url": rendition_url(photo.pk, name, rendition["digest"]),
                "width": rendition["width"],
                "height": rendition["height"],
            }
            for name, rendition in photo.renditions.items()
        },
    }
