"""Addresses of searching in the API."""

from django.urls import path

from feira.shop.search import api

urlpatterns = [
    path("search/", api.SearchView.as_view(), name="search"),
    path("search/photo/", api.PhotoSearchView.as_view(), name="search_by_photo"),
]
