"""Addresses of similar listings and hearts in the API."""

from django.urls import path

from feira.shop.feed import api

urlpatterns = [
    path("listings/<int:listing_id>/similar/", api.SimilarView.as_view(), name="similar_listings"),
    path("listings/<int:listing_id>/like/", api.LikeView.as_view(), name="like"),
    path("me/likes/", api.LikedView.as_view(), name="liked_listings"),
]
