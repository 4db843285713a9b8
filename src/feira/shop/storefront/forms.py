"""The form on the sell page."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from feira.settings import load_settings
from feira.shop.listings.models import Attribute, Category, Listing
from feira.shop.listings.services import ListingFacts

ATTRIBUTE_PREFIX = "attr_"


class ListingForm(forms.Form):
    """Everything a seller says about a listing; photos travel as an ordered list of ids."""

    title = forms.CharField(label=_("Title"), max_length=120, help_text=_("What would a buyer type to find it?"))
    category = forms.ModelChoiceField(label=_("Category"), queryset=Category.objects.order_by("path"))
    price = forms.DecimalField(label=_("Price"), min_value=0, max_digits=12, decimal_places=2)
    currency = forms.CharField(label=_("Currency"), min_length=3, max_length=3)
    condition = forms.ChoiceField(label=_("Condition"), choices=Listing.Condition.choices)
    stock = forms.IntegerField(label=_("How many"), min_value=1, max_value=100_000, initial=1)
    description = forms.CharField(
        label=_("Description"), max_length=5000, required=False, widget=forms.Textarea(attrs={"rows": 5})
    )

    more_tags = forms.CharField(
        label=_("Add tags"),
        max_length=400,
        required=False,
        help_text=_("Words that buyers may look for, with commas between them."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["currency"].initial = load_settings().currency
        self.fields["condition"].initial = Listing.Condition.GOOD
        places = list(Category.objects.values_list("pk", "path"))
        for attribute in Attribute.objects.prefetch_related("choices", "categories"):
            field = _field_for(attribute)
            # The page hides what does not belong to the chosen category; without script everything is asked.
            field.widget.attrs["data-categories"] = _fitting_categories(attribute, places)
            self.fields[f"{ATTRIBUTE_PREFIX}{attribute.code}"] = field

    def facts(self) -> ListingFacts:
        """Return the checked values as the service wants them."""
        values = self.cleaned_data
        return ListingFacts(
            title=values["title"],
            category=values["category"],
            price=values["price"],
            currency=values["currency"],
            description=values["description"],
            condition=values["condition"],
            stock=values["stock"],
            attributes={
                name.removeprefix(ATTRIBUTE_PREFIX): str(value)
                for name, value in values.items()
                if name.startswith(ATTRIBUTE_PREFIX) and value not in (None, "")
            },
        )

    @staticmethod
    def initial_from(listing: Listing) -> dict[str, Any]:
        """Return what the form shows for a listing read by `listing_in_full`."""
        initial: dict[str, Any] = {
            name: getattr(listing, name)
            for name in ("title", "category", "price", "currency", "condition", "stock", "description")
        }
        for value in listing.attribute_values.all():
            shown = value.choice.value if value.choice else value.number if value.number is not None else value.text
            initial[f"{ATTRIBUTE_PREFIX}{value.attribute.code}"] = shown
        return initial


def _fitting_categories(attribute: Attribute, places: Sequence[tuple[int, str]]) -> str:
    """Return the numbers of the attribute's categories and those below them; empty when it fits everywhere."""
    roots = [category.path for category in attribute.categories.all()]
    fitting = [pk for pk, path in places if any(path == root or path.startswith(f"{root}/") for root in roots)]
    return " ".join(map(str, fitting))


def _field_for(attribute: Attribute) -> forms.Field:
    label = f"{attribute.name} ({attribute.unit})" if attribute.unit else attribute.name
    if attribute.kind == Attribute.Kind.CHOICE:
        choices = [("", "—"), *((choice.value, choice.value) for choice in attribute.choices.all())]
        return forms.ChoiceField(label=label, required=False, choices=choices)
    if attribute.kind == Attribute.Kind.NUMBER:
        return forms.DecimalField(label=label, required=False, max_digits=16, decimal_places=4)
    return forms.CharField(label=label, required=False, max_length=200)
