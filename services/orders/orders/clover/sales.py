"""Reads the orders in Clover from which sales are published: by their ids, or all that changed since a time."""

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ValidationError

from common.clover.paging import Endless
from common.clover.transport import MerchantApi
from common.errors import NotFound, Rejected, Unavailable
from common.ids import CloverId
from orders.clover.responses import Response
from orders.clover.sale_responses import CreditResponse, Extras, Milliseconds, RowResponse, SaleResponse, time_of
from orders.domain.sales import Sale

EXPAND = "lineItems,payments,refunds"
"""Clover expands three collections a call (documented). Most sales need no more: their rows come to their total."""

ROW_EXPAND = "modifications,discounts,taxRates"
ORDER_EXPAND = "discounts,serviceCharge"

PAGE = 200
"""Orders of a page: with a hundred rows each its body stays below the 16 MiB that a response may have."""


class DeletedOrder(Response):
    id: CloverId
    deleted_timestamp: Milliseconds = 0

    @property
    def deleted_at(self) -> datetime:
        return time_of(self.deleted_timestamp)


class Elements(BaseModel):
    """A page whose elements are decoded one by one, so that an odd one hides no other."""

    elements: list[dict[str, Any]] | None = None


@dataclass
class Found:
    """Orders of one page, and the ids of those that cannot be decoded."""

    orders: list[SaleResponse] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    size: int = 0


async def find(api: MerchantApi, order_ids: Collection[str]) -> list[SaleResponse]:
    """Return those of these orders that Clover lists, in one call. Drafts, deleted and very new ones are not listed."""
    names = ",".join(f"'{each}'" for each in order_ids)
    try:
        found = await _page(api, {"filter": f"id in ({names})"}, len(order_ids))
    except Rejected:  # that orders can be filtered by their ids is not documented
        return []
    return [each for each in found.orders if each.id in order_ids]


async def show(api: MerchantApi, order_id: str) -> SaleResponse:
    """Return this order. Raises NotFound when there is none."""
    return await api.get(f"orders/{order_id}", SaleResponse, {"expand": EXPAND})


async def whole(api: MerchantApi, shown: SaleResponse) -> Sale | None:
    """Return the sale with all its rows and their amounts, or None if the order was deleted meanwhile.

    Rows whose prices do not come to the order's total have modifications, discounts or taxes, which are read; and if
    they do not come to it with these either, so are the discounts of the order.
    """
    rows = shown.line_items.elements if shown.line_items else ()
    counted = shown.amounts(rows)
    sale = shown.sale(rows, counted)
    if shown.deleted_timestamp or not (shown.is_cut_off or (sale.is_paid and not shown.is_explained_by(counted))):
        return sale
    try:
        pages = api.pages(f"orders/{shown.id}/line_items", RowResponse, {"expand": ROW_EXPAND})
        rows = tuple([row async for page in pages for row in page])
        counted = shown.amounts(rows)
        if sale.is_paid and not shown.is_explained_by(counted):
            extras = await api.get(f"orders/{shown.id}", Extras, {"expand": ORDER_EXPAND})
            counted = shown.amounts(rows, extras)
    except NotFound:
        return None
    return shown.sale(rows, counted)


async def changed_since(api: MerchantApi, since: datetime) -> AsyncIterator[Found]:
    """Read all orders that changed since this time, by the time of their change.

    Each page begins where the last one ended, rather than at an offset: orders that change meanwhile move to the end
    and are read there, and deep offsets, which Clover may not serve, are not needed.
    """
    seen: set[tuple[str, int]] = set()
    start, offset = _milliseconds(since), 0
    while True:
        # The times have whole seconds (recorded), so the last second of a page is read again.
        params = {"filter": f"modifiedTime>={start}", "orderBy": "modifiedTime ASC", "offset": str(offset)}
        found = await _page(api, params, PAGE)
        new = [each for each in found.orders if (each.id, each.modified_time) not in seen]
        if found.size >= PAGE and not new:
            raise Endless
        seen |= {(each.id, each.modified_time) for each in new}
        yield Found(new, found.odd)
        if found.size < PAGE:
            return
        last = max(each.modified_time for each in new)
        start, offset = (last, 0) if last > start else (start, offset + found.size)


async def deleted_since(api: MerchantApi, since: datetime) -> list[DeletedOrder]:
    """Return the orders that were deleted since this time, which no other list shows."""
    try:
        pages = api.pages("orders", DeletedOrder, {"filter": f"deletedTime>={_milliseconds(since)}"})
        return [each async for page in pages for each in page if each.deleted_timestamp]
    except Rejected:
        return []


async def credits_since(api: MerchantApi, since: datetime) -> list[CreditResponse]:
    """Return the credits that were given since this time."""
    try:
        pages = api.pages("credits", CreditResponse, {"filter": f"createdTime>={_milliseconds(since)}"})
        return [each async for page in pages for each in page]
    except Rejected:
        return []


async def _page(api: MerchantApi, params: dict[str, str], limit: int) -> Found:
    answer = await api.get("orders", Elements, {**params, "expand": EXPAND, "limit": str(limit)})
    if answer.elements is None:
        raise Unavailable("Clover's response has no list")
    found = Found(size=len(answer.elements))
    for each in answer.elements:
        try:
            found.orders.append(SaleResponse.model_validate(each))
        except ValidationError:
            found.odd.append(str(each.get("id", "")))
    return found


def _milliseconds(time: datetime) -> int:
    return int(time.timestamp()) * 1000
