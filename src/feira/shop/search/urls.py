"""Addresses of the search page."""

from django.urls import path

from feira.shop.search import views

app_name = "search"
urlpatterns = [
    path("", views.search, name="search"),
    path("photo/", views.by_photo, name="by_photo"),
    path("photo/<int:photo_id>.webp", views.thumb, name="thumb"),
]
