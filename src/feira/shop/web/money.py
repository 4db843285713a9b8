"""Prices as people write them."""

from decimal import Decimal

from babel import Locale, UnknownLocaleError
from babel.numbers import format_currency
from django.utils.translation import get_language


def price_text(amount: Decimal, currency: str) -> str:
    """Return an amount in the reader's language, as in `€12.50`; whole amounts lose their cents."""
    locale = _reader_locale()
    if amount != amount.to_integral_value():
        return format_currency(amount, currency, locale=locale)
    pattern = locale.currency_formats["standard"].pattern.replace("0.00", "0")
    return format_currency(amount, currency, format=pattern, locale=locale, currency_digits=False)


def _reader_locale() -> Locale:
    try:
        return Locale.parse((get_language() or "en").replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return Locale("en")
