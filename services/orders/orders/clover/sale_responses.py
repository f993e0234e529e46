"""An order in Clover with its rows and its money, as Clover's answers show it and as a sale."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field

from common.contracts.orders import ReturnCause
from common.ids import CloverId
from common.money import Currency
from orders.clover.responses import MOST_NESTED, Expanded, Response
from orders.domain.carts import Adjustment, Cart, Line, Rate
from orders.domain.clover_order import SUCCESS
from orders.domain.sales import Money, Row, Sale
from orders.domain.till_amounts import Amounts, amounts

UNIT = 1000

Cents = Annotated[int, Field(ge=-(10**12), le=10**12)]
Milliseconds = Annotated[int, Field(ge=0, le=10**14)]


class Ref(Response):
    id: CloverId


class Modification(Response):
    amount: Cents = 0


class Discount(Response):
    """A discount or a service charge. `percentage_decimal` has precedence (seen in Clover's own calculator)."""

    amount: Cents = 0
    percentage: Annotated[int, Field(ge=-(10**9), le=10**9)] = 0
    percentage_decimal: Annotated[int, Field(ge=-(10**12), le=10**12)] | None = None
    enabled: bool = True

    def adjustment(self) -> Adjustment:
        return Adjustment(percentage=self.percentage, percentage_decimal=self.percentage_decimal, amount=self.amount)


class TaxRate(Response):
    id: CloverId
    rate: Annotated[int, Field(ge=0, le=10**12)] = 0
    tax_amount: Cents = 0


class RowResponse(Response):
    """A line item; `unit_qty` is in thousandths, on items sold by weight or measure alone (documented)."""

    id: CloverId
    item: Ref | None = None
    price: Cents = 0
    unit_qty: Annotated[int, Field(ge=0, le=10**12)] | None = None
    created_time: Milliseconds = 0
    refunded: bool = False
    exchanged: bool = False
    is_order_fee: bool = False
    modifications: Expanded[Modification] = Expanded()
    discounts: Expanded[Discount] = Expanded()
    tax_rates: Expanded[TaxRate] = Expanded()

    def row(self, amount: int) -> Row:
        cause = ReturnCause.REFUNDED if self.refunded else ReturnCause.EXCHANGED if self.exchanged else None
        item_id = self.item.id if self.item else None
        quantity = UNIT if self.unit_qty is None else self.unit_qty
        return Row(self.id, item_id, quantity, amount, time_of(self.created_time), cause)

    def line(self) -> Line:
        """Return it as Clover's arithmetic sees it."""
        return Line(
            price=self.price,
            unit_qty=self.unit_qty,
            modifications=tuple(each.amount for each in self.modifications.elements),
            tax_rates=tuple(
                Rate(id=each.id, rate=each.rate, amount=each.tax_amount) for each in self.tax_rates.elements
            ),
            discounts=tuple(each.adjustment() for each in self.discounts.elements),
            refunded=self.refunded,
            exchanged=self.exchanged,
            is_order_fee=self.is_order_fee,
        )


class MoneyResponse(Response):
    """Money that was taken for a sale, or given back."""

    id: CloverId
    amount: Cents = 0
    tip_amount: Cents = 0
    tax_amount: Cents = 0
    created_time: Milliseconds = 0

    def money(self, rows: Sequence[Ref] = ()) -> Money:
        """Return it with the rows that it concerns."""
        row_ids = tuple(each.id for each in rows)
        return Money(self.id, self.amount, time_of(self.created_time), row_ids, self.tip_amount, self.tax_amount)


class PaymentResponse(MoneyResponse):
    result: str = SUCCESS


class RefundResponse(MoneyResponse):
    voided: bool = False
    line_items: Expanded[Ref] = Expanded()


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
    is_vat: bool = False
    tax_removed: bool = False
    manual_transaction: bool = False
    line_items: Expanded[RowResponse] | None = None
    payments: Expanded[PaymentResponse] = Expanded()
    refunds: Expanded[RefundResponse] = Expanded()

    @property
    def modified_at(self) -> datetime:
        return time_of(self.modified_time)

    @property
    def is_cut_off(self) -> bool:
        """Whether it may have more rows than it shows."""
        return self.line_items is None or len(self.line_items.elements) >= MOST_NESTED

    def is_explained_by(self, counted: Amounts) -> bool:
        """Return whether the rows and extras add up to the total."""
        return self.total is None or counted.total == self.total

    def amounts(self, rows: Sequence[RowResponse], extras: "Extras | None" = None) -> Amounts:
        """Return the sum of these rows by Clover's arithmetic."""
        extras = extras or Extras()
        charge = extras.service_charge
        return amounts(
            Cart(
                name=self.id,
                vat=self.is_vat,
                tax_removed=self.tax_removed,
                manual=self.manual_transaction,
                lines=tuple(each.line() for each in rows),
                discounts=tuple(each.adjustment() for each in extras.discounts.elements),
                service_charge=charge.adjustment() if charge and charge.enabled else Adjustment(),
            )
        )

    def sale(self, rows: Sequence[RowResponse], counted: Amounts) -> Sale:
        """Return the sale with these rows. Without any details Clover states the tax that the prices contain."""
        payments = tuple(each.money() for each in self.payments.elements if each.result == SUCCESS)
        refunds = tuple(each.money(each.line_items.elements) for each in self.refunds.elements if not each.voided)
        stated = sum(each.tax for each in payments) - sum(each.tax for each in refunds)
        return Sale(
            id=self.id,
            currency=self.currency,
            modified_at=self.modified_at,
            reference=self.external_reference_id,
            total=self.total,
            state=self.state,
            payment_state=self.payment_state,
            is_test=self.test_mode,
            is_deleted=bool(self.deleted_timestamp),
            added_tax=counted.added_tax,
            contained_tax=counted.contained_tax or (stated if self.is_vat else 0),
            rows=tuple(
                each.row(amount) for each, amount in zip(rows, counted.rows, strict=True) if not each.is_order_fee
            ),
            payments=payments,
            refunds=refunds,
        )


class CreditResponse(MoneyResponse):
    """Money given back without a sale, as by a manual refund."""

    voided: bool = False
    order_ref: Ref | None = None

    def sale(self, currency: str) -> Sale:
        given_back = self.money()
        return Sale(
            self.id,
            currency,
            given_back.at,
            is_deleted=self.voided,
            refunds=(given_back,),
            added_tax=-self.tax_amount,
            is_credit=True,
            credited=self.order_ref.id if self.order_ref else None,
        )


class Extras(Response):
    """The amounts that an order adds to its rows, or takes off all of them."""

    discounts: Expanded[Discount] = Expanded()
    service_charge: Discount | None = None


def time_of(milliseconds: int) -> datetime:
    """Return a moment in Clover's time."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
