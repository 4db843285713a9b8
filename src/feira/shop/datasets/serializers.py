"""What the API takes and answers about data sets."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from feira.core.augment.rule import FIELDS as RULE_FIELDS
from feira.shop.datasets.asked import FORMATS, LIVE, MOST_SIMILAR, SPLITS, Asked, asked_from_json
from feira.shop.datasets.links import ARCHIVES
from feira.shop.datasets.models import DatasetRequest, Snapshot
from feira.shop.datasets.previewing import MOST_PHOTOS, MOST_VARIANTS
from feira.shop.datasets.selectors import PAGE_SIZE, STATES, progress_of
from feira.shop.datasets.services import MOST_NAME, MOST_TAG
from feira.shop.listings.models import Listing
from feira.shop.listings.serializers import PRICE
from feira.shop.listings.tags import COLOURS
from feira.shop.photos.selectors import ROW_ID_MAX

MOST_ROWS = 500
_RULE = {field.name: field for field in RULE_FIELDS}
_TEXTS = {"type": "array", "items": {"type": "string", "maxLength": 60}, "maxItems": 50}


@extend_schema_field({"type": "object", "additionalProperties": _TEXTS, "maxProperties": 20})
class AttributesField(serializers.DictField):
    """Codes of choice attributes, each with the values of which one has to fit."""

    child = serializers.ListField(child=serializers.CharField(max_length=60), max_length=50)


@extend_schema_field({"type": "object", "additionalProperties": {"type": "number"}, "maxProperties": 10})
class RatiosField(serializers.DictField):
    """Names of sides and their shares, which sum to 1."""

    child = serializers.FloatField(min_value=0, max_value=1)


@extend_schema_field(
    {
        "type": "object",
        "properties": {
            "seed": {"type": "integer", "minimum": 0},
            "variants": {"type": "integer", "minimum": 1, "maximum": 20},
            "operations": {"type": "array", "items": {"type": "object", "additionalProperties": True}},
        },
        "additionalProperties": True,
    }
)
class RecipeField(serializers.JSONField):
    """A recipe of augmentation; see the reference of recipes."""


class KnownFieldsSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Refuses names that it does not know: a misspelt filter would let everything pass."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Return the checked values.

        Raises:
            ValidationError: by field; also for one that there is not.
        """
        unknown = sorted(str(name) for name in data if name not in self.fields) if isinstance(data, dict) else []
        if unknown:
            known = ", ".join(sorted(self.fields))
            said = _("There is no such field. There are: %(known)s.") % {"known": known}
            raise serializers.ValidationError({name[:MOST_NAME]: [said] for name in unknown[:10]})
        return super().to_internal_value(data)  # type: ignore[no-any-return]


class FiltersSerializer(KnownFieldsSerializer):
    """Which live listings pass."""

    category = serializers.CharField(required=False, allow_blank=True, max_length=400)
    attributes = AttributesField(required=False)
    conditions = serializers.ListField(
        child=serializers.ChoiceField(choices=Listing.Condition.choices), required=False, max_length=10
    )
    colours = serializers.ListField(
        child=serializers.ChoiceField(choices=[(name, name) for name in COLOURS]), required=False, max_length=20
    )
    min_price = serializers.DecimalField(required=False, allow_null=True, **PRICE)
    max_price = serializers.DecimalField(required=False, allow_null=True, **PRICE)
    seller = serializers.CharField(required=False, allow_blank=True, max_length=90, help_text="Slug of a seller.")
    words = serializers.CharField(
        required=False, allow_blank=True, max_length=200, help_text="Every word has to be there; none after a minus."
    )
    similar_to = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=ROW_ID_MAX)
    most_similar = serializers.IntegerField(required=False, min_value=1, max_value=MOST_SIMILAR)
    published_since = serializers.DateTimeField(required=False, allow_null=True)
    published_until = serializers.DateTimeField(required=False, allow_null=True, help_text="Not included.")


class SplitSerializer(KnownFieldsSerializer):
    """How rows are divided; a listing is on one side as a whole."""

    by = serializers.ChoiceField(choices=SPLITS, required=False)
    ratios = RatiosField(required=False)
    sides = serializers.ListField(
        child=serializers.CharField(max_length=30),
        required=False,
        max_length=10,
        help_text="The sides in their order; left out, they come as written in `ratios`.",
    )
    seed = serializers.IntegerField(required=False, min_value=0, max_value=2**31)


class ImageSerializer(KnownFieldsSerializer):
    """How files are sized and encoded."""

    fit = serializers.ChoiceField(choices=_RULE["fit"].choices, required=False)  # type: ignore[union-attr]
    size = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=4096)
    format = serializers.ChoiceField(choices=_RULE["format"].choices, required=False)  # type: ignore[union-attr]
    quality = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=100)


class PredictionsSerializer(KnownFieldsSerializer):
    """What a model adds."""

    model = serializers.CharField(
        required=False,
        max_length=120,
        help_text=f"`{LIVE}` for the encoder that serves, the name or id of one that is served, or `torch:NAME`.",
    )
    classes = serializers.BooleanField(required=False)
    embeddings = serializers.BooleanField(required=False)


