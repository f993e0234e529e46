"""The slice of Clover that orders uses: order types, tenders, orders, line items, customers, payments."""

from collections.abc import Callable, Mapping, Sequence

from pydantic import ConfigDict
from pydantic.alias_generators import to_camel

from common.clover.transport import Answered, MerchantApi, Unread
from common.errors import NotFound
from orders.domain.order import Order
from orders.domain.seen import LOCKED, SUCCESS, Payment, Seen
from orders.domain.setup import TENDER_KEY, Setup, is_our_order_type
from orders.domain.source import Customer, Line, clipped, digits, note, title, units

MOST_NESTED = 100
"""What hangs on an order is cut here when expanded, and the cut does not show (documented)."""


class Named(Answered):
    """What Clover answers, under Clover's names."""

    model_config = ConfigDict(alias_generator=to_camel)


class Ref(Named):
    id: str


class OrderType(Named):
    """System types may have no label (recorded)."""

    id: str
    label: str | None = None
    is_deleted: bool | None = None
    deleted_time: int | None = None


class Tender(Named):
    id: str
    label_key: str | None = None
    enabled: bool | None = None


class Paid(Named):
    amount: int
    external_payment_id: str | None = None
    result: str = SUCCESS


class Payments(Named):
    elements: tuple[Paid, ...] = ()


class Refs(Named):
    elements: tuple[Ref, ...] = ()


class Found(Named):
    id: str
    external_reference_id: str | None = None
    created_time: int = 0


class Contact(Named):
    email_address: str = ""
    phone_number: str = ""


class Contacts(Named):
    elements: tuple[Contact, ...] = ()


class Known(Named):
    """A customer of the merchant with every way to reach them."""

    id: str
    first_name: str = ""
    last_name: str = ""
    email_addresses: Contacts = Contacts()
    phone_numbers: Contacts = Contacts()

    def has_email(self, email: str) -> bool:
        return email.lower() in {each.email_address.lower() for each in self.email_addresses.elements}

    def has_phone(self, phone: str) -> bool:
        return digits(phone) in {digits(each.phone_number) for each in self.phone_numbers.elements}


class Shown(Named):
    """An order with its lines and payments; none of these at all means that the expand was ignored (documented)."""

    total: int | None = None
    state: str | None = None
    payment_state: str | None = None
    deleted_timestamp: int | None = None
    line_items: Refs | None = None
    payments: Payments | None = None


async def find_order_type(api: MerchantApi) -> str | None:
    """Our order type, if the merchant has made it; there is no filter by label (recorded)."""
    async for page in api.pages("order_types", OrderType):
        for each in page:
            if is_our_order_type(each.label) and not each.is_deleted and not each.deleted_time:
                return each.id
    return None


async def find_tender(api: MerchantApi) -> str | None:
    """Clover's own tender External Payment, if it is switched on."""
    async for page in api.pages("tenders", Tender):
        for each in page:
            if each.label_key == TENDER_KEY and each.enabled is not False:
                return each.id
    return None


async def create_order(api: MerchantApi, order: Order, setup: Setup) -> str:
    """Create the order without its lines; its id. Clover leaves the total to us (documented)."""
    body = {
        "state": "open",  # without it the order is an invisible draft (documented)
        "orderType": {"id": setup.order_type_id},
        "title": title(order.source),
        "note": note(order.source_id),
        "externalReferenceId": order.reference,
        "total": order.source.total,
    }
    return (await api.post("orders", body, Ref)).id


async def find_orders(api: MerchantApi, reference: str) -> list[str]:
    """The orders that carry this reference, the earliest first; Clover looks back 90 days (documented).

    Held against the reference once more: were the filter ignored, we would take a stranger's order for ours.
    """
    found: list[Found] = []
    async for page in api.pages("orders", Found, {"filter": f"externalReferenceId={reference}"}, limit=100):
        found.extend(each for each in page if each.external_reference_id == reference)
    return [each.id for each in sorted(found, key=lambda order: (order.created_time, order.id))]


async def add_lines(api: MerchantApi, clover_order_id: str, lines: Sequence[Line], items: Mapping[str, str]) -> None:
    """Add up to 100 lines in one call. A SKU without an item becomes a named custom line."""
    await api.post(f"orders/{clover_order_id}/bulk_line_items", {"items": [_line(e, items) for e in lines]}, Unread)


