"""Addresses of the shop's own pages."""

from django.urls import path

app_name = "storefront"
urlpatterns: list[object] = []