class AskedSerializer(KnownFieldsSerializer):
    """Everything that decides what is in a data set."""

    filters = FiltersSerializer(required=False)
    photos = serializers.ChoiceField(choices=("all", "cover"), required=False)
    most_photos = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=ROW_ID_MAX)
    label = serializers.CharField(  # type: ignore[assignment] # a field by this name
        required=False,
        allow_blank=True,
        max_length=100,
        help_text="`category`, `condition`, `attribute:CODE` or `tag:GROUP`; listings without it are left out.",
    )
    split = SplitSerializer(required=False)
    image = ImageSerializer(required=False)
    augmentation = RecipeField(required=False, allow_null=True)
    predictions = PredictionsSerializer(required=False, allow_null=True)
    formats = serializers.ListField(
        child=serializers.ChoiceField(choices=FORMATS), required=False, min_length=1, max_length=len(FORMATS)
    )
    apply_augmentation = serializers.BooleanField(
        required=False, help_text="A simple switch: the recipe `light`, three variants, when no recipe is given."
    )
    apply_model = serializers.BooleanField(
        required=False, help_text="A simple switch: classes by the live encoder, when no predictions are asked for."
    )

    def as_asked(self) -> Asked:
        """Return the checked values as a request.

        Raises:
            BadRequestError: a field is unknown.
        """
        return asked_from_json(asked_part(self.validated_data))


class NewDatasetSerializer(AskedSerializer):
    """A request for a data set."""

    name = serializers.CharField(required=False, allow_blank=True, max_length=MOST_NAME)
    target = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=500,
        help_text="Where to deliver it: `file:///…` or `s3://…` below a place that the shop allows; empty to fetch it.",
    )


def asked_part(given: Any) -> dict[str, Any]:
    """Return what of the checked values makes the request; the rest is about it."""
    return {name: value for name, value in given.items() if name not in ("name", "target")}


class EstimateSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """What a request would give."""

    listings = serializers.IntegerField()
    photos = serializers.IntegerField()
    images = serializers.IntegerField(help_text="Files of pictures, augmented copies included.")
    byte_size = serializers.IntegerField(help_text="About.")
    seconds = serializers.FloatField(help_text="About, once it is begun.")
    basis = serializers.ChoiceField(
        choices=("measured", "assumed"), help_text="Whether the time was learned from data sets made here."
    )


class StepSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """One job on the way to a data set."""

    name = serializers.CharField()
    job_id = serializers.IntegerField()
    state = serializers.CharField()
    done = serializers.IntegerField()
    total = serializers.IntegerField()
    message = serializers.CharField(allow_blank=True)
    error = serializers.CharField(allow_blank=True)
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class ProgressSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """How far a data set is."""

    state = serializers.ChoiceField(choices=STATES)
    share = serializers.FloatField(help_text="From 0 to 1.")
    error = serializers.CharField(allow_blank=True)
    steps = StepSerializer(many=True)


class TrainedSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A model that was trained from a data set."""

    model = serializers.CharField(max_length=200)
    note = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")
    learned_part = serializers.IntegerField(source="learned_id", read_only=True, allow_null=True)
    at = serializers.DateTimeField(read_only=True)


class SnapshotSerializer(serializers.ModelSerializer[Snapshot]):
    """What a request was resolved to; two data sets with one hash have the same bytes."""

    hash = serializers.CharField(source="content_hash", allow_null=True)
    tags = serializers.SerializerMethodField()

    class Meta:
        model = Snapshot
        fields = (
            "hash",
            "state",
            "listings",
            "photos",
            "byte_size",
            "manifest_sha256",
            "keep",
            "tags",
            "created_at",
            "ready_at",
        )

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_tags(self, snapshot: Snapshot) -> list[str]:
        """Return its names."""
        return [tag.name for tag in snapshot.tags.all()]


class DatasetSerializer(serializers.ModelSerializer[DatasetRequest]):
    """A data set: what was asked for, how far it is, and what came of it."""

    request = serializers.JSONField(source="asked")
    progress = serializers.SerializerMethodField()
    snapshot = SnapshotSerializer(allow_null=True)

    class Meta:
        model = DatasetRequest
        fields = ("id", "name", "request", "target", "progress", "snapshot", "created_at", "delivered_at")

    @extend_schema_field(ProgressSerializer)
    def get_progress(self, request: DatasetRequest) -> Any:
        """Return how far it is."""
        return ProgressSerializer(progress_of(request)).data


class DatasetDetailSerializer(DatasetSerializer):
    """A data set with what was trained from it and the versions that made it."""

    identity = serializers.SerializerMethodField(help_text="What with the rows makes the hash.")
    trained = serializers.SerializerMethodField(help_text="Models that were trained from it.")

    class Meta(DatasetSerializer.Meta):
        fields = (*DatasetSerializer.Meta.fields, "identity", "trained")  # type: ignore[assignment] # two more

    @extend_schema_field({"type": "object", "additionalProperties": True})
    def get_identity(self, request: DatasetRequest) -> Any:
        """Return versions, encoders and seeds."""
        return request.snapshot.identity if request.snapshot else {}

    @extend_schema_field(TrainedSerializer(many=True))
    def get_trained(self, request: DatasetRequest) -> Any:
        """Return the lineage."""
        snapshot = request.snapshot
        return TrainedSerializer(snapshot.trained.all(), many=True).data if snapshot else []


class DatasetPageSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """One page of data sets, the newest first."""

    results = DatasetSerializer(many=True)
    next_before = serializers.IntegerField(allow_null=True, help_text="Give it as `before`; null on the last page.")


class DatasetPageAskedSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Which page of data sets."""

    before = serializers.IntegerField(required=False, min_value=1, max_value=ROW_ID_MAX)
    limit = serializers.IntegerField(required=False, default=20, min_value=1, max_value=100)
    hash = serializers.RegexField(r"^[0-9a-f]{4,64}$", required=False, help_text="The start of a snapshot's hash.")
    tag = serializers.CharField(required=False, max_length=MOST_TAG)


class RowSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """One photo of a data set."""

    position = serializers.IntegerField()
    key = serializers.CharField()
    split = serializers.CharField(allow_blank=True)
    label = serializers.CharField(allow_blank=True)  # type: ignore[assignment] # a field by this name
    facts = serializers.DictField()
    images = serializers.ListField(child=serializers.DictField())
    predictions = serializers.ListField(child=serializers.DictField())


class RowPageSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Some rows in the order of their places."""

    results = RowSerializer(many=True)
    next_after = serializers.IntegerField(allow_null=True, help_text="Give it as `after`; null on the last page.")


class RowPageAskedSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Which rows."""

    after = serializers.IntegerField(required=False, default=-1, min_value=-1, max_value=2**31 - 1)
    split = serializers.CharField(required=False, default="", max_length=20)
    limit = serializers.IntegerField(required=False, default=PAGE_SIZE, min_value=1, max_value=MOST_ROWS)


class FileSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """One file of a data set."""

    path = serializers.CharField()
    sha256 = serializers.CharField()
    bytes = serializers.IntegerField(source="byte_size")


class FilePageSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Some files in the order of their paths."""

    results = FileSerializer(many=True)
    next_after = serializers.CharField(allow_null=True, help_text="Give it as `after`; null on the last page.")


class FilePageAskedSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Which files."""

    after = serializers.CharField(required=False, default="", allow_blank=True, max_length=300)
    limit = serializers.IntegerField(required=False, default=MOST_ROWS, min_value=1, max_value=MOST_ROWS)


class DifferenceAskedSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """With which other data set."""

    since = serializers.IntegerField(min_value=1, max_value=ROW_ID_MAX, help_text="Number of the earlier data set.")


class DifferenceSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """What a data set has that an earlier one had not; lists hold keys, at most 1,000 each."""

    is_same = serializers.BooleanField()
    is_same_request = serializers.BooleanField()
    added_count = serializers.IntegerField()
    removed_count = serializers.IntegerField()
    changed_count = serializers.IntegerField()
    added = serializers.ListField(child=serializers.CharField())
    removed = serializers.ListField(child=serializers.CharField())
    changed = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))
    request_changes = serializers.DictField(child=serializers.ListField(child=serializers.JSONField(allow_null=True)))


class TagSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A name for a snapshot; one that another snapshot had moves."""

    name = serializers.CharField(max_length=MOST_TAG)


class LinkAskedSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Which kind of archive."""

    archive = serializers.ChoiceField(choices=ARCHIVES, required=False, default="zip")


class DownloadLinkSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """An address to fetch a data set from."""

    url = serializers.CharField()
    expires_at = serializers.DateTimeField()


class DownloadAskedSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """The parts of a signed address; they are made by the shop."""

    archive = serializers.CharField(max_length=10)
    by = serializers.IntegerField(min_value=1, max_value=ROW_ID_MAX)
    expires = serializers.IntegerField(min_value=0, max_value=2**53)
    signature = serializers.CharField(max_length=200)


class PreviewAskedSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A recipe to try, on photos that a request would choose."""

    recipe = RecipeField()
    request = AskedSerializer(required=False)
    photos = serializers.IntegerField(required=False, default=3, min_value=1, max_value=MOST_PHOTOS)
    variants = serializers.IntegerField(required=False, default=3, min_value=1, max_value=MOST_VARIANTS)


class PreviewPictureSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A small picture."""

    src = serializers.CharField(help_text="A data address.")
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    drawn = serializers.ListField(child=serializers.DictField(), help_text="What chance decided, step by step.")


class PreviewedSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A photo and what a recipe makes of it."""

    photo_id = serializers.IntegerField()
    title = serializers.CharField()
    original = PreviewPictureSerializer()
    variants = PreviewPictureSerializer(many=True)


class PreviewSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """What a recipe does."""

    results = PreviewedSerializer(many=True)
