"""The form that asks for a data set; what it asks becomes JSON that `asked_from_json` reads."""

from collections.abc import Iterator, Mapping
from datetime import datetime, time
from typing import Any, Final

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from feira.core.augment.fields import InvalidRecipe
from feira.core.augment.geometry import LARGEST_SIDE
from feira.core.augment.presets import PRESETS
from feira.core.augment.recipe import LARGEST_SEED, MOST_VARIANTS, Recipe
from feira.shop.datasets import form_choices as choices
from feira.shop.datasets.asked import FORMATS, MOST_SIMILAR
from feira.shop.datasets.form_choices import ATTRIBUTE, NO_RECIPE, OWN_RECIPE, PASTED_RECIPE, SIDES
from feira.shop.datasets.recipe_forms import RecipeForm, initial_of
from feira.shop.datasets.recipe_refusals import refusal_of
from feira.shop.listings.models import Listing
from feira.shop.search.words import MOST_CHARACTERS

MOST_PHOTOS: Final = 10_000_000
# Places in a request whose field has another name.
FIELD_OF: Final = {
    "augmentation": "recipe",
    "image.size": "image_size",
    "image.format": "image_format",
    "image.quality": "image_quality",
    "predictions": "classes",
    "split.by": "split_by",
    "split.ratios": "test",
    "split.seed": "split_seed",
}


