"""The customers of a merchant: found before they are created."""

from collections.abc import Callable, Sequence

from common.clover.transport import MerchantApi, Unread
from orders.clover.responses import Expanded, IdResponse, Response
from orders.domain.source import Customer, digits

MOST_CUSTOMER_PAGES = 10
"""Pages of 100 customers read to find one. More come only from a Clover that ignores the filter."""


class EmailAddress(Response):
    email_address: str = ""


class PhoneNumber(Response):
    phone_number: str = ""


class CustomerMetadata(Response):
    note: str = ""


class CustomerResponse(Response):
    """A customer of the merchant with their addresses and numbers."""

    id: str
    first_name: str = ""
    last_name: str = ""
    customer_since: int = 0
    email_addresses: Expanded[EmailAddress] = Expanded()
    phone_numbers: Expanded[PhoneNumber] = Expanded()
    metadata: CustomerMetadata = CustomerMetadata()

    def has_email(self, email: str) -> bool:
        return email.casefold() in {each.email_address.strip().casefold() for each in self.email_addresses.elements}

    def has_phone(self, phone: str) -> bool:
        return digits(phone) in {digits(each.phone_number) for each in self.phone_numbers.elements}

    @property
    def name(self) -> str:
        return Customer(self.first_name, self.last_name).name


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
