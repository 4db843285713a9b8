"""The table of addresses."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("feira.shop.storefront.urls")),
    path("", include("feira.shop.web.urls")),
    path("search/", include("feira.shop.search.urls")),
    path("", include("feira.shop.feed.urls")),
    path("feedback/", include("feira.shop.feedback.urls")),
    path("photos/", include("feira.shop.photos.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("account/", include("feira.shop.accounts.urls")),
    path("account/", include("allauth.account.urls")),
    path("api/v1/", include("feira.shop.config.urls_api")),
    path("api/", include("feira.shop.config.urls_short")),
    path("datasets/", include("feira.shop.datasets.urls")),
    path("staff/insight/", include("feira.shop.insight.urls")),
    path("staff/admin/", admin.site.urls),
]

handler500 = "feira.shop.web.middleware.server_error"
