"""What the HTTP side takes."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints

from common.contracts.catalog import Sku
from common.http.paging import PageByNumber
from common.http.routes import Input
from common.money import Currency, MinorUnits
from orders.domain.order import Shown
from orders.domain.source import Customer, Line, Source

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def _this_century(moment: datetime) -> datetime:
    if not EARLIEST <= moment <= LATEST:
        raise ValueError("must lie between the years 2000 and 2100")
    return moment


Text40 = Annotated[str, StringConstraints(min_length=1, max_length=40)]
Detail = Annotated[str, StringConstraints(max_length=255)]


class ChannelIn(Input):
    """The other store an order comes from."""

    channel: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
    store: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class LineIn(Input):
    """One line; `unit_price` is in minor units. A SKU linked to a Clover item becomes that item."""

    sku: Sku
    name: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    quantity: Annotated[int, Field(ge=1, le=999)]
    unit_price: MinorUnits


class CustomerIn(Input):
    """Who ordered. Kept and sent to Clover for US merchants only; for all others it is never stored.

    Any text is taken: no order waits for details of its customer. Clover gets what of them it can take.
    """

    first_name: Detail = ""
    last_name: Detail = ""
    email: Detail | None = None
    phone: Detail | None = None


class OrderIn(Input):
    """An order of another store. `total`, in minor units, is the sum of the lines; `placed_at` carries its zone."""

    channel: ChannelIn
    number: Text40
    currency: Currency
    lines: Annotated[list[LineIn], Field(min_length=1, max_length=500)]
    total: Annotated[MinorUnits, Field(ge=1)]
    customer: CustomerIn | None = None
    placed_at: Annotated[AwareDatetime, AfterValidator(_this_century)]

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
    """Which orders: by state."""

    state: Shown | None = None
