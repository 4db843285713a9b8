"""Two readers of the API's schema, served by the shop itself: Swagger UI to try requests, ReDoc to read."""

from pathlib import Path

import drf_spectacular_sidecar
from csp.decorators import csp_update
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_control
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny

REDOC_BUNDLE = (
    Path(drf_spectacular_sidecar.__file__).parent / "static/drf_spectacular_sidecar/redoc/bundles/redoc.standalone.js"
)
REDOC_LOGO = b"https://cdn.redoc.ly/redoc/logo-mini.svg"

# Both readers draw with styles of their own making; nothing else on the site may. Scripts stay files of ours.
relaxed_styles = csp_update({"style-src": ["'self'", "'unsafe-inline'"], "worker-src": ["'self'", "blob:"]})


@method_decorator(relaxed_styles, name="dispatch")
class SwaggerView(SpectacularSwaggerSplitView):
    """Swagger UI: reads the schema and tries requests, with a token or with the session's account."""

    permission_classes = (AllowAny,)
    url_name = "api:schema"


@require_safe
@relaxed_styles
def redoc(request: HttpRequest) -> HttpResponse:
    """Show the schema as one long page to read."""
    return render(request, "web/redoc.html")


@require_safe
@gzip_page
@cache_control(public=True, max_age=86_400)
def redoc_bundle(_request: HttpRequest) -> HttpResponse:
    """Send ReDoc without the logo that it fetches from its maker's site: no request leaves the shop."""
    script = REDOC_BUNDLE.read_bytes().replace(REDOC_LOGO, b"data:,")
    return HttpResponse(script, content_type="text/javascript")
