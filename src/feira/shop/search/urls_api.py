"""Addresses of searching in the API."""

from django.urls import path

from feira.shop.search import api, saved_api

urlpatterns = [
    path("search/", api.SearchView.as_view(), name="search"),
    path("search/photo/", api.PhotoSearchView.as_view(), name="search_by_photo"),
    path("search/suggestions/", saved_api.SuggestionsView.as_view(), name="suggestions"),
    path("me/searches/", saved_api.SavedSearchesView.as_view(), name="saved_searches"),
    path("me/searches/<int:search_id>/", saved_api.SavedSearchView.as_view(), name="saved_search"),
    path("me/search-history/", saved_api.SearchHistoryView.as_view(), name="search_history"),
]
