"""Services about the catalogue that people may start."""

import json
import secrets
from collections.abc import Iterable
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any

from django import forms
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from feira.core.datasets.drawn.plan import KINDS, DrawPlan
from feira.core.errors import SourceError
from feira.shop.jobs import services as jobs
from feira.shop.jobs.models import Job
from feira.shop.jobs.offered import Group, Link, Service, offer
from feira.shop.listings.models import Listing
from feira.shop.listings.uploads import ARCHIVE, TABLES
from feira.shop.photos.blobs import blob_store

MAY_SELL = "listings.add_listing"
MOST_DRAWN = 20_000
MOST_PLAN_BYTES = 100_000
MOST_SEED = 2**31 - 1


class DrawOptions(forms.Form):
    """How many listings are drawn, of which kinds, at which prices; or a file that says all of it."""

    count = forms.IntegerField(
        label=_("How many"),
        min_value=1,
        max_value=MOST_DRAWN,
        required=False,
        help_text=_("Left empty with a file: as many as the file counts."),
    )
    categories = forms.MultipleChoiceField(
        label=_("Categories"),
        choices=[(name, name.capitalize()) for name in sorted(KINDS)],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen: of each kind as many."),
    )
    lowest = forms.DecimalField(
        label=_("Lowest price"), min_value=Decimal("0.01"), max_digits=9, decimal_places=2, required=False
    )
    highest = forms.DecimalField(
        label=_("Highest price"),
        min_value=Decimal("0.01"),
        max_digits=9,
        decimal_places=2,
        required=False,
        help_text=_("Both left empty: what such things usually cost."),
    )
    plan = forms.FileField(
        label=_("From a file"),
        required=False,
        help_text=_("JSON with counts and prices by kind, as in {“mug”: {“count”: 30, “price”: [6.5, 24]}}."),
    )
    seller = forms.CharField(label=_("Seller"), max_length=80, initial="Feira demo")
    seed = forms.IntegerField(
        label=_("Seed"),
        min_value=0,
        max_value=MOST_SEED,
        required=False,
        help_text=_("The same seed draws the same listings; those that are there already are not made again."),
    )

    def clean_plan(self) -> dict[str, Any] | None:
        """Read the file."""
        upload = self.cleaned_data.get("plan")
        if upload is None:
            return None
        if upload.size > MOST_PLAN_BYTES:
            raise forms.ValidationError(_("A plan has at most 100,000 bytes."))
        try:
            plan = json.loads(upload.read())
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(_("The file is not JSON.")) from error
        if not isinstance(plan, dict) or not plan:
            raise forms.ValidationError(_("The file holds no kinds with their counts."))
        return plan

    def clean(self) -> dict[str, Any]:
        """Make one plan of what was given."""
        given = self.cleaned_data
        lowest, highest, plan = given.get("lowest"), given.get("highest"), given.get("plan")
        if "plan" in self.errors:
            return given
        if plan and (given.get("categories") or lowest or highest):
            self.add_error("plan", _("Give a file, or categories and prices, not both."))
            return given
        if bool(lowest) != bool(highest):
            self.add_error("highest" if lowest else "lowest", _("Give both prices, or neither."))
            return given
        if plan is None:
            price = {"price": [str(lowest), str(highest)]} if lowest and highest else {}
            plan = {name: dict(price) for name in given.get("categories") or sorted(KINDS)}
        try:
            checked = DrawPlan.from_dict(plan)
        except SourceError as error:
            self.add_error("plan" if given.get("plan") else "lowest", error.message)
            return given
        if not given.get("count") and "count" not in self.errors:
            if not given.get("plan"):
                self.add_error("count", _("Say how many."))
            elif (planned := sum(kind.count for kind in checked.kinds)) > MOST_DRAWN:
                self.add_error("plan", _("That is more than 20,000 listings."))
            else:
                given["count"] = planned
        given["plan"] = plan
        return given


class ImportOptions(forms.Form):
    """The file of a catalogue, and what its rows lack."""

    catalogue = forms.FileField(
        label=_("Catalogue"),
        help_text=_(
            "A CSV, JSON Lines or Parquet file whose photos are web addresses, or a zip file of photos, with such a "
            "file or sorted in folders by category."
        ),
    )
    seller = forms.CharField(
        label=_("Seller"), max_length=80, initial="Imported", help_text=_("Of rows that name none.")
    )
    price = forms.DecimalField(
        label=_("Price"),
        min_value=0,
        max_digits=12,
        decimal_places=2,
        initial=Decimal(10),
        help_text=_("Of rows that name none."),
    )
    condition = forms.ChoiceField(
        label=_("Condition"),
        choices=Listing.Condition.choices,
        initial=Listing.Condition.GOOD,
        help_text=_("Of rows that name none."),
    )

    def clean_catalogue(self) -> Any:
        """Refuse what cannot be read, by its name; what is inside is looked at by the job."""
        upload = self.cleaned_data["catalogue"]
        if PurePosixPath(upload.name).suffix.lower() not in (*TABLES, ARCHIVE):
            raise forms.ValidationError(_("That is none of: .csv, .jsonl, .ndjson, .parquet, .zip."))
        return upload


def draw(options: dict[str, Any], *, requested_by: int | None) -> Job:
    """Ask for dummy listings."""
    seed = options["seed"] if options["seed"] is not None else secrets.randbelow(MOST_SEED)
    payload = {"count": options["count"], "seed": seed, "plan": options["plan"], "seller": options["seller"]}
    return jobs.submit("listings.draw", payload, requested_by=requested_by)


def import_catalogue(options: dict[str, Any], *, requested_by: int | None) -> Job:
    """Keep the uploaded file and ask for its import."""
    upload = options["catalogue"]
    digest = blob_store().put(upload.read())
    payload = {
        "digest": digest,
        "name": PurePosixPath(upload.name).name[-100:],
        "seller": options["seller"],
        "price": str(options["price"]),
        "condition": options["condition"],
    }
    return jobs.submit("listings.import_catalogue", payload, key=digest, requested_by=requested_by)


def _seller_page(job: Job) -> Iterable[Link]:
    slug = (job.result or {}).get("seller")
    if slug:
        yield Link(gettext("See the listings"), reverse("storefront:seller", args=[slug]))


def _import_pages(job: Job) -> Iterable[Link]:
    yield from _seller_page(job)
    run = (job.result or {}).get("run")
    if run:
        rows = reverse("admin:listings_importrow_changelist")
        yield Link(gettext("Rows, and why some were refused"), f"{rows}?run__id__exact={run}")


offer(
    Service(
        name="create-dummy-listings",
        kind="listings.draw",
        group=Group.CATALOGUE,
        title=_("Create dummy listings"),
        describes=_("Draws listings with photos, to try the shop out. They go on sale like any other."),
        permission=MAY_SELL,
        options=DrawOptions,
        submit=draw,
        produced=_seller_page,
    )
)
offer(
    Service(
        name="import-catalogue",
        kind="listings.import_catalogue",
        group=Group.CATALOGUE,
        title=_("Import a catalogue"),
        describes=_(
            "Turns the rows of a file into listings. Started again with the same file it goes on where it ended."
        ),
        permission=MAY_SELL,
        options=ImportOptions,
        submit=import_catalogue,
        produced=_import_pages,
    )
)
