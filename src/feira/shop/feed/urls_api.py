"""Addresses of similar listings, hearts and taste in the API."""

from django.urls import path

from feira.shop.feed import api, taste_api

urlpatterns = [
    path("listings/<int:listing_id>/similar/", api.SimilarView.as_view(), name="similar_listings"),
    path("listings/<int:listing_id>/like/", api.LikeView.as_view(), name="like"),
    path("me/recommendations/", taste_api.RecommendationsView.as_view(), name="recommendations"),
    path("me/taste/", taste_api.TasteView.as_view(), name="taste"),
    path("me/likes/", api.LikedView.as_view(), name="liked_listings"),
]
