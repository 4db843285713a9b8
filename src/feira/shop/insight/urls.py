"""Addresses of the pages for staff."""

from django.urls import path

from feira.shop.insight import learned_views, query_views, segment_views, services_job_views, services_views

app_name = "insight"
urlpatterns = [
    path("", query_views.queries, name="queries"),
    path("query/", query_views.one_query, name="query"),
    path("judged/", query_views.judged, name="judged"),
    path("learned/", learned_views.learned, name="learned"),
    path("learned/train/", learned_views.train, name="train"),
    path("learned/<int:part_id>/", learned_views.learned_part, name="learned_part"),
    path("learned/<int:part_id>/promote/", learned_views.promote, name="promote"),
    path("learned/<int:part_id>/roll-back/", learned_views.roll_back, name="roll_back"),
    path("segments/", segment_views.segments, name="segments"),
    path("segments/<int:number>/", segment_views.segment, name="segment"),
    path("segments/<int:number>/name/", segment_views.rename_segment, name="name_segment"),
    path("services/", services_views.services, name="services"),
    path("services/<slug:name>/", services_views.service, name="service"),
    path("jobs/", services_job_views.jobs, name="jobs"),
    path("jobs/<int:job_id>/", services_job_views.job, name="job"),
    path("jobs/<int:job_id>/cancel/", services_job_views.cancel, name="cancel_job"),
    path("jobs/<int:job_id>/retry/", services_job_views.retry, name="retry_job"),
]
