"""Prices as people write them where they live."""

from decimal import Decimal

import pytest
from django.utils import translation

from feira.shop.web.money import price_text


@pytest.mark.parametrize(
    ("amount", "currency", "language", "text"),
    [
        ("12.50", "EUR", "en", "€12.50"),
        ("12.00", "EUR", "en", "€12"),
        ("1234567.5", "EUR", "en", "€1,234,567.50"),
        ("12.50", "EUR", "pt", "€ 12,50"),
        ("0", "USD", "en", "$0"),
        ("1500", "JPY", "en", "¥1,500"),
        ("12.50", "EUR", "xx", "€12.50"),
    ],
)
def test_a_price_reads_as_in_the_readers_language(amount: str, currency: str, language: str, text: str) -> None:
    with translation.override(language):
        assert price_text(Decimal(amount), currency).replace("\N{NO-BREAK SPACE}", " ") == text
