"""Short addresses for scripts, under `/api/`."""

from django.urls import path

from feira.shop.feedback import api

urlpatterns = [
    path("feedback/", api.FeedbackView.as_view(), name="feedback"),
    path("analytics/", api.AnalyticsView.as_view(), name="analytics"),
]
