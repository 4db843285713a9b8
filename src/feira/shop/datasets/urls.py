"""Addresses of the pages of data sets."""

from django.urls import path

from feira.shop.datasets import ask_views, changing_views, preview_views, views

app_name = "datasets"
urlpatterns = [
    path("", views.datasets_list, name="list"),
    path("new/", ask_views.new, name="new"),
    path("new/estimate/", ask_views.estimate, name="estimate"),
    path("new/preview/", preview_views.preview, name="preview"),
    path("<int:dataset_id>/", views.detail, name="detail"),
    path("<int:dataset_id>/work/", views.work, name="work"),
    path("<int:dataset_id>/items/", views.items, name="items"),
    path("<int:dataset_id>/diff/", views.diff, name="diff"),
    path("<int:dataset_id>/picture/<int:position>/<int:variant>/", preview_views.picture, name="picture"),
    path("<int:dataset_id>/download/", changing_views.download, name="download"),
    path("<int:dataset_id>/link/", views.link, name="link"),
    path("<int:dataset_id>/cancel/", changing_views.cancel, name="cancel"),
    path("<int:dataset_id>/retry/", changing_views.retry, name="retry"),
    path("<int:dataset_id>/again/", changing_views.again, name="again"),
    path("<int:dataset_id>/tag/", changing_views.tag, name="tag"),
    path("<int:dataset_id>/untag/", changing_views.untag, name="untag"),
    path("<int:dataset_id>/keep/", changing_views.keep, name="keep"),
    path("<int:dataset_id>/delete/", changing_views.delete, name="delete"),
]
