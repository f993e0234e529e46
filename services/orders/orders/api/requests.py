"""The bodies and query strings that the API of orders reads."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StringConstraints, model_validator

from common.http.channel import Channel
from common.http.paging import PageByNumber
from common.http.routes import Input
from common.money import Currency, exponent
from orders.api import elsewhere
from orders.api.amounts import SignedAmount, WholeOrText, in_minor_units, with_whole_amounts
from orders.api.parts import CustomerInput, DiscountInput, ExtraInput, LineInput, PaymentInput, TaxInput
from orders.domain.order import OrderStatus
from orders.domain.source import Amount, Customer, Source
from orders.domain.sums import whole

MOST_LINES = 5000
LARGEST_BODY = 8 * 1024 * 1024
"""Bytes of an order: 1,600 for each of the most lines."""
LONGEST_NOTE = 10_000
"""Characters of a note, of which Clover holds 2,047: no order is refused for the words of its customer."""
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def _this_century(moment: datetime) -> datetime:
    if not EARLIEST <= moment <= LATEST:
        raise ValueError("must lie between the years 2000 and 2100")
    return moment


Text40 = Annotated[str, StringConstraints(min_length=1, max_length=40)]


def _text(moment: object) -> str:
    """Refuse a number, also as text, which pydantic would take for seconds since 1970."""
    if not (isinstance(moment, str) and DATE.match(moment)):
        raise ValueError("must be a text such as `2026-11-23T10:00:00+01:00`")
    return moment


class OrderInput(Input):
    """An order of another store: `number`, `currency`, `lines` and `total` suffice.

    Each amount is a whole number of minor units of `currency` (cents), or a decimal text in the currency itself, such
    as `"12.50"`. A text may be finer than the currency: the order is rounded once, and the rest shown as rounding.
    """

    elsewhere: ClassVar = elsewhere.ORDER

    channel: Annotated[Channel, Field(description="The store that the order comes from.")] = Channel(
        channel="api", store="default"
    )
    number: Annotated[Text40, Field(description="The order number that people see in that store.")]
    currency: Annotated[
        Currency, Field(description="The ISO 4217 currency of every amount. It must be the merchant's own currency.")
    ]
    prices_include_tax: Annotated[
        bool, Field(description="Whether the prices of lines, shipping and fees contain their taxes.")
    ] = False
    lines: Annotated[
        list[LineInput],
        Field(
            min_length=1,
            max_length=MOST_LINES,
            description="The lines. An order of more than Clover takes (2,497, shipping and fees included) is held.",
        ),
    ]
    discounts: Annotated[
        list[DiscountInput],
        Field(
            default_factory=list,
            max_length=20,
            description="Discounts of the whole order that are not in `lines` or `shipping`.",
        ),
    ]
    shipping: Annotated[list[ExtraInput], Field(default_factory=list, max_length=20, description="The shipping.")]
    fees: Annotated[
        list[ExtraInput],
        Field(default_factory=list, max_length=20, description="Fees: gift wrapping, deposits, surcharges, duties."),
    ]
    taxes: Annotated[
        list[TaxInput],
        Field(
            default_factory=list,
            max_length=20,
            description="The taxes of the whole order, where they are not known by line: one for each rate. Where both "
            "are given, the amounts here are the sum, and those of the lines are its parts.",
        ),
    ]
    tips: Annotated[
        list[PaymentInput], Field(default_factory=list, max_length=20, description="Tips, which `total` contains.")
    ]
    rounding: Annotated[
        SignedAmount, Field(description="What the store added, or took off, to round the total, as for cash.")
    ] = 0
    total: Annotated[
        WholeOrText,
        Field(
            description="What the customer pays in all, with tips: lines minus discounts, plus shipping, fees, added "
            "taxes and rounding."
        ),
    ]
    payments: Annotated[
        list[PaymentInput] | None,
        Field(
            max_length=20,
            description="What was paid, each payment by itself, gift cards and store credit too. Absent: the whole "
            "`total` was paid. An empty list: nothing yet, as with cash on delivery.",
        ),
    ] = None
    refunds: Annotated[
        list[PaymentInput],
        Field(default_factory=list, max_length=20, description="What was given back of the payments."),
    ]
    note: Annotated[
        str,
        StringConstraints(max_length=LONGEST_NOTE),
        Field(
            description="What the customer or the store wrote about the order, shown on the order in Clover as far as "
            "it fits, about 1,900 characters. Sent for merchants in the US, dropped everywhere else."
        ),
    ] = ""
    customer: Annotated[CustomerInput | None, Field(description="The customer, if known.")] = None
    placed_at: Annotated[
        Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_text), AfterValidator(_this_century)] | None,
        Field(description="When the customer placed the order: ISO 8601 with its time zone, from 2000 to 2100."),
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _without_minor_units(cls, body: Any) -> Any:
        """Read `"1250"` as an amount of a currency without minor units, in which stores write it so."""
        currency = body.get("currency") if isinstance(body, dict) else None
        return with_whole_amounts(body) if isinstance(currency, str) and exponent(currency) == 0 else body

    def source(self) -> Source:
        """Return the order with all amounts in minor units."""
        currency, included = self.currency, self.prices_include_tax
        return Source(
            channel=self.channel.channel,
            store=self.channel.store,
            number=self.number,
            currency=currency,
            lines=tuple(each.line(currency, included=included) for each in self.lines),
            total=whole(in_minor_units(self.total, currency)),
            customer=Customer(**self.customer.model_dump()) if self.customer else None,
            placed_at=self.placed_at.astimezone(UTC) if self.placed_at else None,
            discounts=tuple(each.discount(currency) for each in self.discounts),
            shipping=tuple(each.charged(currency, "Shipping", included=included) for each in self.shipping),
            fees=tuple(each.charged(currency, "Fee", included=included) for each in self.fees),
            taxes=tuple(each.tax(currency, included=included) for each in self.taxes),
            tips=tuple(each.payment(currency) for each in self.tips),
            rounding=in_minor_units(self.rounding, currency),
            payments=None if self.payments is None else tuple(each.payment(currency) for each in self.payments),
            refunds=tuple(each.payment(currency) for each in self.refunds),
            note=self.note.strip(),
        )

    def without_free_text(self) -> Self:
        """Return the order without the options that customers may have written themselves. Their prices stay."""
        return self.model_copy(update={"lines": [each.without_free_text() for each in self.lines]})

    @property
    def exact_total(self) -> Amount:
        """The total in minor units before it is rounded."""
        return in_minor_units(self.total, self.currency)


class SubmitQuery(Input):
    """How an order is taken that is stored already."""

    edit: Annotated[
        bool, Field(description="Whether an order that is in Clover is changed there, where it differs.")
    ] = False


class OrdersQuery(PageByNumber):
    """The orders to list."""

    state: Annotated[OrderStatus | None, Field(description="List only orders in this state.")] = None
