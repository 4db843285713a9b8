"""Addresses about one's own account."""

from django.urls import path

from feira.shop.accounts import views

app_name = "accounts"
urlpatterns = [
    path("profile/", views.profile, name="profile"),
    path("tokens/", views.make_token, name="make_token"),
    path("tokens/<int:token_id>/revoke/", views.take_token_back, name="revoke_token"),
]
