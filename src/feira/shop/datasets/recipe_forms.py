"""A recipe of augmentation as fields that anybody can fill: one row per operation, made from what core knows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from feira.core.augment.fields import Choice, Field, Range
from feira.core.augment.kinds import KINDS, Kind
from feira.core.augment.recipe import Recipe
from feira.shop.datasets.recipe_words import choice_label, operation_help, operation_label, setting_label

USUAL_CHANCE: Final = 50


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting on the page: one field, or two for the ends of a range."""

    label: str
    fields: tuple[forms.BoundField, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """An operation on the page."""

    name: str
    label: str
    about: str
    is_used: forms.BoundField
    place: forms.BoundField
    chance: forms.BoundField
    settings: tuple[Setting, ...]


class RecipeForm(forms.Form):
    """Which operations, in which order, how often, and how strongly; `operations` reads it back."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for place, kind in enumerate(KINDS.values(), 1):
            prefix = _prefix(kind)
            label = operation_label(kind.name)
            self.fields[f"{prefix}on"] = forms.BooleanField(required=False, label=label)
            self.fields[f"{prefix}place"] = forms.IntegerField(
                required=False, initial=place, min_value=1, max_value=99, label=_("Order")
            )
            self.fields[f"{prefix}chance"] = forms.IntegerField(
                required=False, initial=USUAL_CHANCE, min_value=1, max_value=100, label=_("Chance in percent")
            )
            for field in kind.fields:
                for name, made in _form_fields(field):
                    self.fields[f"{prefix}{name}"] = made

    def rows(self) -> Iterator[Row]:
        """Yield the operations as the page shows them."""
        for kind in KINDS.values():
            prefix = _prefix(kind)
            yield Row(
                name=kind.name,
                label=str(operation_label(kind.name)),
                about=str(operation_help(kind.name, kind.about)),
                is_used=self[f"{prefix}on"],
                place=self[f"{prefix}place"],
                chance=self[f"{prefix}chance"],
                settings=tuple(
                    Setting(
                        str(setting_label(field.name)),
                        tuple(self[f"{prefix}{name}"] for name, _made in _form_fields(field)),
                    )
                    for field in kind.fields
                ),
            )

    def operations(self) -> list[dict[str, Any]]:
        """Return the chosen operations in order, as a recipe writes them; the form has to be valid."""
        chosen = [kind for kind in KINDS.values() if self.cleaned_data[f"{_prefix(kind)}on"]]
        # Equal numbers keep the order of the page.
        chosen.sort(key=lambda kind: self._number(kind, "place"))
        return [self._operation(kind) for kind in chosen]

    def clean(self) -> dict[str, Any]:
        """Check that ranges of chosen operations are the right way round."""
        for kind in KINDS.values():
            if not self.cleaned_data.get(f"{_prefix(kind)}on"):
                continue
            for field in kind.fields:
                low, high = (self.cleaned_data.get(f"{_prefix(kind)}{field.name}_{end}") for end in ("low", "high"))
                if low is not None and high is not None and low > high:
                    name = f"{_prefix(kind)}{field.name}_low"
                    self.add_error(name, _("The first number has to be the lower one."))
        return self.cleaned_data

    def _operation(self, kind: Kind) -> dict[str, Any]:
        operation: dict[str, Any] = {"operation": kind.name, "probability": self._number(kind, "chance") / 100}
        for field in kind.fields:
            given = {name: self.cleaned_data[f"{_prefix(kind)}{name}"] for name, _made in _form_fields(field)}
            if isinstance(field, Range):
                ends = (given[f"{field.name}_low"], given[f"{field.name}_high"])
                operation[field.name] = [
                    _plain(default if end is None else end, field)
                    for end, default in zip(ends, field.default, strict=True)
                ]
            elif given[field.name] not in (None, ""):
                operation[field.name] = given[field.name]
        return operation

    def _number(self, kind: Kind, name: str) -> int:
        given = self.cleaned_data[f"{_prefix(kind)}{name}"]
        return int(self.fields[f"{_prefix(kind)}{name}"].initial if given is None else given)


def initial_of(recipe: Recipe) -> dict[str, Any]:
    """Return the initial values of a form that shows this recipe; of an operation that comes twice, the later one."""
    shown: dict[str, Any] = {}
    for place, operation in enumerate(recipe.as_json()["operations"], 1):
        kind = KINDS[operation["operation"]]
        prefix = _prefix(kind)
        shown |= {f"{prefix}on": True, f"{prefix}place": place}
        shown[f"{prefix}chance"] = round(operation["probability"] * 100)
        for field in kind.fields:
            value = operation[field.name]
            if isinstance(field, Range):
                shown |= {f"{prefix}{field.name}_low": value[0], f"{prefix}{field.name}_high": value[1]}
            else:
                shown[f"{prefix}{field.name}"] = value
    return shown


def _prefix(kind: Kind) -> str:
    return f"op_{kind.name}_"


def _form_fields(field: Field) -> Iterator[tuple[str, forms.Field]]:
    """Yield name and form field of each part of a setting."""
    label = setting_label(field.name)
    if isinstance(field, Choice):
        choices = [(choice, choice_label(choice)) for choice in field.choices]
        yield field.name, forms.ChoiceField(required=False, choices=choices, initial=field.default, label=label)
    elif isinstance(field, Range):
        for end, initial in zip(("low", "high"), field.default, strict=True):
            said = _("from") if end == "low" else _("to")
            yield f"{field.name}_{end}", _number_field(field, initial=initial, label=said)
    else:
        yield (
            field.name,
            forms.IntegerField(
                required=False, min_value=field.least, max_value=field.most, initial=field.default, label=label
            ),
        )


def _number_field(field: Range, *, initial: float, label: Any) -> forms.Field:
    limits = {"min_value": field.least, "max_value": field.most, "initial": _plain(initial, field), "label": label}
    if field.is_whole:
        return forms.IntegerField(required=False, **limits)
    return forms.FloatField(required=False, widget=forms.NumberInput(attrs={"step": "any"}), **limits)


def _plain(number: float, field: Range) -> float:
    return int(number) if field.is_whole or float(number).is_integer() else round(float(number), 6)
