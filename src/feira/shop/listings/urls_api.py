"""Addresses of listings and categories in the API."""

from django.urls import path

from feira.shop.listings import api

urlpatterns = [
    path("categories/", api.CategoriesView.as_view(), name="categories"),
    path("listings/", api.ListingsView.as_view(), name="listings"),
    path("listings/<int:listing_id>/", api.ListingView.as_view(), name="listing"),
    path("listings/<int:listing_id>/photos/", api.ListingPhotosView.as_view(), name="listing_photos"),
    path("listings/<int:listing_id>/publish/", api.PublishView.as_view(), name="publish_listing"),
    path("listings/<int:listing_id>/sold/", api.SoldView.as_view(), name="mark_sold"),
    path("me/listings/", api.MyListingsView.as_view(), name="my_listings"),
]
