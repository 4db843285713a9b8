"""Short addresses of the API, for scripts and for fingers; all under `/api/`."""

from django.urls import include, path

from feira.shop.search.short_api import ShortSearchView

app_name = "short"
urlpatterns = [
    path("search/", ShortSearchView.as_view(), name="search"),
    path("", include("feira.shop.feedback.urls_api")),
    path("", include("feira.shop.toolbox.urls_api")),
]
