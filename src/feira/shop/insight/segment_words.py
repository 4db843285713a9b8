"""Segments in words that people understand, made from what sets them apart, in the language of whoever reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from feira.shop.insight.customer_figures import FIGURES, Figure
from feira.shop.web.money import price_text

# A medium difference between means, in standard deviations (Cohen 1988).
NOTABLE = 0.5
MOST_TRAITS = 4
# A category is named when it is the favourite of so many, and of so many times more than of everybody.
LEAST_SHARE, LEAST_LIFT = 0.4, 1.25
WEEK, MONTH, YEAR = 7, 31, 365

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Trait:
    """One figure that sets a segment apart; `bar` and `overall_bar` are lengths of 0 to 100, the longer one 100."""

    name: str
    label: str
    difference: float
    value: str
    overall_value: str
    bar: float
    overall_bar: float


@dataclass(frozen=True, slots=True)
class Everybody:
    """What segments are compared with: means by name, quarters of usual prices, names of categories, the currency."""

    averages: Mapping[str, float | None]
    price: list[float] | None
    categories: Mapping[int, str]
    currency: str


def title_of(facts: Facts, everybody: Everybody) -> str:
    """Return a segment in a few words: what they do, with what, at which prices, and when they were last here."""
    return _("%(doing)s, %(lately)s") % {"doing": _doing(facts, everybody), "lately": _lately(facts["recency_median"])}


def traits_of(facts: Facts, everybody: Everybody) -> list[Trait]:
    """Return what sets a segment apart, the most notable first; perhaps nothing."""
    differences = facts["differences"]
    implied = _implied(facts)
    notable = [figure for figure in FIGURES if abs(differences[figure.name]) >= NOTABLE and figure.name not in implied]
    notable.sort(key=lambda figure: -abs(differences[figure.name]))
    return [_trait(figure, facts, everybody) for figure in notable[:MOST_TRAITS]]


def _implied(facts: Facts) -> set[str]:
    """Return what others say already: how many likes a month, and the categories of who looks at nothing."""
    implied = {"likes_per_month"} if abs(facts["differences"]["likes"]) >= NOTABLE else set()
    return implied | {"top_category_share", "categories"} if _is_idle(facts["means"]) else implied


def _trait(figure: Figure, facts: Facts, everybody: Everybody) -> Trait:
    value, overall = facts["means"].get(figure.name), everybody.averages.get(figure.name)
    most = max(value or 0, overall or 0) or 1
    return Trait(
        name=figure.name,
        label=str(figure.label),
        difference=facts["differences"][figure.name],
        value=value_text(figure, value, everybody.currency),
        overall_value=value_text(figure, overall, everybody.currency),
        bar=round(100 * (value or 0) / most, 1),
        overall_bar=round(100 * (overall or 0) / most, 1),
    )


def value_text(figure: Figure, value: float | None, currency: str) -> str:
    """Return a mean with its unit; a dash where it is not known."""
    if value is None:
        return "–"
    if figure.unit == "price":
        return price_text(rounded_price(value), currency)
    if figure.unit == "share":
        return _("%(percent)d %%") % {"percent": round(100 * value)}
    if figure.unit == "days":
        if value < 1:
            return _("less than a day")
        days = round(value)
        return ngettext("%(days)s day", "%(days)s days", days) % {"days": number_format(days, force_grouping=True)}
    return number_format(value, decimal_pos=0 if value >= 100 else 1, force_grouping=True)


def rounded_price(value: float) -> Decimal:
    """Return a price with two digits that count, as people say it.

    >>> rounded_price(37.84), rounded_price(1234.0), rounded_price(2.449)
    (Decimal('38'), Decimal('1200'), Decimal('2.4'))
    """
    exact = Decimal(str(value))
    if not exact:
        return Decimal(0)
    short = exact.quantize(Decimal(1).scaleb(exact.adjusted() - 1), ROUND_HALF_UP)
    return Decimal(f"{short:f}")


def _doing(facts: Facts, everybody: Everybody) -> str:
    means, differences = facts["means"], facts["differences"]
    if max(differences["published"], differences["sold"]) >= NOTABLE:
        return (
            _("Sells, and looks around little")
            if _is_idle(means)
            else _("Sells, and likes %(what)s") % {"what": _what(facts, everybody)}
        )
    if _is_idle(means):
        return _("Hardly looks at anything")
    if differences["judgements"] >= max(NOTABLE, differences["likes"], differences["clicks"]):
        return _("Judges results, mostly %(what)s") % {"what": _what(facts, everybody)}
    doing = _("Likes %(what)s") if (means["likes"] or 0) >= (means["clicks"] or 0) else _("Looks at %(what)s")
    return doing % {"what": _what(facts, everybody)}


def _is_idle(means: Mapping[str, float | None]) -> bool:
    return (means["likes"] or 0) + (means["clicks"] or 0) < 1


def _what(facts: Facts, everybody: Everybody) -> str:
    favourite = facts["category"]
    name = everybody.categories.get(favourite["id"]) if favourite else None
    if name and favourite["share"] >= max(LEAST_SHARE, min(LEAST_LIFT * favourite["overall"], 0.95)):
        what = name
    elif facts["differences"]["categories"] >= NOTABLE:
        what = _("many kinds of things")
    else:
        what = _("things")
    if facts["price"] is None or everybody.price is None:
        return what
    low, _middle, high = facts["price"]
    usual = everybody.price[1]
    if high < usual:
        return _("%(what)s under %(price)s") % {"what": what, "price": _price(high, everybody)}
    if low > usual:
        return _("%(what)s over %(price)s") % {"what": what, "price": _price(low, everybody)}
    return what


def _lately(days: float) -> str:
    if days <= WEEK:
        return _("was here this week")
    if days <= MONTH:
        return _("was here this month")
    if days <= YEAR:
        months = max(round(days / (YEAR / 12)), 1)
        return ngettext("away for %(months)s month", "away for %(months)s months", months) % {"months": months}
    return _("away for more than a year")


def _price(value: float, everybody: Everybody) -> str:
    return price_text(rounded_price(value), everybody.currency)
