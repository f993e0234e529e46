"""The parts of an order as the API reads them: lines, discounts, taxes, shipping, fees, payments and the customer."""

from typing import Annotated, ClassVar, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from common.contracts.catalog import Sku
from common.http.routes import Input
from orders.api import elsewhere
from orders.api.amounts import Percent, Quantity, WholeOrText, in_minor_units
from orders.domain.privacy import is_choice
from orders.domain.source import Discount, Extra, Line, Payment, Tax

MOST_OPTIONS = 50
"""Toppings of a pizza, and the parts of a box that customers put together."""
LONGEST_CHOICE = 5000
"""Characters of a choice: a gift message is one too, and no order is refused for it."""
MOST_PARTS = 20
"""Discounts or taxes of one line: a code, a sale, shares of both; taxes of the country, the state, the city."""


def _none_if_empty(sku: object) -> object:
    """Many stores have products without a SKU and send an empty text."""
    return None if sku == "" else sku


Name = Annotated[str, StringConstraints(max_length=255)]
Detail = Annotated[str, StringConstraints(max_length=255)]


class DiscountInput(Input):
    """An amount taken off."""

    elsewhere: ClassVar = elsewhere.DISCOUNT

    name: Annotated[Name, Field(description="Its name or code.")] = ""
    amount: Annotated[WholeOrText, Field(description="The amount taken off, 0 or more.")]

    def discount(self, currency: str) -> Discount:
        return Discount(self.name, in_minor_units(self.amount, currency))


class TaxInput(Input):
    """One tax, as the customer was charged it after all discounts."""

    elsewhere: ClassVar = elsewhere.TAX

    name: Annotated[Name, Field(description="Its name, such as `VAT` or `NY State Tax`.")] = ""
    rate: Annotated[
        Percent | None,
        Field(description="The rate in percent, such as 19 or `8.875`. With it Clover's tax report shows the tax."),
    ] = None
    amount: Annotated[WholeOrText, Field(description="The tax itself.")]
    included: Annotated[
        bool | None, Field(description="Whether prices contain it; `prices_include_tax` where it is absent.")
    ] = None

    def tax(self, currency: str, *, included: bool) -> Tax:
        contained = included if self.included is None else self.included
        return Tax(self.name, self.rate, in_minor_units(self.amount, currency), contained)


class OptionInput(Input):
    """A choice of the customer: a size, a topping, an engraving.

    Outside the US, one that looks like a text of the customer's, such as an engraving, is not kept; its price is.
    """

    elsewhere: ClassVar = elsewhere.OPTION

    name: Annotated[Name, Field(description="What was chosen from, such as `Size`.")] = ""
    value: Annotated[
        str,
        StringConstraints(max_length=LONGEST_CHOICE),
        Field(description="What was chosen, such as `L`. Clover shows 127 characters of name and options."),
    ] = ""
    price: Annotated[WholeOrText, Field(description="Its price for one unit, added to `unit_price`.")] = 0


class LineInput(Input):
    """One line of an order."""

    elsewhere: ClassVar = elsewhere.LINE

    sku: Annotated[
        Sku | None,
        BeforeValidator(_none_if_empty),
        Field(description="The SKU. One that is linked to a Clover item is sold as that item. May be empty."),
    ] = None
    name: Annotated[
        str,
        StringConstraints(max_length=500),
        Field(description="The name on the receipt, else the SKU is shown. Clover shows the first 127 characters."),
    ] = ""
    quantity: Annotated[
        Quantity, Field(description="The number of units, or a decimal text such as `0.5` for goods by weight.")
    ] = 1
    unit_price: Annotated[WholeOrText | None, Field(description="The price of one unit before discounts.")] = None
    total: Annotated[
        WholeOrText | None,
        Field(
            description="The exact price of the line before its discounts, where it is not `quantity` × `unit_price`: "
            "a store that rounds per line sells 100 units of 4.00 for 399.60."
        ),
    ] = None
    discounts: Annotated[
        list[DiscountInput],
        Field(
            default_factory=list, max_length=MOST_PARTS, description="Discounts of this line. State each discount once."
        ),
    ]
    taxes: Annotated[
        list[TaxInput], Field(default_factory=list, max_length=MOST_PARTS, description="The taxes of this line.")
    ]
    options: Annotated[
        list[OptionInput],
        Field(default_factory=list, max_length=MOST_OPTIONS, description="Options and modifiers, shown with the name."),
    ]

    @model_validator(mode="after")
    def _has_a_price(self) -> Self:
        if self.unit_price is None and self.total is None:
            raise ValueError("needs `unit_price` or `total`")
        return self

    def without_free_text(self) -> Self:
        """Return the line without the texts of options that customers may have written themselves."""
        options = [each if is_choice(each.name, each.value) else OptionInput(price=each.price) for each in self.options]
        return self.model_copy(update={"options": options})

    def line(self, currency: str, *, included: bool) -> Line:
        price = sum((in_minor_units(each.price, currency) for each in self.options), 0)
        return Line(
            self.sku or "",
            f"{self.name or self.sku or 'Item'}{_chosen(self.options)}",
            self.quantity,
            in_minor_units(self.unit_price or 0, currency) + price,
            None if self.total is None else in_minor_units(self.total, currency),
            tuple(each.discount(currency) for each in self.discounts),
            tuple(each.tax(currency, included=included) for each in self.taxes),
        )


class ExtraInput(Input):
    """Something charged beside the goods."""

    elsewhere: ClassVar = elsewhere.EXTRA

    name: Annotated[Name, Field(description="The name on the receipt.")] = ""
    amount: Annotated[WholeOrText, Field(description="Its price before discounts.")]
    discounts: Annotated[
        list[DiscountInput], Field(default_factory=list, max_length=MOST_PARTS, description="Its own discounts.")
    ]
    taxes: Annotated[list[TaxInput], Field(default_factory=list, max_length=MOST_PARTS, description="Its taxes.")]

    def charged(self, currency: str, usual_name: str, *, included: bool) -> Extra:
        return Extra(
            self.name or usual_name,
            in_minor_units(self.amount, currency),
            tuple(each.discount(currency) for each in self.discounts),
            tuple(each.tax(currency, included=included) for each in self.taxes),
        )


class PaymentInput(Input):
    """Money received, given back, or given as a tip."""

    elsewhere: ClassVar = elsewhere.PAYMENT

    name: Annotated[Name, Field(description="How, or why: `visa`, `gift card`, `store credit`.")] = ""
    amount: Annotated[WholeOrText, Field(description="The amount, 0 or more.")]

    def payment(self, currency: str) -> Payment:
        return Payment(in_minor_units(self.amount, currency), self.name)


class CustomerInput(Input):
    """The customer. Stored sealed and sent to Clover for merchants in the US; dropped everywhere else.

    An order is never refused for its customer: Clover gets those details that it can hold.
    """

    elsewhere: ClassVar = elsewhere.CUSTOMER

    first_name: Annotated[Detail, Field(description="The first name.")] = ""
    last_name: Annotated[Detail, Field(description="The last name.")] = ""
    email: Annotated[Detail | None, Field(description="The e-mail address, by which a customer is found first.")] = None
    phone: Annotated[Detail | None, Field(description="The telephone number, in any spelling.")] = None


def _chosen(options: list[OptionInput]) -> str:
    said = [": ".join(filter(None, (each.name, each.value))) for each in options]
    return f" ({', '.join(filter(None, said))})" if any(said) else ""
