"""Addresses of the search page."""

from django.urls import path

from feira.shop.search import saved_views, suggest_views, views

app_name = "search"
urlpatterns = [
    path("", views.search, name="search"),
    path("photo/", views.by_photo, name="by_photo"),
    path("photo/<int:photo_id>.webp", views.thumb, name="thumb"),
    path("photo/<int:photo_id>/card.webp", views.thumb, {"name": "card"}, name="query_photo"),
    path("suggest/", suggest_views.suggest, name="suggest"),
    path("saved/", saved_views.saved, name="saved"),
    path("saved/new/", saved_views.save, name="save"),
    path("saved/<int:search_id>/", saved_views.open_saved, name="open_saved"),
    path("saved/<int:search_id>/change/", saved_views.change_saved, name="change_saved"),
    path("saved/<int:search_id>/forget/", saved_views.forget_saved, name="forget_saved"),
    path("saved/stop/<str:token>/", saved_views.stop_alerts, name="stop_alerts"),
    path("past/", saved_views.past, name="past"),
    path("past/forget/", saved_views.forget_past, name="forget_all_past"),
    path("past/<int:search_id>/forget/", saved_views.forget_past, name="forget_past"),
    path("past/pause/", saved_views.pause_past, name="pause_past"),
]
