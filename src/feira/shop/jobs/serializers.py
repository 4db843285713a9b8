"""Jobs and services as the API shows and takes them."""

from collections.abc import Iterator, Mapping
from typing import Any

from django import forms
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from feira.shop.jobs.ledger import Wanted, count_children, count_items
from feira.shop.jobs.models import ItemState, Job, JobItem, JobLine, Level, State
from feira.shop.jobs.offered import Service, links_of

PAGE_MOST = 200


class JobsAskedSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Which jobs are listed."""

    kind = serializers.CharField(required=False, max_length=100, help_text="As in `listings.draw`.")
    state = serializers.ChoiceField(choices=State.choices, required=False)
    requested_by = serializers.IntegerField(
        required=False, min_value=0, help_text="Number of an account; 0 for what nobody asked for."
    )
    parent = serializers.IntegerField(  # type: ignore[assignment] # a field of ours, not the serializer's own parent
        required=False, min_value=1, help_text="Jobs that came of this one."
    )
    since = serializers.DateTimeField(required=False, help_text="Asked for then or later.")
    until = serializers.DateTimeField(required=False, help_text="Asked for before then.")
    after = serializers.CharField(required=False, max_length=400, help_text="`next_cursor` of the page before.")
    limit = serializers.IntegerField(required=False, min_value=1, max_value=PAGE_MOST, default=50)

    def wanted(self) -> Wanted:
        """Return what the ledger is asked for."""
        given = self.validated_data
        names = ("kind", "state", "requested_by", "parent", "since", "until")
        return Wanted(**{name: given[name] for name in names if name in given})


class PageAskedSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Which part of a list is shown."""

    after = serializers.CharField(required=False, max_length=400, help_text="`next_cursor` of the page before.")
    limit = serializers.IntegerField(required=False, min_value=1, max_value=PAGE_MOST, default=100)


class ItemsAskedSerializer(PageAskedSerializer):
    """Which items are shown."""

    state = serializers.ChoiceField(choices=ItemState.choices, required=False)


class LinkSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Something that a job has made."""

    label = serializers.CharField()  # type: ignore[assignment] # as above
    url = serializers.CharField(help_text="An address of this shop, without its host.")


class JobSerializer(serializers.ModelSerializer[Job]):
    """A job in a list."""

    parent = serializers.IntegerField(source="parent_id", allow_null=True, read_only=True)  # type: ignore[assignment] # as above
    requested_by = serializers.IntegerField(allow_null=True, read_only=True, help_text="Number of an account.")
    seconds = serializers.SerializerMethodField(help_text="What the last attempt took; null while it has not ended.")

    class Meta:
        model = Job
        fields: tuple[str, ...] = (
            "id",
            "kind",
            "queue",
            "state",
            "requested_by",
            "parent",
            "attempts",
            "max_attempts",
            "progress_done",
            "progress_total",
            "progress_message",
            "error",
            "reference",
            "created_at",
            "started_at",
            "finished_at",
            "seconds",
        )
        read_only_fields = fields

    def get_seconds(self, job: Job) -> float | None:
        """Return the duration in seconds."""
        return None if job.took is None else round(job.took.total_seconds(), 3)


class CountedSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """How many items, or jobs that came of one, stand where."""

    total = serializers.IntegerField()
    done = serializers.IntegerField()
    failed = serializers.IntegerField()
    waiting = serializers.IntegerField()
    running = serializers.IntegerField()


class WholeJobSerializer(JobSerializer):
    """One job with its options, its result, and counts of its items and of the jobs that came of it."""

    payload = serializers.DictField(read_only=True)
    result = serializers.DictField(allow_null=True, read_only=True)
    links = serializers.SerializerMethodField(help_text="Where its results can be looked at.")
    items = serializers.SerializerMethodField()
    children = serializers.SerializerMethodField(help_text="Jobs that were submitted on its behalf.")

    class Meta(JobSerializer.Meta):
        fields = (
            *JobSerializer.Meta.fields,
            "payload",
            "result",
            "links",
            "items",
            "children",
        )
        read_only_fields = fields

    @extend_schema_field(CountedSerializer)
    def get_items(self, job: Job) -> object:
        """Count what it does one by one."""
        return CountedSerializer(count_items(job)).data

    @extend_schema_field(CountedSerializer)
    def get_children(self, job: Job) -> object:
        """Count what came of it."""
        return CountedSerializer(count_children(job)).data

    @extend_schema_field(LinkSerializer(many=True))
    def get_links(self, job: Job) -> list[dict[str, str]]:
        """Return labels and addresses; none before it succeeded."""
        if job.state != State.SUCCEEDED:
            return []
        return [{"label": str(link.label), "url": link.url} for link in links_of(job)]


class JobListSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A page of jobs, the newest first."""

    results = JobSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class JobItemSerializer(serializers.ModelSerializer[JobItem]):
    """One of the many like things that a job does."""

    result = serializers.DictField(allow_null=True, read_only=True)

    class Meta:
        model = JobItem
        fields = ("name", "state", "attempts", "result", "error")
        read_only_fields = fields


class JobItemListSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A page of items, in the order in which they were planned."""

    results = JobItemSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class JobLineSerializer(serializers.ModelSerializer[JobLine]):
    """A line that a job has written about its work."""

    level = serializers.ChoiceField(choices=Level.choices, read_only=True)

    class Meta:
        model = JobLine
        fields = ("at", "level", "text")
        read_only_fields = fields


class JobLineListSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A page of lines, the oldest first."""

    results = JobLineSerializer(many=True)
    next_cursor = serializers.CharField(
        allow_null=True, help_text="Also at the end: asked again with it, later lines come. Null while there are none."
    )


class OptionSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """One option of a service."""

    name = serializers.CharField()
    type = serializers.ChoiceField(choices=("text", "number", "yes_no", "choice", "choices", "file"))
    label = serializers.CharField()  # type: ignore[assignment] # as above
    help = serializers.CharField()
    is_required = serializers.BooleanField()
    initial = serializers.JSONField(help_text="What holds when it is left out; null for nothing.")
    choices = serializers.ListField(child=serializers.CharField(), help_text="Empty unless the type is a choice.")


class ServiceSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Something that may be started."""

    name = serializers.CharField()
    title = serializers.CharField()
    describes = serializers.CharField()
    group = serializers.CharField()
    kind = serializers.CharField(help_text="Of the job that it submits.")
    permission = serializers.CharField()
    may_start = serializers.BooleanField(help_text="Whether you may.")
    page = serializers.CharField(allow_null=True, help_text="Where it is asked for, when not here.")
    options = OptionSerializer(many=True)


class ServiceListSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Everything that may be started."""

    results = ServiceSerializer(many=True)


def options_of(service: Service) -> Iterator[Mapping[str, Any]]:
    """Yield what the options of a service are, as `OptionSerializer` shows them."""
    for name, field in service.options().fields.items():
        yield {
            "name": name,
            "type": _type_of(field),
            "label": str(field.label or name),
            "help": str(field.help_text),
            "is_required": field.required,
            "initial": None if field.initial is None else str(field.initial) if _is_decimal(field) else field.initial,
            "choices": [str(value) for value, _label in getattr(field, "choices", ())],
        }


def _is_decimal(field: forms.Field) -> bool:
    return isinstance(field, forms.DecimalField)


def _type_of(field: forms.Field) -> str:
    kinds: tuple[tuple[type[forms.Field], str], ...] = (
        (forms.FileField, "file"),
        (forms.BooleanField, "yes_no"),
        (forms.MultipleChoiceField, "choices"),
        (forms.ChoiceField, "choice"),
        (forms.IntegerField, "number"),  # and what counts in other ways
    )
    return next((name for kind, name in kinds if isinstance(field, kind)), "text")
