"""What is for sale and how it is described."""

from typing import ClassVar

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from feira.shop.accounts.models import Seller
from feira.shop.photos.models import Photo


class Category(models.Model):
    """A place in the tree of goods; `path` is the slugs from the root, as in `clothing/shoes`."""

    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="children")
    name = models.CharField(max_length=60)
    slug = models.SlugField(max_length=70)
    path = models.CharField(max_length=400, unique=True)
    depth = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name_plural = "categories"
        ordering: ClassVar = ["path"]

    def __str__(self) -> str:
        return self.name


class Attribute(models.Model):
    """A typed property that listings may have, such as colour (choice) or mileage (number, km)."""

    class Kind(models.TextChoices):
        """How a value is kept and compared."""

        TEXT = "text", _("text")
        NUMBER = "number", _("number")
        CHOICE = "choice", _("choice")

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=60)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.TEXT)
    unit = models.CharField(max_length=20, blank=True)
    categories = models.ManyToManyField(Category, blank=True, related_name="attributes")

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class AttributeChoice(models.Model):
    """One value that a choice attribute may take."""

    attribute = models.ForeignKey(Attribute, on_delete=models.CASCADE, related_name="choices")
    value = models.CharField(max_length=60)

    class Meta:
        ordering: ClassVar = ["value"]
        constraints: ClassVar = [
            models.UniqueConstraint("attribute", Lower("value"), name="attribute_choice_is_named_once")
        ]

    def __str__(self) -> str:
        return self.value


