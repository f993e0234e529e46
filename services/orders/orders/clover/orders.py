"""Orders in Clover: created, found again, shown, locked and deleted; their lines and payments."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import RootModel, model_validator

from common import messages
from common.clover.transport import MerchantApi, Unread
from common.errors import NotFound
from orders.clover.responses import MOST_NESTED, Expanded, IdResponse, Response
from orders.domain.carts import Rate
from orders.domain.clover_order import LOCKED, SUCCESS, CloverOrder, CloverRow, Payment
from orders.domain.order import Order
from orders.domain.payments import PlannedPayment
from orders.domain.privacy import is_code
from orders.domain.row_ids import identified
from orders.domain.rows import Row
from orders.domain.setup import Setup
from orders.domain.source import LONGEST_PAYMENT_NOTE, clipped, note, title


class PaymentResponse(Response):
    amount: int
    tip_amount: int = 0
    external_payment_id: str | None = None
    result: str = SUCCESS


class RateResponse(Response):
    id: str
    rate: int = 0
    tax_amount: int = 0


class LineItemResponse(Response):
    """A row of an order; `user_data` holds the id of ours that we sent with it."""

    id: str
    user_data: str | None = None
    name: str | None = None
    price: int | None = None
    tax_rates: Expanded[RateResponse] | None = None


class AddedLines(RootModel[tuple[LineItemResponse, ...]]):
    """The rows that a bulk call has added. The form of its answer is not known: one without them is as good."""

    @model_validator(mode="before")
    @classmethod
    def _of_any_form(cls, answer: Any) -> Any:
        rows = answer.get("elements") if isinstance(answer, dict) else answer
        if not isinstance(rows, list) or not all(isinstance(each, dict) and "id" in each for each in rows):
            return []
        return [{k: row.get(k) for k in ("id", "userData", "name", "price")} for row in rows]


class OrderRef(Response):
    id: str
    external_reference_id: str | None = None
    created_time: int = 0


class OrderResponse(Response):
    """An order with its lines and payments; none of these at all means that the expand was ignored (documented)."""

    total: int | None = None
    title: str | None = None
    tax_removed: bool | None = None
    state: str | None = None
    payment_state: str | None = None
    deleted_timestamp: int | None = None
    line_items: Expanded[LineItemResponse] | None = None
    payments: Expanded[PaymentResponse] | None = None


@dataclass(frozen=True)
class NewRow:
    """A row to be added, with an id of ours, the Clover item if its SKU is linked, and the rate that means no tax."""

    id: str
    row: Row
    item_id: str | None
    no_tax_id: str | None


async def create_order(api: MerchantApi, order: Order, text: str, setup: Setup) -> str:
    """Create the order with this note, without lines, and return its id. Clover leaves the total to us (documented)."""
    body = {
        **_header(api, order, text),
        "state": "open",  # without it the order is an invisible draft (documented)
        "orderType": {"id": setup.order_type_id},
        "externalReferenceId": order.reference,
    }
    return (await api.post("orders", body, IdResponse)).id


def _header(api: MerchantApi, order: Order, text: str) -> dict[str, object]:
    in_us = api.region == "us"
    return {
        "title": title(order.source),
        "note": note(order.source_id if in_us or is_code(order.source_id) else "", text if in_us else ""),
        "total": order.charge.total,
        "taxRemoved": order.charge.tax_removed,
    }


async def update_order(api: MerchantApi, order: Order, text: str) -> None:
    """Write title, note and total as they are now; repeating it changes nothing."""
    await api.post(f"orders/{order.clover_id}", _header(api, order, text), Unread)


async def set_total(api: MerchantApi, clover_order_id: str, total: int) -> None:
    """Write the total; repeating it changes nothing."""
    await api.post(f"orders/{clover_order_id}", {"total": total}, Unread)


async def find_orders(api: MerchantApi, reference: str) -> list[str]:
    """Return the orders with this reference, the earliest first; Clover looks back 90 days (documented).

    The reference is compared once more: were the filter ignored, we would take a stranger's order for ours.
    """
    found: list[OrderRef] = []
    async for page in api.pages("orders", OrderRef, {"filter": f"externalReferenceId={reference}"}, limit=100):
        found.extend(each for each in page if each.external_reference_id == reference)
    return [each.id for each in sorted(found, key=lambda order: (order.created_time, order.id))]


async def add_lines(api: MerchantApi, order: Order, rows: Sequence[NewRow]) -> list[CloverRow]:
    """Add up to 100 rows, without an item as custom lines, and return them as far as the answer shows them."""
    path = f"orders/{order.clover_id}/bulk_line_items"
    answer = await api.post(path, {"items": [_row(each) for each in rows]}, AddedLines)
    return [_shown(order, each) for each in answer.root]


async def remove_line(api: MerchantApi, clover_order_id: str, line_id: str, reason: str) -> None:
    """Void a row. Raises NotFound when it is gone already."""
    await api.delete(f"orders/{clover_order_id}/line_items/{line_id}", {"reason": reason})


def _row(new: NewRow) -> dict[str, object]:
    # Of a row's fields only texts may change later (documented); `userData` is the one that no person sees.
    row, by_weight = new.row, new.item_id is not None and new.row.thousandths is not None
    body: dict[str, object] = {
        "name": row.name,
        "price": row.unit_price if by_weight else row.price,
        "userData": new.id,
        **({"item": {"id": new.item_id}} if new.item_id else {}),
        **({"unitQty": row.thousandths} if by_weight else {}),
    }
    # Without rates of its own a row would get the item's, or the merchant's default ones (documented).
    rates = row.rates or ((new.no_tax_id,) if new.no_tax_id else ())
    return {**body, "taxRates": [{"id": each} for each in rates]}


async def pay(api: MerchantApi, clover_order_id: str, reference: str, payment: PlannedPayment, setup: Setup) -> None:
    """Record a payment made elsewhere; Clover marks an order that is paid in full, and locks it (documented)."""
    body = {
        "tender": {"id": setup.tender_id},
        "amount": payment.amount,
        "tipAmount": payment.tip,
        "taxAmount": payment.tax,
        "externalPaymentId": reference,
        **({"note": clipped(payment.name, LONGEST_PAYMENT_NOTE)} if payment.name else {}),
    }
    await api.post(f"orders/{clover_order_id}/payments", body, Unread)


async def lock_order(api: MerchantApi, clover_order_id: str) -> None:
    """Close the order to changes; repeating it changes nothing."""
    await api.post(f"orders/{clover_order_id}", {"state": LOCKED}, Unread)


async def show_order(api: MerchantApi, order: Order) -> CloverOrder:
    """Return the order as Clover shows it. Raises NotFound when there is none, or it was deleted."""
    path = f"orders/{order.clover_id}"
    # No `customers`: one expand without its permission fails the whole call (recorded).
    shown = await api.get(path, OrderResponse, {"expand": "lineItems.taxRates,payments"})
    if shown.deleted_timestamp:
        raise NotFound(messages.for_locale().text("reason.order_deleted"))
    rows = None if shown.line_items is None else shown.line_items.elements
    if rows is None or len(rows) >= MOST_NESTED or len(order.charge.rows) >= MOST_NESTED:
        pages = api.pages(f"{path}/line_items", LineItemResponse, {"expand": "taxRates"})
        rows = tuple([each async for page in pages for each in page])
    payments = None if shown.payments is None else shown.payments.elements
    if payments is None:
        payments = tuple([each async for page in api.pages(f"{path}/payments", PaymentResponse) for each in page])
    seen = CloverOrder(
        rows=tuple(_shown(order, each) for each in rows),
        total=shown.total,
        payments=tuple(
            Payment(each.external_payment_id, each.amount, each.result, each.tip_amount) for each in payments
        ),
        payment_state=shown.payment_state,
        state=shown.state,
        title=shown.title,
        tax_removed=shown.tax_removed,
        shows_our_ids=any(_is_ours(order, each) for each in rows),
    )
    return identified(order, seen)


async def delete_order(api: MerchantApi, clover_order_id: str) -> None:
    """Delete the order, which is all Clover offers to cancel one. Raises NotFound when it is gone already."""
    await api.delete(f"orders/{clover_order_id}")


def _shown(order: Order, line: LineItemResponse) -> CloverRow:
    rates = None
    if line.tax_rates is not None:
        taxing = (each for each in line.tax_rates.elements if each.rate or each.tax_amount)
        rates = tuple(Rate(id=each.id, rate=each.rate, amount=each.tax_amount) for each in taxing)
    return CloverRow(line.user_data if _is_ours(order, line) else None, line.id, line.name, line.price, rates)


def _is_ours(order: Order, line: LineItemResponse) -> bool:
    return (line.user_data or "").startswith(f"{order.reference}-")
