"""Segments as the API writes them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from feira.shop.insight.segments_shown import ShownSegment


class SegmentationSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """The run that the segments come from."""

    finished_at = serializers.DateTimeField()
    customers = serializers.IntegerField(help_text="How many were parted.")
    k = serializers.IntegerField(help_text="How many segments there are.")
    silhouette = serializers.FloatField(help_text="How far apart they are, -1 to 1; below 0.25 hardly.")
    stability = serializers.FloatField(
        help_text="How far people drawn again give the same segments: mean adjusted Rand index, -1 to 1."
    )
    seed = serializers.IntegerField()
    requested = serializers.DictField(help_text="The options of the service: `segments`, `active_days`.")
    averages = serializers.DictField(
        child=serializers.FloatField(allow_null=True), help_text="Mean of each figure over all customers."
    )
    currency = serializers.CharField(help_text="Of prices among the figures.")


class TraitSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """One figure that sets a segment apart."""

    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment] # a member of this name
    difference = serializers.FloatField(help_text="From everybody's mean, in standard deviations.")
    value = serializers.CharField(help_text="Mean of the segment, as people read it.")
    overall_value = serializers.CharField(help_text="Mean of everybody.")


class SegmentSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """One segment."""

    number = serializers.IntegerField(help_text="1 is the largest.")
    title = serializers.CharField(help_text="What staff call it, else what describes it.")
    described = serializers.CharField()
    size = serializers.IntegerField()
    share = serializers.FloatField(help_text="Of all customers, 0 to 1.")
    is_small = serializers.BooleanField(help_text="Too few people for members or pictures to be told.")
    traits = TraitSerializer(many=True)
    means = serializers.SerializerMethodField(help_text="Mean of each figure; null where it is not known.")
    liked = serializers.SerializerMethodField(help_text="Listings that most of its members like.")

    @extend_schema_field({"type": "object", "additionalProperties": {"type": ["number", "null"]}})
    def get_means(self, shown: ShownSegment) -> Any:
        """Return the figures."""
        return shown.segment.facts["means"]

    @extend_schema_field({"type": "array", "items": {"type": "integer"}})
    def get_liked(self, shown: ShownSegment) -> list[int]:
        """Return numbers of listings."""
        return [card["id"] for card in shown.pictures]


class SegmentListSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """The current segments."""

    segmentation = SegmentationSerializer(allow_null=True)
    segments = SegmentSerializer(many=True)


class MemberSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Somebody in a segment."""

    pseudonym = serializers.CharField()
    account_id = serializers.IntegerField(allow_null=True, help_text="Null for who may not see accounts.")
    name = serializers.CharField(allow_blank=True, help_text="Empty for who may not see accounts.")


class MemberListSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A page of members."""

    results = MemberSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class SegmentsAskedSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """How segments are written."""

    format = serializers.ChoiceField(choices=["json", "csv"], required=False, help_text="Instead of `Accept`.")


class MembersAskedSerializer(SegmentsAskedSerializer):
    """Which part of the members is shown."""

    after = serializers.CharField(required=False, max_length=400, help_text="`next_cursor` of the page before.")
