"""Addresses of hearts, and of what people say about being known by their taste."""

from django.urls import path

from feira.shop.feed import taste_views, views

app_name = "feed"
urlpatterns = [
    path("like/<int:listing_id>/", views.like, name="like"),
    path("taste/forget/", taste_views.forget_taste, name="forget_taste"),
    path("taste/want/", taste_views.want_taste, name="want_taste"),
]
