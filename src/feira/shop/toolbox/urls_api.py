"""The address of the counter, under `/api/`."""

from django.urls import path

from feira.shop.toolbox import api

urlpatterns = [path("counter/", api.CounterView.as_view(), name="counter")]
