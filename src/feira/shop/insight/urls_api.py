"""Addresses of segments in the API."""

from django.urls import path

from feira.shop.insight import segments_api

urlpatterns = [
    path("segments/", segments_api.SegmentsView.as_view(), name="segments"),
    path("segments/<int:number>/members/", segments_api.SegmentMembersView.as_view(), name="segment_members"),
]
