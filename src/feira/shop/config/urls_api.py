"""Addresses of the API's first version; all under `/api/v1/`."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from feira.shop.config import api_docs

app_name = "api"
urlpatterns = [
    path("", include("feira.shop.accounts.urls_api")),
    path("", include("feira.shop.photos.urls_api")),
    path("", include("feira.shop.listings.urls_api")),
    path("", include("feira.shop.search.urls_api")),
    path("", include("feira.shop.feed.urls_api")),
    path("", include("feira.shop.datasets.urls_api")),
    path("", include("feira.shop.jobs.urls_api")),
    path("", include("feira.shop.insight.urls_api")),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", api_docs.SwaggerView.as_view(), name="docs"),
    path("redoc/", api_docs.redoc, name="redoc"),
    path("redoc/bundle.js", api_docs.redoc_bundle, name="redoc_bundle"),
]
