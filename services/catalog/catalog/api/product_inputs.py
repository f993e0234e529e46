"""The shapes of products in requests."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from catalog.domain.items import LABELS
from catalog.domain.matching_keys import name_key
from catalog.domain.products import Product, Status
from catalog.domain.variants import Variant
from common.contracts.catalog import Sku
from common.errors import Invalid, Problem
from common.http.parse import MAX_PARAMETER, path_parameter
from common.http.routes import Input
from common.money import Currency, MinorUnits
from common.text import is_addressable

MOST_IN_LABEL = 255
"""Characters in the name of an item group, an attribute or an option in Clover (documented)."""

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""Less than what is not printable: names of goods have no-break spaces, and joiners in their emoji."""

SKU_MEANING = (
    "The stock keeping unit. Unique within the merchant; links the product to the item in Clover. Any printable text "
    "but `.` and `..`, also between slashes, as no address can hold them. Percent-encode it in addresses."
)
ID_MEANING = "The id of the product in your system."
PRICE_MEANING = "The price in minor units of `currency`, as ISO 4217 has them: 1250 is 12.50 USD, or 1250 JPY."
STATUS_MEANING = "Only `active` products are visible at the till; `draft`, `inactive` and `archived` ones are hidden."
BARCODE_MEANING = "The barcode. Without one, a linked item keeps its barcode in Clover."
ALTERNATE_NAME_MEANING = "A second name, such as the kitchen's. Clover takes at most 127 characters."
COST_MEANING = "What the product costs you, in minor units of `currency`."
UNIT_MEANING = (
    "The unit of a product sold by weight or measure, such as `kg`; `price` is then that of one unit. Without one, the "
    "product is sold by piece, unless its item in Clover says otherwise."
)
AGE_MEANING = "Whether Clover asks for the customer's age."
VARIANT_MEANING = (
    "The place of the product among the variants of its parent, which are an item group with options in Clover. Each "
    "variant is a product of its own, with its own SKU, price and barcode. All variants of a group have the same "
    "options, and no two the same values. Clover builds the name of the item from the group and the options."
)
CATEGORIES_MEANING = (
    "The names of all categories of the item; `[]` for none. One that Clover lacks is created. Case and further spaces "
    "do not count."
)
TAGS_MEANING = "The names of all tags of the item; `[]` for none. One that Clover lacks is created."
TAX_RATES_MEANING = (
    "The names of all tax rates of the item, which then has none by default; `[]` for none at all. A rate that Clover "
    "lacks is not created: the product waits until you add it there."
)
OPTIONAL = (
    " A field that is left out is not yours: its item keeps what it has in Clover, except what an earlier version of "
    "the product wrote there, which is emptied (a cost stays)."
)


def _plain(text: str) -> str:
    if text != text.strip() or not text.isprintable():
        raise ValueError("must be printable, without spaces around it")
    return text


def _one_line(text: str) -> str:
    if CONTROL.search(text):
        raise ValueError("must be one line of text, without line breaks or other control characters")
    return text


def _addressable(sku: str) -> str:
    # Routes of inventory have the SKU in their address.
    if not is_addressable(sku):
        raise ValueError("must not be `.` or `..`, nor have one between slashes: no address can hold it")
    return sku


def _identifier(text: str) -> str:
    try:
        return path_parameter("product_id", text)
    except Invalid:
        raise ValueError("must be printable, without a part `.` or `..`: addresses cannot hold it") from None


Label = Annotated[str, StringConstraints(min_length=1, max_length=MOST_IN_LABEL), AfterValidator(_plain)]


def _distinct(options: dict[str, str]) -> dict[str, str]:
    if len({name_key(name) for name in options}) < len(options):
        raise ValueError("must have names that differ in more than case and spaces")
    return options


def _distinct_names(names: list[str]) -> list[str]:
    if len({name_key(name) for name in names}) < len(names):
        raise ValueError("must not have a name twice; case and further spaces do not count")
    return names


def _no_object(price: object) -> object:
    # Products once had `"price": {"amount": 500, "currency": "USD"}`.
    if isinstance(price, dict):
        raise ValueError('must be an integer in minor units; send `"price": 500, "currency": "USD"`')  # noqa: TRY004
    return price


