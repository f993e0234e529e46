"""Reads the orders in Clover from which sales are published: by their ids, or all that changed since a time."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from common.clover.paging import Endless
from common.clover.transport import MerchantApi
from common.contracts.orders import ReturnCause
from common.errors import NotFound, Rejected, Unavailable
from common.ids import CloverId
from common.money import Currency
from orders.clover.responses import Response
from orders.domain.clover_order import SUCCESS
from orders.domain.sales import Money, Row, Sale

EXPAND = "lineItems,payments,refunds"
"""Clover expands three collections a call (documented), so discounts and modifications of rows are not read."""

MOST_NESTED = 100
"""An expanded collection is cut off at this length without a sign of it (documented)."""

PAGE = 200
"""Orders of a page: with a hundred rows each its body stays below the 16 MiB that a response may have."""

UNIT = 1000

Cents = Annotated[int, Field(ge=-(10**12), le=10**12)]
Milliseconds = Annotated[int, Field(ge=0, le=10**14)]


class Ref(Response):
    id: CloverId


class Refs(Response):
    elements: tuple[Ref, ...] = ()


class RowResponse(Response):
    """A line item; `unit_qty` is in thousandths, on items sold by weight or measure alone (documented)."""

    id: CloverId
    item: Ref | None = None
    price: Cents = 0
    unit_qty: Annotated[int, Field(ge=0, le=10**12)] = UNIT
    created_time: Milliseconds = 0
    refunded: bool = False
    exchanged: bool = False
    is_order_fee: bool = False

    def row(self) -> Row:
        cause = ReturnCause.REFUNDED if self.refunded else ReturnCause.EXCHANGED if self.exchanged else None
        # Clover rounds half up, to a minor unit per row (seen in its own calculator).
        amount = (self.price * self.unit_qty * 2 + UNIT) // (2 * UNIT)
        item_id = self.item.id if self.item else None
        return Row(self.id, item_id, self.unit_qty, amount, _time(self.created_time), cause)


class Rows(Response):
    elements: tuple[RowResponse, ...] = ()


class PaymentResponse(Response):
    id: CloverId
    amount: Cents = 0
    result: str = SUCCESS
    created_time: Milliseconds = 0


class Payments(Response):
    elements: tuple[PaymentResponse, ...] = ()


class RefundResponse(Response):
    id: CloverId
    amount: Cents = 0
    created_time: Milliseconds = 0
    voided: bool = False
    line_items: Refs = Refs()


class Refunds(Response):
    elements: tuple[RefundResponse, ...] = ()


class SaleResponse(Response):
    """An order with its rows, payments and refunds."""

    id: CloverId
    currency: Currency
    modified_time: Milliseconds = 0
    external_reference_id: str | None = None
    total: Cents | None = None
    state: str | None = None
    payment_state: str | None = None
    test_mode: bool = False
    deleted_timestamp: Milliseconds = 0
    line_items: Rows | None = None
    payments: Payments = Payments()
    refunds: Refunds = Refunds()

    @property
    def is_cut_off(self) -> bool:
        """Whether it may have more rows than it shows."""
        return self.line_items is None or len(self.line_items.elements) >= MOST_NESTED

    def sale(self, rows: Sequence[RowResponse]) -> Sale:
        return Sale(
            id=self.id,
            currency=self.currency,
            modified_at=_time(self.modified_time),
            reference=self.external_reference_id,
            total=self.total,
            state=self.state,
            payment_state=self.payment_state,
            is_test=self.test_mode,
            is_deleted=bool(self.deleted_timestamp),
            rows=tuple(each.row() for each in rows if not each.is_order_fee),
            payments=tuple(
                Money(each.id, each.amount, _time(each.created_time))
                for each in self.payments.elements
                if each.result == SUCCESS
            ),
            refunds=tuple(
                Money(each.id, each.amount, _time(each.created_time), tuple(row.id for row in each.line_items.elements))
                for each in self.refunds.elements
                if not each.voided
            ),
        )


class DeletedOrder(Response):
    id: CloverId
    deleted_timestamp: Milliseconds = 0

    @property
    def deleted_at(self) -> datetime:
        return _time(self.deleted_timestamp)


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
    """Return the sale with all its rows, or None if the order was deleted meanwhile."""
    if not shown.is_cut_off or shown.deleted_timestamp:
        return shown.sale(shown.line_items.elements if shown.line_items else ())
    try:
        pages = api.pages(f"orders/{shown.id}/line_items", RowResponse)
        return shown.sale([row async for page in pages for row in page])
    except NotFound:
        return None


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


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _milliseconds(time: datetime) -> int:
    return int(time.timestamp()) * 1000