class Listing(models.Model):
    """What a seller offers."""

    class State(models.TextChoices):
        """Where a listing is on its way; only live ones are found, sold ones can still be looked at."""

        DRAFT = "draft", _("Draft")
        IN_REVIEW = "in_review", _("In review")
        LIVE = "live", _("Live")
        SOLD = "sold", _("Sold")
        ARCHIVED = "archived", _("Archived")

    class Condition(models.TextChoices):
        """How used it is."""

        NEW = "new", _("New")
        LIKE_NEW = "like_new", _("Like new")
        GOOD = "good", _("Good")
        FAIR = "fair", _("Fair")

    seller = models.ForeignKey(Seller, on_delete=models.PROTECT, related_name="listings")
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="listings")
    title = models.CharField(max_length=120)
    description = models.TextField(blank=True, max_length=5000)
    search_text = models.TextField("category and attribute words, for the keyword index", blank=True, editable=False)
    tags_text = models.TextField("names of its tags, for the keyword index", blank=True, editable=False, default="")
    tags_made_by = models.CharField("what looked at its photos for tags", max_length=200, blank=True, editable=False)
    reference = models.CharField("name of its record where it was imported from", max_length=300, blank=True)
    picture_name = models.CharField(
        "file name of its cover there, without folders and ending", max_length=150, blank=True
    )
    price = models.DecimalField(max_digits=12, decimal_places=2, validators=[MinValueValidator(0)])
    currency = models.CharField(max_length=3)
    stock = models.PositiveIntegerField(default=1)
    condition = models.CharField(max_length=10, choices=Condition.choices, default=Condition.GOOD)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    cover = models.ForeignKey(Photo, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)
    published_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        # Each order of a list page has its index: without one a page of 24 cost 20 ms more at 5,000 listings.
        indexes: ClassVar = [
            models.Index(fields=["state", "-published_at", "-id"], name="listing_newest"),
            models.Index(fields=["state", "price", "id"], name="listing_cheapest"),
            models.Index(fields=["state", "category", "-published_at", "-id"], name="listing_newest_in_category"),
            models.Index(fields=["seller", "state", "-published_at"], name="listing_of_seller"),
            models.Index(fields=["state", "tags_made_by"], name="listing_lacking_tags"),
            # Feedback names listings by what they are called elsewhere.
            models.Index(fields=["reference"], condition=~models.Q(reference=""), name="listing_by_reference"),
            models.Index(fields=["picture_name"], condition=~models.Q(picture_name=""), name="listing_by_picture_name"),
            models.Index(Lower("title"), name="listing_by_title"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(price__gte=0), name="listing_price_is_not_negative"),
            models.CheckConstraint(
                condition=~models.Q(state="live") | models.Q(published_at__isnull=False),
                name="live_listing_has_a_publication_date",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        """Return the address of the listing's page."""
        return listing_url(self.pk, self.title)


def listing_url(listing_id: int, title: str) -> str:
    """Return the address of a listing's page; the words are for people, the number decides."""
    return reverse("storefront:listing", args=[listing_id, slugify(title) or "listing"])


class ListingAttribute(models.Model):
    """The value of one attribute of one listing, in the column of its kind."""

    listing = models.ForeignKey(Listing, on_delete=models.CASCADE, related_name="attribute_values")
    attribute = models.ForeignKey(Attribute, on_delete=models.PROTECT, related_name="+")
    choice = models.ForeignKey(AttributeChoice, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    number = models.DecimalField(max_digits=16, decimal_places=4, null=True, blank=True)
    text = models.CharField(max_length=200, blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["attribute", "choice"], name="listing_attribute_choice")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["listing", "attribute"], name="one_value_per_listing_and_attribute")
        ]

    def __str__(self) -> str:
        return f"{self.attribute}: {self.value_text}"

    @property
    def value_text(self) -> str:
        """The value as a person reads it, with its unit."""
        if self.choice is not None:
            return self.choice.value
        if self.number is not None:
            plain = f"{self.number.normalize():f}"
            return f"{plain} {self.attribute.unit}".strip()
        return self.text


class ListingTag(models.Model):
    """A word for what a listing shows: seen by the machine, given by the seller, or brought along by an import.

    A tag that the seller took off stays as a row with `removed_at`, so that no machine ever puts it back.
    """

    class Source(models.TextChoices):
        """Who says so."""

        MACHINE = "machine", _("machine")
        SELLER = "seller", _("seller")
        IMPORT = "import", _("import")

    listing = models.ForeignKey(Listing, on_delete=models.CASCADE, related_name="tags")
    group = models.CharField("kind of tag, such as colour or keyword", max_length=40)
    name = models.CharField(max_length=60)
    confidence = models.FloatField("0 to 1; what people say counts as 1", default=1.0)
    source = models.CharField(max_length=10, choices=Source.choices)
    made_by = models.CharField("measure or encoder that saw it", max_length=120, blank=True)
    removed_at = models.DateTimeField("when the seller took it off", null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["group", "-confidence", "name"]
        indexes: ClassVar = [
            models.Index(
                fields=["group", "name", "listing"],
                condition=models.Q(removed_at__isnull=True),
                name="listing_tag_in_use",
            )
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["listing", "group", "name"], name="one_tag_per_listing_group_and_name"),
            models.CheckConstraint(
                condition=models.Q(confidence__gte=0, confidence__lte=1), name="tag_confidence_is_a_share"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.group}: {self.name}"


class ListingPhoto(models.Model):
    """A photo's place on a listing."""

    listing = models.ForeignKey(Listing, on_delete=models.CASCADE, related_name="listing_photos")
    photo = models.OneToOneField(Photo, on_delete=models.PROTECT, related_name="placed")
    position = models.PositiveSmallIntegerField()
    alt = models.CharField("what the photo shows, in words", max_length=200, blank=True)

    class Meta:
        ordering: ClassVar = ["position", "id"]
        indexes: ClassVar = [models.Index(fields=["listing", "position"], name="listing_photo_order")]

    def __str__(self) -> str:
        return f"photo {self.photo_id} on listing {self.listing_id}"


class ImportRun(models.Model):
    """One source being imported; running it again goes on where it stopped."""

    source = models.CharField(max_length=500, unique=True)
    seller = models.ForeignKey(Seller, on_delete=models.PROTECT, related_name="+")
    total = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.source


class ImportRow(models.Model):
    """One record of a source and what became of it."""

    class State(models.TextChoices):
        """A row is done or refused once and for all."""

        WAITING = "waiting", _("waiting")
        DONE = "done", _("done")
        REFUSED = "refused", _("refused")

    run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, related_name="rows")
    key = models.CharField("name of the record within its source", max_length=300)
    record = models.JSONField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    reason = models.TextField(blank=True)
    listing = models.ForeignKey(Listing, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["run", "state", "id"], name="import_row_progress")]
        constraints: ClassVar = [models.UniqueConstraint(fields=["run", "key"], name="one_row_per_run_and_key")]

    def __str__(self) -> str:
        return f"{self.key}: {self.state}"
