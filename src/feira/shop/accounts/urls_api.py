"""Addresses of accounts and tokens in the API."""

from django.urls import path

from feira.shop.accounts import api

urlpatterns = [
    path("me/", api.MeView.as_view(), name="me"),
    path("me/tokens/", api.MyTokensView.as_view(), name="my_tokens"),
    path("me/tokens/<int:token_id>/", api.MyTokenView.as_view(), name="my_token"),
    path("tokens/", api.TokensView.as_view(), name="tokens"),
]
