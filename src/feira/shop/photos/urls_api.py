"""Addresses of photos in the API."""

from django.urls import path

from feira.shop.photos import api

urlpatterns = [
    path("photos/", api.PhotosView.as_view(), name="photos"),
    path("photos/<int:photo_id>/", api.PhotoView.as_view(), name="photo"),
]
