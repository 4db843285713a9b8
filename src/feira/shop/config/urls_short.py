"""Short addresses of the API, for scripts and for fingers; all under `/api/`."""

from django.urls import include, path

app_name = "short"
urlpatterns = [
    path("", include("feira.shop.feedback.urls_api")),
    path("", include("feira.shop.toolbox.urls_api")),
]
