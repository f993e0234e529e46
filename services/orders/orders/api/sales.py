"""Lists the sales that Clover made itself, as they were published to the other channels."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from common.db import merchants
from common.http.paging import PageByNumber, part
from common.http.routes import Call
from common.quantity import DecimalQuantity, decimal
from orders import store
from orders.deps import Deps
from orders.domain.sales import Counted, Part
from orders.store.sales import ShownSale


class SaleLine(BaseModel):
    """A line of a sale that was not returned."""

    item_id: Annotated[str | None, Field(description="The item in Clover; null for a custom line.")]
    sku: Annotated[str | None, Field(description="The SKU that the item is linked to, if any.")]
    quantity: Annotated[DecimalQuantity, Field(description="The quantity sold, such as 1 or 0.255.")]
    amount: Annotated[
        int,
        Field(
            description="Its price in minor units of `currency`, with modifications and discounts, without added tax."
        ),
    ]


class Sale(BaseModel):
    """A sale at the till, or by another app in Clover, as it stands now."""

    clover_order_id: Annotated[str, Field(description="The id of the order in Clover, or of a manual credit.")]
    sold_at: Annotated[datetime, Field(description="When it was paid, by Clover's clock, in UTC.")]
    currency: Annotated[str, Field(description="The ISO 4217 currency of every amount.")]
    paid: Annotated[int, Field(description="The money taken, in minor units, with tax and without tips.")]
    refunded: Annotated[int, Field(description="The money given back since, in minor units.")]
    added_tax: Annotated[int, Field(description="The tax on top of the lines, in minor units.")]
    contained_tax: Annotated[int, Field(description="The tax in the prices of the lines, in minor units.")]
    tips: Annotated[int, Field(description="The tips, which are not in `paid`, in minor units.")]
    lines: Annotated[list[SaleLine], Field(description="The lines that were not refunded, exchanged or voided since.")]


class SalesPage(BaseModel):
    """A page of sales. Those that did not change for 120 days are forgotten."""

    sales: Annotated[list[Sale], Field(description="The sales, in the order in which QuickSync learned of them.")]
    next: Annotated[int | None, Field(description="The cursor of the next page; null on the last page.")]


async def list_sales(call: Call[Deps, PageByNumber]) -> SalesPage:
    """Return a page of the merchant's sales."""
    query, deps = call.input, call.deps
    await merchants.find_or_fetch(deps.database, deps.catalog, call.merchant_id)
    async with deps.database.connection() as conn:
        found = await store.sales.page(conn, call.merchant_id, query.cursor or 0, query.limit + 1)
        page, last = part(found, query.limit)
        items = {each.item_id for shown in page for each in shown.published.parts.values() if each.item_id}
        skus = await store.links.of_items(conn, call.merchant_id, items)
    return SalesPage(sales=[_sale(each, skus) for each in page], next=last.position if last else None)


def _sale(shown: ShownSale, skus: Mapping[str, str]) -> Sale:
    parts = sorted(shown.published.parts.items())
    return Sale(
        clover_order_id=shown.clover_order_id,
        sold_at=shown.sold_at,
        currency=shown.currency,
        paid=shown.published.paid,
        refunded=-_sum(parts, Counted.REFUND),
        added_tax=_sum(parts, Counted.ADDED_TAX),
        contained_tax=_sum(parts, Counted.CONTAINED_TAX),
        tips=_sum(parts, Counted.TIP),
        lines=[_line(part, skus) for (kind, _), part in parts if kind is Counted.LINE],
    )


def _sum(parts: Sequence[tuple[tuple[Counted, str], Part]], counted: Counted) -> int:
    return sum(part.amount for (kind, _), part in parts if kind is counted)


def _line(part: Part, skus: Mapping[str, str]) -> SaleLine:
    sku = skus.get(part.item_id) if part.item_id else None
    return SaleLine(item_id=part.item_id, sku=sku, quantity=decimal(part.quantity), amount=part.amount)
