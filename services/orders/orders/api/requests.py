"""The bodies and query strings that the API of orders reads."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints

from common.contracts.catalog import Sku
from common.http.channel import Channel
from common.http.paging import PageByNumber
from common.http.routes import Input
from common.money import Currency, MinorUnits
from orders.domain.order import OrderStatus
from orders.domain.source import Customer, Line, Source

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def _this_century(moment: datetime) -> datetime:
    if not EARLIEST <= moment <= LATEST:
        raise ValueError("must lie between the years 2000 and 2100")
    return moment


Text40 = Annotated[str, StringConstraints(min_length=1, max_length=40)]
Detail = Annotated[str, StringConstraints(max_length=255)]


class LineInput(Input):
    """One line of an order."""

    sku: Annotated[Sku, Field(description="The SKU. One that is linked to a Clover item is sold as that item.")]
    name: Annotated[
        str,
        StringConstraints(min_length=1, max_length=255),
        Field(description="The name on the receipt. Clover shows its first 127 characters."),
    ]
    quantity: Annotated[int, Field(ge=1, le=999, description="The number of units. Clover shows one row per unit.")]
    unit_price: Annotated[
        MinorUnits, Field(description="The price of one unit, in minor units of the order's `currency` (cents).")
    ]


class CustomerInput(Input):
    """The customer. Stored sealed and sent to Clover for merchants in the US; dropped everywhere else.

    An order is never refused for its customer: Clover gets those details that it can hold.
    """

    first_name: Annotated[Detail, Field(description="The first name.")] = ""
    last_name: Annotated[Detail, Field(description="The last name.")] = ""
    email: Annotated[Detail | None, Field(description="The e-mail address, by which a customer is found first.")] = None
    phone: Annotated[Detail | None, Field(description="The telephone number, in any spelling.")] = None


class OrderInput(Input):
    """An order of another store."""

    channel: Annotated[Channel, Field(description="The store that the order comes from.")]
    number: Annotated[Text40, Field(description="The order number that people see in that store.")]
    currency: Annotated[
        Currency, Field(description="The ISO 4217 currency of every amount. It must be the merchant's own currency.")
    ]
    lines: Annotated[
        list[LineInput], Field(min_length=1, max_length=500, description="The lines, at most 2,500 units in all.")
    ]
    total: Annotated[
        MinorUnits,
        Field(ge=1, description="The sum of `quantity` × `unit_price`, in minor units of `currency` (cents)."),
    ]
    customer: Annotated[CustomerInput | None, Field(description="The customer, if known.")] = None
    placed_at: Annotated[
        AwareDatetime,
        AfterValidator(_this_century),
        Field(description="When the customer placed the order: ISO 8601 with its time zone, from 2000 to 2100."),
    ]

    def source(self) -> Source:
        customer = Customer(**self.customer.model_dump()) if self.customer else None
        return Source(
            channel=self.channel.channel,
            store=self.channel.store,
            number=self.number,
            currency=self.currency,
            lines=tuple(Line(**line.model_dump()) for line in self.lines),
            total=self.total,
            customer=customer,
            placed_at=self.placed_at.astimezone(UTC),
        )


class OrdersQuery(PageByNumber):
    """The orders to list."""

    state: Annotated[OrderStatus | None, Field(description="List only orders in this state.")] = None
