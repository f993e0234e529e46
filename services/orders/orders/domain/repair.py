"""Repairs rows that Clover keeps otherwise than they were written: at prices or with taxes of its own.

Whether every Clover takes our prices on linked items, and keeps its default taxes off rows that name none, is not
verified. A device would then compute another total than the store charged.
"""

from collections.abc import Iterator
from dataclasses import replace

from common import messages
from orders.domain.carts import Cart, Line
from orders.domain.clover_order import CloverOrder, CloverRow
from orders.domain.order import Order
from orders.domain.progress import Progress
from orders.domain.row_ids import row_ids
from orders.domain.rows import Row
from orders.domain.taxes import MerchantTaxes
from orders.domain.timeline import Entry, TimelineEvent
from orders.domain.totals import compute
from orders.domain.waiting import some


def repair(order: Order, shown: CloverOrder) -> tuple[Progress, Entry] | None:
    """Return the progress with which such an order goes on; None when it is as it was written, or cannot be mended.

    Rows at a price of Clover's own go without their item. Taxes of Clover's own are removed from the whole order, and
    the store's tax becomes a row.
    """
    texts, progress = messages.for_locale(), order.progress
    skus = sorted({row.sku for row, _ in mispriced(order, shown)} - {"", *progress.refused_skus})
    if skus:
        said = texts.text("reason.items_have_own_price", skus=some(skus))
        return replace(progress, refused_skus=(*progress.refused_skus, *skus)), Entry(TimelineEvent.ITEMS_DROPPED, said)
    if progress.taxes and not progress.taxes.vat and not order.charge.tax_removed and has_other_taxes(order, shown):
        untaxed = replace(progress, taxes=replace(progress.taxes, rates=()), edited=True)
        return untaxed, Entry(TimelineEvent.TAXES_CHANGED, texts.text("reason.own_taxes"))
    return None


def mispriced(order: Order, shown: CloverOrder) -> Iterator[tuple[Row, CloverRow]]:
    """Yield the rows of ours that Clover shows at another price."""
    for row, each in _pairs(order, shown):
        if each.price is not None and each.price not in {row.price, row.unit_price}:
            yield row, each


def has_other_taxes(order: Order, shown: CloverOrder) -> bool:
    """Return whether Clover taxes a row of ours by other rates than it was written with."""
    shown_rates = ((row, each.rates) for row, each in _pairs(order, shown) if each.rates is not None)
    return any({rate.id for rate in rates} != {*row.rates} for row, rates in shown_rates)


def tax_by_shown_rates(order: Order, shown: CloverOrder) -> int:
    """Return the tax that a device computes by the rates that Clover shows."""
    taxes, removed = order.progress.taxes or MerchantTaxes(), order.charge.tax_removed
    lines = tuple(Line(price=row.price, tax_rates=each.rates or ()) for row, each in _pairs(order, shown))
    return compute(Cart(name="order", vat=taxes.vat, tax_removed=removed, lines=lines)).tax


def _pairs(order: Order, shown: CloverOrder) -> Iterator[tuple[Row, CloverRow]]:
    planned = dict(zip(row_ids(order), order.charge.rows, strict=True))
    return ((planned[each.ours], each) for each in shown.rows if each.ours in planned)