class VariantInput(Input):
    """The place of a product among the variants of its parent."""

    group: Annotated[
        str,
        AfterValidator(_identifier),
        Field(min_length=1, max_length=MAX_PARAMETER, description="The id of the parent product in your system."),
    ]
    name: Annotated[
        str,
        StringConstraints(min_length=1, max_length=MOST_IN_LABEL),
        AfterValidator(_plain),
        Field(description="The name of the parent. All variants of a group share the one that was sent last."),
    ]
    options: Annotated[
        dict[Label, Label],
        Field(
            min_length=1,
            max_length=10,
            description="The values by the names of the options, such as size and colour. Names and values that differ "
            "only in case or spaces are the same.",
        ),
        AfterValidator(_distinct),
    ]


MOST_LABELS = 100
"""Clover shows no more of one item (documented)."""

LabelName = Annotated[str, StringConstraints(min_length=1, max_length=127), AfterValidator(_plain)]
TagName = Annotated[str, StringConstraints(min_length=1, max_length=255), AfterValidator(_plain)]
LabelNames = Annotated[list[LabelName], Field(max_length=MOST_LABELS), AfterValidator(_distinct_names)]
TagNames = Annotated[list[TagName], Field(max_length=MOST_LABELS), AfterValidator(_distinct_names)]


class ProductInput(Input):
    """A product as it is to be in Clover."""

    name: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=127),
        AfterValidator(_one_line),
        Field(
            description="The name shown at the till, in one line; spaces around it are removed. Clover takes at most "
            "127 characters."
        ),
    ]
    sku: Annotated[Sku, AfterValidator(_plain), AfterValidator(_addressable), Field(description=SKU_MEANING)]
    price: Annotated[MinorUnits, BeforeValidator(_no_object), Field(description=PRICE_MEANING)]
    currency: Annotated[Currency, Field(description="The currency of the price: the merchant's own, in ISO 4217.")]
    status: Annotated[Literal["active", "draft", "inactive", "archived"], Field(description=STATUS_MEANING)]
    barcode: Annotated[
        Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_plain)] | None,
        Field(description=BARCODE_MEANING),
    ] = None
    alternate_name: Annotated[
        Annotated[str, StringConstraints(min_length=1, max_length=127), AfterValidator(_plain)] | None,
        Field(description=ALTERNATE_NAME_MEANING),
    ] = None
    cost: Annotated[MinorUnits | None, Field(description=COST_MEANING)] = None
    unit_name: Annotated[
        Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_plain)] | None,
        Field(description=UNIT_MEANING),
    ] = None
    age_restricted: Annotated[Annotated[bool, Field(strict=True)] | None, Field(description=AGE_MEANING)] = None
    variant: Annotated[VariantInput | None, Field(description=VARIANT_MEANING)] = None
    categories: Annotated[LabelNames | None, Field(description=CATEGORIES_MEANING)] = None
    tags: Annotated[TagNames | None, Field(description=TAGS_MEANING)] = None
    tax_rates: Annotated[LabelNames | None, Field(description=TAX_RATES_MEANING)] = None


class ProductRow(ProductInput):
    """A product of a batch, with its id."""

    product_id: Annotated[
        str, AfterValidator(_identifier), Field(min_length=1, max_length=MAX_PARAMETER, description=ID_MEANING)
    ]


def product_of(product_id: str, wanted: ProductInput) -> Product:
    """Return the product that is asked for."""
    fields = wanted.model_dump(exclude={"product_id", "status", "variant", *LABELS})
    fields |= {name: tuple(sorted(names)) for name in LABELS if (names := getattr(wanted, name)) is not None}
    variant = Variant.of(wanted.variant.model_dump() if wanted.variant else None)
    return Product(product_id=product_id, status=Status(wanted.status), variant=variant, **fields)


def other_currency(currency: str) -> Problem:
    """Return the problem of a product whose price is not in the merchant's currency, which is this one."""
    return Problem("currency", f"is not {currency}", f"Send the price in {currency}, the currency of the Clover store.")
