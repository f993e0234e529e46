"""The calls to Clover that orders makes: order types, tenders, orders, line items, customers, payments."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydantic import ConfigDict
from pydantic.alias_generators import to_camel

from common.clover.transport import Answered, MerchantApi, Unread
from common.errors import NotFound, Permanent
from orders.domain.clover_order import LOCKED, SUCCESS, CloverOrder, Payment
from orders.domain.order import Order
from orders.domain.setup import TENDER_KEY, Setup, is_our_order_type
from orders.domain.source import Customer, Line, clipped, digits, note, title, units

MOST_NESTED = 100
"""An expanded collection is cut off at this length without a sign of it (documented)."""

MOST_CUSTOMER_PAGES = 10
"""Pages of 100 customers read to find one. More come only from a Clover that ignores the filter."""


class Response(Answered):
    """An answer of Clover, under Clover's field names."""

    model_config = ConfigDict(alias_generator=to_camel)


class IdResponse(Response):
    id: str


class OrderTypeResponse(Response):
    """System types may have no label (recorded)."""

    id: str
    label: str | None = None
    is_deleted: bool | None = None
    deleted_time: int | None = None


class TenderResponse(Response):
    id: str
    label_key: str | None = None
    enabled: bool | None = None


class ItemResponse(Response):
    """An item; deleted ones may still be shown."""

    id: str
    deleted: bool | None = None
    deleted_time: int | None = None


class PaymentResponse(Response):
    amount: int
    external_payment_id: str | None = None
    result: str = SUCCESS


class Payments(Response):
    elements: tuple[PaymentResponse, ...] = ()


class LineItemResponse(Response):
    """A row of an order; `user_data` holds the id of ours that we sent with it."""

    id: str
    user_data: str | None = None


class LineItems(Response):
    elements: tuple[LineItemResponse, ...] = ()


class OrderRef(Response):
    id: str
    external_reference_id: str | None = None
    created_time: int = 0


class EmailAddress(Response):
    email_address: str = ""


class EmailAddresses(Response):
    elements: tuple[EmailAddress, ...] = ()


class PhoneNumber(Response):
    phone_number: str = ""


class PhoneNumbers(Response):
    elements: tuple[PhoneNumber, ...] = ()


class CustomerMetadata(Response):
    note: str = ""


class CustomerResponse(Response):
    """A customer of the merchant with their addresses and numbers."""

    id: str
    first_name: str = ""
    last_name: str = ""
    customer_since: int = 0
    email_addresses: EmailAddresses = EmailAddresses()
    phone_numbers: PhoneNumbers = PhoneNumbers()
    metadata: CustomerMetadata = CustomerMetadata()

    def has_email(self, email: str) -> bool:
        return email.casefold() in {each.email_address.strip().casefold() for each in self.email_addresses.elements}

    def has_phone(self, phone: str) -> bool:
        return digits(phone) in {digits(each.phone_number) for each in self.phone_numbers.elements}

    @property
    def name(self) -> str:
        return Customer(self.first_name, self.last_name).name


class OrderResponse(Response):
    """An order with its lines and payments; none of these at all means that the expand was ignored (documented)."""

    total: int | None = None
    state: str | None = None
    payment_state: str | None = None
    deleted_timestamp: int | None = None
    line_items: LineItems | None = None
    payments: Payments | None = None


@dataclass(frozen=True)
class NewRow:
    """A row to be added: one unit of a line, with an id of ours and the Clover item if its SKU is linked."""

    id: str
    line: Line
    item_id: str | None


async def find_order_type(api: MerchantApi) -> str | None:
    """Return the id of our order type, if the merchant has created it; Clover has no filter by label (recorded)."""
    async for page in api.pages("order_types", OrderTypeResponse):
        for each in page:
            if is_our_order_type(each.label) and not each.is_deleted and not each.deleted_time:
                return each.id
    return None


async def find_tender(api: MerchantApi) -> str | None:
    """Return the id of Clover's own tender External Payment, if it is enabled."""
    async for page in api.pages("tenders", TenderResponse):
        for each in page:
            if each.label_key == TENDER_KEY and each.enabled is not False:
                return each.id
    return None


async def create_order(api: MerchantApi, order: Order, setup: Setup) -> str:
    """Create the order without its lines and return its id. Clover leaves the total to us (documented)."""
    body = {
        "state": "open",  # without it the order is an invisible draft (documented)
        "orderType": {"id": setup.order_type_id},
        "title": title(order.source),
        "note": note(order.source_id),
        "externalReferenceId": order.reference,
        "total": order.source.total,
    }
    return (await api.post("orders", body, IdResponse)).id


async def find_orders(api: MerchantApi, reference: str) -> list[str]:
    """Return the orders with this reference, the earliest first; Clover looks back 90 days (documented).

    The reference is compared once more: were the filter ignored, we would take a stranger's order for ours.
    """
    found: list[OrderRef] = []
    async for page in api.pages("orders", OrderRef, {"filter": f"externalReferenceId={reference}"}, limit=100):
        found.extend(each for each in page if each.external_reference_id == reference)
    return [each.id for each in sorted(found, key=lambda order: (order.created_time, order.id))]


async def add_lines(api: MerchantApi, clover_order_id: str, rows: Sequence[NewRow]) -> None:
    """Add up to 100 rows in one call. A row without an item is a named custom line."""
    await api.post(f"orders/{clover_order_id}/bulk_line_items", {"items": [_row(each) for each in rows]}, Unread)


