"""Addresses of the shop's own pages."""

from django.urls import path, re_path

from feira.shop.storefront import sell_views, views

app_name = "storefront"
urlpatterns = [
    path("", views.home, name="home"),
    path("listings/<int:listing_id>/", views.listing),
    path("listings/<int:listing_id>/<slug:slug>/", views.listing, name="listing"),
    path("sellers/<slug:slug>/", views.seller, name="seller"),
    path("liked/", views.liked, name="liked"),
    path("sell/", sell_views.sell, name="sell"),
    path("sell/photo/", sell_views.sell_photo, name="sell_photo"),
    path("sell/suggest/", sell_views.sell_suggest, name="sell_suggest"),
    path("sell/<int:listing_id>/", sell_views.sell, name="edit"),
    path("my/listings/", sell_views.my_listings, name="my_listings"),
    re_path(
        r"^my/listings/(?P<listing_id>\d+)/(?P<action>publish|sold|archive)/$",
        sell_views.change_state,
        name="change_state",
    ),
]
