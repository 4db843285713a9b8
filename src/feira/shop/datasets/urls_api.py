"""Addresses of data sets in the API."""

from django.urls import path

from feira.shop.datasets import api, download_api, listing_lines_api

urlpatterns = [
    path("datasets/", api.DatasetsView.as_view(), name="datasets"),
    path("datasets/estimate/", api.EstimateView.as_view(), name="dataset_estimate"),
    path("datasets/listings.jsonl", listing_lines_api.ListingLinesView.as_view(), name="listing_lines"),
    path("datasets/recipes/preview/", api.PreviewView.as_view(), name="dataset_preview"),
    path("datasets/<int:dataset_id>/", api.DatasetView.as_view(), name="dataset"),
    path("datasets/<int:dataset_id>/rows/", api.RowsView.as_view(), name="dataset_rows"),
    path("datasets/<int:dataset_id>/files/", api.FilesView.as_view(), name="dataset_files"),
    path("datasets/<int:dataset_id>/diff/", api.DifferenceView.as_view(), name="dataset_diff"),
    path("datasets/<int:dataset_id>/tags/", api.TagsView.as_view(), name="dataset_tags"),
    path("datasets/<int:dataset_id>/trained/", api.TrainedView.as_view(), name="dataset_trained"),
    path("datasets/<int:dataset_id>/cancel/", api.CancelView.as_view(), name="dataset_cancel"),
    path("datasets/<int:dataset_id>/retry/", api.RetryView.as_view(), name="dataset_retry"),
    path("datasets/<int:dataset_id>/link/", download_api.LinkView.as_view(), name="dataset_link"),
    path("datasets/<int:dataset_id>/download/", download_api.DownloadView.as_view(), name="dataset_download"),
]