def _line(line: Line, items: Mapping[str, str]) -> dict[str, object]:
    own = {"name": clipped(line.name), "price": line.unit_price}
    return {"item": {"id": items[line.sku]}, **own} if line.sku in items else own


async def find_customer(api: MerchantApi, customer: Customer) -> str | None:
    """Whoever has this e-mail address, else this telephone number."""
    email, phone, found = customer.email, customer.phone, None
    if email is not None:
        found = await _customer(api, [f"emailAddress={email}"], lambda each: each.has_email(email))
    if phone is not None and found is None:
        found = await _customer(api, [f"phoneNumber={phone}"], lambda each: each.has_phone(phone))
    return found


async def find_namesake(api: MerchantApi, customer: Customer) -> str | None:
    """Whoever is called so: to find again one just made who left neither address nor number."""
    first, last = customer.first_name, customer.last_name
    filters = [f"{name}={value}" for name, value in (("firstName", first), ("lastName", last)) if value]
    if not filters:
        return None
    return await _customer(api, filters, lambda each: (each.first_name, each.last_name) == (first, last))


async def create_customer(api: MerchantApi, customer: Customer) -> str:
    """Make the customer known to Clover; its id."""
    body = {
        "firstName": customer.first_name,
        "lastName": customer.last_name,
        "emailAddresses": [{"emailAddress": customer.email}] if customer.email else [],
        "phoneNumbers": [{"phoneNumber": customer.phone}] if customer.phone else [],
    }
    return (await api.post("customers", body, Ref)).id


async def attach_customer(api: MerchantApi, clover_order_id: str, customer_id: str) -> None:
    """Put the customer on the order; doing it twice changes nothing."""
    await api.post(f"orders/{clover_order_id}", {"customers": [{"id": customer_id}]}, Unread)


async def pay(api: MerchantApi, clover_order_id: str, order: Order, setup: Setup) -> None:
    """Book the whole total as paid outside; Clover then marks the order paid and locks it (documented)."""
    body = {"tender": {"id": setup.tender_id}, "amount": order.source.total, "externalPaymentId": order.reference}
    await api.post(f"orders/{clover_order_id}/payments", body, Unread)


async def lock_order(api: MerchantApi, clover_order_id: str) -> None:
    """Close the order to changes, as some clients do themselves; twice changes nothing."""
    await api.post(f"orders/{clover_order_id}", {"state": LOCKED}, Unread)


async def show_order(api: MerchantApi, order: Order) -> Seen:
    """The order as Clover shows it. Raises NotFound when there is none, or it was deleted."""
    clover_order_id = order.clover_id
    # No `customers`: one expand without its permission fails the whole call (recorded).
    shown = await api.get(f"orders/{clover_order_id}", Shown, {"expand": "lineItems,payments"})
    if shown.deleted_timestamp:
        raise NotFound("The order was deleted in Clover.")
    lines = None if shown.line_items is None else len(shown.line_items.elements)
    if lines is None or lines >= MOST_NESTED or len(units(order.source.lines)) >= MOST_NESTED:
        lines = await _count_lines(api, clover_order_id)
    payments = shown.payments or await _payments(api, clover_order_id)
    return Seen(
        lines=lines,
        total=shown.total,
        payments=tuple(Payment(e.external_payment_id, e.amount, e.result) for e in payments.elements),
        payment_state=shown.payment_state,
        state=shown.state,
    )


async def delete_order(api: MerchantApi, clover_order_id: str) -> None:
    """Delete the order, which is all Clover offers to cancel one. Raises NotFound when it is gone already."""
    await api.delete(f"orders/{clover_order_id}")


async def _customer(api: MerchantApi, filters: Sequence[str], fits: Callable[[Known], bool]) -> str | None:
    """The first customer that these filters find and that does fit: a filter that is ignored finds anybody."""
    params = {"filter": filters, "expand": "emailAddresses,phoneNumbers"}
    async for page in api.pages("customers", Known, params, limit=100):
        return next((each.id for each in page if fits(each)), None)
    return None


async def _payments(api: MerchantApi, clover_order_id: str) -> Payments:
    pages = api.pages(f"orders/{clover_order_id}/payments", Paid)
    return Payments(elements=tuple([each async for page in pages for each in page]))


async def _count_lines(api: MerchantApi, clover_order_id: str) -> int:
    return sum([len(page) async for page in api.pages(f"orders/{clover_order_id}/line_items", Ref)])
