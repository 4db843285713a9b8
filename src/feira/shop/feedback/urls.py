"""Addresses that pages send feedback to."""

from django.urls import path

from feira.shop.feedback import views

app_name = "feedback"
urlpatterns = [
    path("click/", views.click, name="click"),
    path("<int:listing_id>/", views.judge, name="judge"),
]
