"""Addresses of hearts."""

from django.urls import path

from feira.shop.feed import views

app_name = "feed"
urlpatterns = [path("like/<int:listing_id>/", views.like, name="like")]
