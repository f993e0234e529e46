"""Money: integer minor units with their currency, never a float, and its form for people."""

from decimal import Context, Decimal
from functools import cache
from typing import Annotated

from babel import Locale
from babel.numbers import NumberPattern, get_currency_symbol, parse_pattern
from pydantic import Field, StringConstraints

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
MinorUnits = Annotated[int, Field(strict=True, ge=0, le=10**12)]
SignedMinorUnits = Annotated[int, Field(strict=True, ge=-(10**12), le=10**12)]

USUAL_EXPONENT = 2
_EXCEPTIONS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
EXPONENTS = {currency: places for places, currencies in _EXCEPTIONS.items() for currency in currencies.split()}
"""Decimal places of the minor unit where they are not two (ISO 4217).

Babel's own numbers are those of CLDR, which tell how many places people usually write: 0 for HUF, COP and IDR, whose
amounts have hundredths all the same.
"""


def exponent(currency: str) -> int:
    """Return the decimal places of the currency's minor unit."""
    return EXPONENTS.get(currency, USUAL_EXPONENT)


def format_money(amount: int, currency: str, locale: Locale | str = "en") -> str:
    """Return an amount in minor units as people write it in this language: `$12.50`, `¥5,000`, `CLP 5,000`."""
    major = Decimal(amount).scaleb(-exponent(currency), Context(prec=50))
    text: str = _pattern(currency, locale).apply(major, locale, currency=currency, currency_digits=False)
    return text


@cache
def _pattern(currency: str, locale: Locale | str) -> NumberPattern:
    """Return the language's pattern for amounts of this currency, with exactly the places of its minor unit."""
    text, symbol = Locale.parse(locale).currency_formats["standard"].pattern, get_currency_symbol(currency, locale)
    if symbol[-1:].isalpha():  # CLDR puts a space between letters and digits, which Babel leaves out
        text = text.replace("¤#", "¤\xa0#")
    pattern = parse_pattern(text)
    pattern.frac_prec = (exponent(currency), exponent(currency))
    return pattern