def _row(row: NewRow) -> dict[str, object]:
    # Of a row's fields only texts may change later (documented); `userData` is the one that no person sees.
    own = {"name": clipped(row.line.name), "price": row.line.unit_price, "userData": row.id}
    return {"item": {"id": row.item_id}, **own} if row.item_id else own


async def has_item(api: MerchantApi, item_id: str) -> bool:
    """Return whether the item is in Clover, deleted neither for good nor softly."""
    try:
        item = await api.get(f"items/{item_id}", ItemResponse)
    except NotFound:
        return False
    except Permanent:  # without access to items nobody knows
        return True
    return not (item.deleted or item.deleted_time)


async def find_customer(api: MerchantApi, customer: Customer) -> str | None:
    """Return the customer with this e-mail address; without one, the customer with this number and this name.

    Several people may share a telephone number, so it never decides alone.
    """
    email, phone, name = customer.email, customer.phone, customer.name
    if email is not None:
        # Clover's filters may heed case, so the address is also looked for in small letters and by its owner's name.
        spellings = dict.fromkeys((email, email.lower()))
        for filters in (*([f"emailAddress={each}"] for each in spellings), _named(customer)):
            found = await _customer(api, filters, lambda each: each.has_email(email)) if filters else None
            if found is not None:
                return found
        return None
    if phone is not None:
        return await _customer(api, [f"phoneNumber={phone}"], lambda each: each.has_phone(phone) and each.name == name)
    return None


async def find_created(api: MerchantApi, customer: Customer, note: str) -> str | None:
    """Return the customer that was created with this note, which marks those without address and number."""
    if customer.email or customer.phone:
        return None
    return await _customer(api, _named(customer), lambda each: each.metadata.note == note, expand="metadata")


def _named(customer: Customer) -> list[str]:
    names = (("firstName", customer.first_name), ("lastName", customer.last_name))
    return [f"{name}={value}" for name, value in names if value]


async def create_customer(api: MerchantApi, customer: Customer, note: str) -> str:
    """Create the customer and return its id. One without address and number gets a note to be found again by."""
    # The address goes in small letters: Clover's filters may heed case, and it is looked for in these.
    body: dict[str, object] = {
        "firstName": customer.first_name,
        "lastName": customer.last_name,
        "emailAddresses": [{"emailAddress": customer.email.lower()}] if customer.email else [],
        "phoneNumbers": [{"phoneNumber": customer.phone}] if customer.phone else [],
    }
    if not (customer.email or customer.phone):
        body["metadata"] = {"note": note}
    return (await api.post("customers", body, IdResponse)).id


async def attach_customer(api: MerchantApi, clover_order_id: str, customer_id: str) -> None:
    """Put the customer on the order; repeating it changes nothing."""
    await api.post(f"orders/{clover_order_id}", {"customers": [{"id": customer_id}]}, Unread)


async def pay(api: MerchantApi, clover_order_id: str, order: Order, setup: Setup) -> None:
    """Record the whole total as paid elsewhere; Clover then marks the order paid and locks it (documented)."""
    body = {"tender": {"id": setup.tender_id}, "amount": order.source.total, "externalPaymentId": order.reference}
    await api.post(f"orders/{clover_order_id}/payments", body, Unread)


async def lock_order(api: MerchantApi, clover_order_id: str) -> None:
    """Close the order to changes; repeating it changes nothing."""
    await api.post(f"orders/{clover_order_id}", {"state": LOCKED}, Unread)


async def show_order(api: MerchantApi, order: Order) -> CloverOrder:
    """Return the order as Clover shows it. Raises NotFound when there is none, or it was deleted."""
    path = f"orders/{order.clover_id}"
    # No `customers`: one expand without its permission fails the whole call (recorded).
    shown = await api.get(path, OrderResponse, {"expand": "lineItems,payments"})
    if shown.deleted_timestamp:
        raise NotFound("The order was deleted in Clover.")
    rows = None if shown.line_items is None else shown.line_items.elements
    if rows is None or len(rows) >= MOST_NESTED or len(units(order.source.lines)) >= MOST_NESTED:
        rows = tuple([each async for page in api.pages(f"{path}/line_items", LineItemResponse) for each in page])
    payments = None if shown.payments is None else shown.payments.elements
    if payments is None:
        payments = tuple([each async for page in api.pages(f"{path}/payments", PaymentResponse) for each in page])
    return CloverOrder(
        rows=tuple(each.user_data for each in rows),
        total=shown.total,
        payments=tuple(Payment(each.external_payment_id, each.amount, each.result) for each in payments),
        payment_state=shown.payment_state,
        state=shown.state,
    )


async def delete_order(api: MerchantApi, clover_order_id: str) -> None:
    """Delete the order, which is all Clover offers to cancel one. Raises NotFound when it is gone already."""
    await api.delete(f"orders/{clover_order_id}")


async def _customer(
    api: MerchantApi,
    filters: Sequence[str],
    fits: Callable[[CustomerResponse], bool],
    expand: str = "emailAddresses,phoneNumbers",
) -> str | None:
    """Return the oldest customer that these filters find and that fits; Clover may ignore a filter."""
    params, read, found = {"filter": filters, "expand": expand}, 0, list[CustomerResponse]()
    async for page in api.pages("customers", CustomerResponse, params, limit=100):
        found.extend(each for each in page if fits(each))
        read += 1
        if read == MOST_CUSTOMER_PAGES:
            break
    return min(found, key=lambda each: (each.customer_since, each.id)).id if found else None
