"""Photos over HTTP: renditions only, never an original."""

from django.http import FileResponse, Http404, HttpRequest
from django.views.decorators.http import require_safe

from feira.shop.photos.blobs import blob_store
from feira.shop.photos.selectors import rendition_visible_to

FOR_EVER = "public, max-age=31536000, immutable"


@require_safe
def rendition(request: HttpRequest, photo_id: int, name: str, digest_start: str) -> FileResponse:
    """Send one rendition to somebody who may see it; to anybody else it does not exist."""
    found = rendition_visible_to(request.user, photo_id=photo_id, name=name, digest_start=digest_start)
    if found is None:
        raise Http404
    digest, is_public = found
    try:
        response = FileResponse(blob_store().open(digest), content_type="image/webp")
    except FileNotFoundError as error:
        raise Http404 from error
    response["Cache-Control"] = FOR_EVER if is_public else "private, max-age=3600"
    response["ETag"] = f'"{digest[:32]}"'
    return response
