"""Addresses that say how the web process is."""

from django.urls import path

from feira.shop.web import health

urlpatterns = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
]
