"""Prices as text. The decimal sign is decided once per column: 1.250 alone may be a thousand, or one and a quarter."""

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from common.money import exponent

SIGNS = {"$": None, "€": "EUR", "£": "GBP", "¥": "JPY", "zł": "PLN", "kr": None}
"""Signs of currencies; None for one that several currencies share."""

_SPACES = str.maketrans("", "", " \u00a0\u202f\u2009'’")
"""Characters between groups of three digits, beside dot and comma."""

_AMOUNT = re.compile(r"(?P<before>[^\d\s.,+-]*)(?P<number>[+-]?[\d.,]+)(?P<after>[^\d\s.,]*)")
_GROUPS = re.compile(r"\d{1,3}(?P<sign>[.,])\d{3}")


class BadAmount(ValueError):
    """The text is no amount. The message says why, as the end of a sentence."""


@dataclass
class Evidence:
    """The cells of a column that tell its decimal sign, and those that fit both."""

    filled: int = 0
    comma: int = 0
    dot: int = 0
    unclear: int = 0
    first_comma: int | None = None
    first_dot: int | None = None
    first_unclear: int | None = None
    unclear_cell: str = ""

    def add(self, cell: str, row: int) -> None:
        """Take note of a cell."""
        if not cell:
            return
        self.filled += 1
        sign = decimal_sign(cell)
        if sign == ",":
            self.comma, self.first_comma = self.comma + 1, self.first_comma or row
        elif sign == ".":
            self.dot, self.first_dot = self.dot + 1, self.first_dot or row
        elif sign is None:
            self.unclear, self.first_unclear = self.unclear + 1, self.first_unclear or row
            self.unclear_cell = self.unclear_cell or cell

    @property
    def decimal(self) -> str | None:
        """The decimal sign of the column; None if its cells contradict each other, or fit both."""
        if (self.comma and self.dot) or (self.unclear and not (self.comma or self.dot)):
            return None
        return "," if self.comma else "."


def decimal_sign(cell: str) -> str | None:
    """Return the decimal sign that this cell must have, "" if it tells nothing, and None if it may be either."""
    match = _AMOUNT.fullmatch(cell.translate(_SPACES))
    number = match["number"].lstrip("+-") if match else ""
    signs = [each for each in number if each in ".,"]
    if not signs:
        return ""
    if len(set(signs)) > 1:
        return signs[-1]
    if len(signs) > 1:  # only groups repeat their sign
        return "," if signs[0] == "." else "."
    is_unclear = _GROUPS.fullmatch(number) and not number.startswith("0")
    return None if is_unclear else signs[0]


def both_readings(cell: str) -> tuple[str, str]:
    """Return the amount of an unclear cell with its sign between thousands, and with its sign before the cents."""
    number = "".join(each for each in cell if each.isdigit() or each in ".,")
    return re.sub("[.,]", "", number), number.replace(",", ".")


def parse(cell: str, decimal: str, currency: str) -> int:
    """Return the amount in minor units of the currency, rounded as it is stored. Raises BadAmount."""
    match = _AMOUNT.fullmatch(cell.translate(_SPACES))
    if match is None:
        raise BadAmount("is not a price")
    _check_currency(match["before"] or match["after"], currency)
    group = "." if decimal == "," else ","
    whole, _, fraction = match["number"].lstrip("+").partition(decimal)
    if not re.fullmatch(rf"-?\d+|-?\d{{1,3}}(\{group}\d{{3}})+|-?", whole) or not re.fullmatch(r"\d*", fraction):
        raise BadAmount(f"is not a price with `{decimal}` before the cents, as in the rest of the column")
    if not (whole.strip("-") or fraction):
        raise BadAmount("is not a price")
    if whole.startswith("-"):
        raise BadAmount("is negative")
    value = Decimal(f"{whole.replace(group, '') or '0'}.{fraction or '0'}")
    return int(value.scaleb(exponent(currency)).quantize(Decimal(1), ROUND_HALF_UP))


def text(amount: int, currency: str) -> str:
    """Return an amount as our own files have it: in major units, with a dot."""
    return str(Decimal(amount).scaleb(-exponent(currency)))


def _check_currency(mark: str, currency: str) -> None:
    if mark and mark.upper() != currency and SIGNS.get(mark.lower(), mark) not in {None, currency}:
        raise BadAmount(f"is not in {currency}")
