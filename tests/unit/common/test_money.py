"""Amounts in minor units as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import messages
from common.money import EXPONENTS, exponent, format_money


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (1250, "USD", "$12.50"),
        (-5, "USD", "-$0.05"),
        (5, "EUR", "€0.05"),
        (5000, "JPY", "¥5,000"),
        (5000, "KRW", "₩5,000"),
        (5000, "CLP", "CLP\xa05,000"),
        (5000, "KWD", "KWD\xa05.000"),
        (5, "KWD", "KWD\xa00.005"),
        (5000, "IQD", "IQD\xa05.000"),
        (5000, "HUF", "HUF\xa050.00"),
        (5000, "COP", "COP\xa050.00"),
        (5000, "IDR", "IDR\xa050.00"),
        (5000, "RSD", "RSD\xa050.00"),
        (5000, "LBP", "LBP\xa050.00"),
        (5000, "CLF", "CLF\xa00.5000"),
        (5000, "ISK", "ISK\xa05,000"),
        (5000, "XXX", "¤50.00"),
        (10**12, "USD", "$10,000,000,000.00"),
    ],
)
def test_the_minor_unit_is_that_of_iso_4217(amount: int, currency: str, text: str) -> None:
    """The decimal places are those of ISO 4217, even where people usually write fewer."""
    assert format_money(amount, currency) == text
    assert messages.for_locale().money(amount, currency) == text


@pytest.mark.parametrize(
    ("locale", "text"), [("de", "12.345,60\xa0€"), ("fr", "12\u202f345,60\xa0€"), ("es", "12.345,60\xa0€")]
)
def test_the_form_is_that_of_the_language(locale: str, text: str) -> None:
    """Separators and the place of the symbol follow the language."""
    assert format_money(1234560, "EUR", locale) == text


@given(st.integers(-(10**15), 10**15), st.sampled_from([*EXPONENTS, "USD", "EUR", "HUF", "ZZZ"]))
def test_no_digit_is_lost(amount: int, currency: str) -> None:
    """The digits shown are those of the amount, however large it is."""
    shown = format_money(amount, currency)
    assert int("".join(character for character in shown if character.isdecimal())) == abs(amount)
    _, point, places = shown.partition(".")
    assert len(places) == exponent(currency) or not point