class DataSetForm(forms.Form):
    """What goes in, what a model shall learn, how it is divided, and as what it comes.

    A recipe of one's own is a form beside it, `recipe_form`, read when it was chosen.
    """

    name = forms.CharField(
        label=_("Name"), max_length=120, required=False, help_text=_("So that you find it again. It changes no bytes.")
    )

    words = forms.CharField(
        label=_("Words"),
        max_length=MOST_CHARACTERS,
        required=False,
        help_text=_("As in search: every word has to be there, and none with a minus before it."),
    )
    category = forms.ChoiceField(label=_("Category"), required=False)
    conditions = forms.MultipleChoiceField(
        label=_("Condition"),
        required=False,
        choices=Listing.Condition.choices,
        widget=forms.CheckboxSelectMultiple,
    )
    colours = forms.MultipleChoiceField(label=_("Colour"), required=False, widget=forms.CheckboxSelectMultiple)
    min_price = forms.DecimalField(label=_("Price from"), required=False, min_value=0, max_digits=12, decimal_places=2)
    max_price = forms.DecimalField(label=_("Price to"), required=False, min_value=0, max_digits=12, decimal_places=2)
    seller = forms.CharField(
        label=_("Seller"), required=False, max_length=90, help_text=_("As in the address of their page.")
    )
    similar_to = forms.IntegerField(
        label=_("Looks like listing"), required=False, min_value=1, help_text=_("The number in its address.")
    )
    most_similar = forms.IntegerField(
        label=_("Keep so many that look most like it"),
        required=False,
        min_value=1,
        max_value=MOST_SIMILAR,
        initial=240,
    )
    published_since = forms.DateField(
        label=_("Posted on or after"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    published_until = forms.DateField(
        label=_("Posted before"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    photos = forms.ChoiceField(
        label=_("Photos of each listing"), choices=choices.PHOTOS, initial="all", widget=forms.RadioSelect
    )
    most_photos = forms.IntegerField(
        label=_("At most so many photos"),
        required=False,
        min_value=1,
        max_value=MOST_PHOTOS,
        help_text=_("Fewer are drawn by a chance that is the same every time. Empty: all of them."),
    )

    label = forms.ChoiceField(label=_("What a model shall learn"), required=False)
    split_by = forms.ChoiceField(
        label=_("Divide by"), choices=choices.SPLITS, initial="seller", widget=forms.RadioSelect
    )
    train = forms.IntegerField(label=_("Training, %"), required=False, min_value=0, max_value=100, initial=80)
    validation = forms.IntegerField(label=_("Validation, %"), required=False, min_value=0, max_value=100, initial=10)
    test = forms.IntegerField(label=_("Test, %"), required=False, min_value=0, max_value=100, initial=10)
    split_seed = forms.IntegerField(
        label=_("Seed of the division"),
        required=False,
        min_value=0,
        max_value=LARGEST_SEED,
        initial=0,
        help_text=_("Another number divides otherwise."),
    )

    fit = forms.ChoiceField(label=_("Size of the photos"), choices=choices.FITS, initial="longest")
    image_size = forms.IntegerField(
        label=_("Pixels"), required=False, min_value=16, max_value=LARGEST_SIDE, initial=512
    )
    image_format = forms.ChoiceField(label=_("Kind of files"), choices=choices.FILES, initial="jpeg")
    image_quality = forms.IntegerField(
        label=_("Quality of JPEG and WebP"), required=False, min_value=1, max_value=100, initial=90
    )

    recipe = forms.ChoiceField(label=_("Changed copies"), initial=NO_RECIPE, widget=forms.RadioSelect)
    variants = forms.IntegerField(
        label=_("Copies of each photo"), required=False, min_value=1, max_value=MOST_VARIANTS, initial=3
    )
    recipe_seed = forms.IntegerField(
        label=_("Seed of the changes"),
        required=False,
        min_value=0,
        max_value=LARGEST_SEED,
        initial=0,
        help_text=_("Another number gives other copies."),
    )
    recipe_json = forms.CharField(
        label=_("Recipe as JSON"), required=False, max_length=20_000, widget=forms.Textarea(attrs={"rows": 6})
    )

    model = forms.ChoiceField(label=_("Which model"), required=False)
    classes = forms.BooleanField(label=_("The classes it sees in every picture"), required=False)
    embeddings = forms.BooleanField(label=_("Its embedding of every picture"), required=False)

    formats = forms.MultipleChoiceField(
        label=_("Formats"),
        choices=choices.FORMAT_NAMES,
        initial=["folder"],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one format.")},
    )
    target = forms.CharField(
        label=_("Also put it here"),
        max_length=500,
        required=False,
        help_text=_("A folder of the server, or a bucket such as s3://my-bucket/shoes. Empty: only to be downloaded."),
    )

    def __init__(self, data: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.recipe_form = RecipeForm(data, initial=initial_of(PRESETS["light"]))
        self._choose("category", choices.categories())
        self._choose("colours", choices.colours())
        self._choose("label", choices.labels())
        self._choose("model", choices.models())
        self._choose("recipe", choices.recipes())
        self.fields["label"].initial = "category"
        for attribute in choices.choice_attributes():
            self.fields[f"{ATTRIBUTE}{attribute.code}"] = forms.MultipleChoiceField(
                label=attribute.name,
                required=False,
                choices=[(choice.value, choice.value) for choice in attribute.choices.all()],
                widget=forms.CheckboxSelectMultiple,
            )

    def attribute_fields(self) -> Iterator[forms.BoundField]:
        """Yield the fields of attributes."""
        return (self[name] for name in self.fields if name.startswith(ATTRIBUTE))

    def clean(self) -> dict[str, Any]:
        """Check what several fields say together."""
        given = self.cleaned_data
        low, high = given.get("min_price"), given.get("max_price")
        if low is not None and high is not None and low > high:
            self.add_error("max_price", _("This has to be the higher price."))
        if given.get("split_by") not in (None, "none") and sum(self._shares()) != 100:
            self.add_error("test", _("The three shares have to sum to 100 %."))
        if given.get("recipe"):
            self._clean_recipe(given["recipe"])
        return given

    def _clean_recipe(self, chosen: str) -> None:
        given = self.cleaned_data
        if chosen == OWN_RECIPE and not self.recipe_form.is_valid():
            self.add_error("recipe", _("Something about the operations is to be changed; see below."))
            return
        try:
            recipe = self._recipe(chosen)
        except InvalidRecipe as error:
            self.add_error("recipe_json" if chosen == PASTED_RECIPE else "recipe", refusal_of(error))
            return
        if chosen == OWN_RECIPE and not recipe.operations:
            self.add_error("recipe", _("Choose at least one operation."))
        given["made_recipe"] = recipe if recipe.operations else None

    def _recipe(self, chosen: str) -> Recipe:
        if chosen == PASTED_RECIPE:
            recipe = Recipe.from_text(self.cleaned_data.get("recipe_json") or "{}")
        elif chosen == OWN_RECIPE:
            recipe = Recipe.from_json({"operations": self.recipe_form.operations()})
        else:
            recipe = PRESETS.get(chosen, Recipe())
        variants, seed = (self._number(name) for name in ("variants", "recipe_seed"))
        return recipe.changed(seed=seed, variants=variants)

    def made_recipe(self) -> Recipe | None:
        """Return the recipe that was chosen, None for none; the form has to be valid."""
        recipe: Recipe | None = self.cleaned_data.get("made_recipe")
        return recipe

    def asked(self) -> dict[str, Any]:
        """Return the request as `asked_from_json` reads it; the form has to be valid."""
        given = self.cleaned_data
        recipe = self.made_recipe()
        wish: dict[str, Any] = {
            "filters": self._filters(),
            "photos": given["photos"],
            "most_photos": given["most_photos"],
            "label": given["label"],
            "split": {"by": given["split_by"]},
            "image": self._image(),
            "formats": [each for each in FORMATS if each in given["formats"]],
        }
        if given["split_by"] != "none":
            shares = zip(SIDES, self._shares(), strict=True)
            wish["split"] |= {"ratios": {side: share / 100 for side, share in shares if share}}
            wish["split"] |= {"seed": self._number("split_seed")}
        if recipe is not None:
            wish["augmentation"] = recipe.as_json()
        if given["classes"] or given["embeddings"]:
            said = {name: given[name] for name in ("classes", "embeddings")}
            wish["predictions"] = {"model": given["model"], **said}
        return wish

    def _image(self) -> dict[str, Any]:
        given = self.cleaned_data
        size = None if given["fit"] == "original" else self._number("image_size")
        rule = {"fit": given["fit"], "size": size, "format": given["image_format"]}
        return rule if rule["format"] == "png" else rule | {"quality": self._number("image_quality")}

    def _filters(self) -> dict[str, Any]:
        given = self.cleaned_data
        filters: dict[str, Any] = {
            name: given[name]
            for name in ("words", "category", "seller", "similar_to", "conditions", "colours")
            if given[name] not in (None, "", [])
        }
        if given["similar_to"] is not None:
            filters["most_similar"] = self._number("most_similar")
        filters |= {name: str(given[name]) for name in ("min_price", "max_price") if given[name] is not None}
        for name in ("published_since", "published_until"):
            if given[name] is not None:
                filters[name] = timezone.make_aware(datetime.combine(given[name], time())).isoformat()
        attributes = {
            name.removeprefix(ATTRIBUTE): given[name]
            for name in self.fields
            if name.startswith(ATTRIBUTE) and given.get(name)
        }
        return filters | ({"attributes": attributes} if attributes else {})

    def refuse(self, errors: Mapping[str, str]) -> None:
        """Put what the service says about a request beside the fields that it is about."""
        for where, text in errors.items():
            self.add_error(self._field_of(where), text)

    def _field_of(self, where: str) -> str | None:
        """Return the name of the field for a place in the request such as `filters.category`; None for the whole."""
        first, _dot, rest = where.partition(".")
        inner = rest.partition(".")[0].partition("[")[0]
        name = FIELD_OF.get(f"{first}.{inner}" if inner else first, inner or first)
        return name if name in self.fields else None

    def _shares(self) -> list[int]:
        return [self._number(side) for side in SIDES]

    def _number(self, name: str) -> int:
        """Return a number, or what the field shows at first where it was left empty."""
        given = self.cleaned_data.get(name)
        return int(self.fields[name].initial if given is None else given)

    def _choose(self, name: str, options: list[tuple[str, Any]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - tells the type checker
        field.choices = options
