"""The tax settings of a merchant in Clover, and the rates that fit the taxes of an order."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from orders.domain.source import Source, Tax

NO_TAX = "NO_TAX_APPLIED"
"""The name of Clover's own rate of 0, which keeps the merchant's default rates off a row (documented)."""
PERCENT = 100_000
"""Clover's rates count 10,000,000 for 100 %."""


@dataclass(frozen=True)
class TaxRate:
    """A tax rate of the merchant; `rate` is in Clover's units."""

    id: str
    name: str
    rate: int
    is_default: bool = False


@dataclass(frozen=True)
class MerchantTaxes:
    """Whether the merchant's prices contain tax (`vat`), and the merchant's rates."""

    vat: bool = False
    rates: tuple[TaxRate, ...] = ()

    @property
    def none_id(self) -> str | None:
        """The id of the rate that keeps all tax off a row."""
        return next((each.id for each in self.rates if each.name == NO_TAX and not each.rate), None)

    def fitting(self, taxes: Sequence[Tax]) -> tuple[str, ...] | None:
        """Return the ids of the rates for these taxes of one row: one each, or one of their sum; None when none fit."""
        charged = [each for each in taxes if each.amount]
        if not all(each.rate for each in charged):
            return None
        found: list[str] = []
        for each in charged:
            found += self._ids(each.rate or Decimal(0), each.name, found)[:1]
        if len(found) == len(charged):
            return tuple(found)
        summed = self._ids(sum((each.rate or Decimal(0) for each in charged), Decimal(0)), "", ())
        return tuple(summed[:1]) or None

    def needed_by(self, source: Source) -> "MerchantTaxes":
        """Return the rates that an order may name. It keeps them: changes in Clover must not change its rows."""
        groups = [*(each.taxes for each in source.priced), source.taxes]
        ids = {each for group in groups for each in self.fitting(group) or ()}
        ids |= {each for group in groups for tax in group for each in self.fitting([tax]) or ()}
        return replace(self, rates=tuple(each for each in self.rates if each.id in ids or each.id == self.none_id))

    def _ids(self, percent: Decimal, name: str, taken: Collection[str]) -> list[str]:
        """Return the rates of this percentage, those of the same name first, then the merchant's default."""
        same = [each for each in self.rates if each.rate == percent * PERCENT and each.id not in taken]
        return [each.id for each in sorted(same, key=lambda each: (each.name != name, not each.is_default, each.id))]
