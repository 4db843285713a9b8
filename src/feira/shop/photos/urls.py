"""Addresses of photos."""

from django.urls import path

from feira.shop.photos import views

app_name = "photos"
urlpatterns = [path("<int:photo_id>/<slug:name>-<slug:digest_start>.webp", views.rendition, name="rendition")]
