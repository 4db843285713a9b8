"""Addresses of jobs and services in the API."""

from django.urls import path

from feira.shop.jobs import api

urlpatterns = [
    path("jobs/", api.JobsView.as_view(), name="jobs"),
    path("jobs/<int:job_id>/", api.JobView.as_view(), name="job"),
    path("jobs/<int:job_id>/items/", api.JobItemsView.as_view(), name="job_items"),
    path("jobs/<int:job_id>/lines/", api.JobLinesView.as_view(), name="job_lines"),
    path("jobs/<int:job_id>/cancel/", api.CancelJobView.as_view(), name="cancel_job"),
    path("jobs/<int:job_id>/retry/", api.RetryJobView.as_view(), name="retry_job"),
    path("services/", api.ServicesView.as_view(), name="services"),
    path("services/<slug:name>/", api.StartServiceView.as_view(), name="start_service"),
]
