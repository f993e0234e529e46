"""The shapes of products in answers, and of the queries for them."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from catalog.api.change_schemas import ProductChange
from catalog.api.connection_schemas import MERCHANT
from catalog.api.product_inputs import (
    AGE_MEANING,
    ALTERNATE_NAME_MEANING,
    BARCODE_MEANING,
    CATEGORIES_MEANING,
    COST_MEANING,
    ID_MEANING,
    PRICE_MEANING,
    SKU_MEANING,
    STATUS_MEANING,
    TAGS_MEANING,
    TAX_RATES_MEANING,
    UNIT_MEANING,
    VARIANT_MEANING,
    VariantInput,
)
from catalog.domain.products import ProductRecord, Removal, Status, SyncState
from common.contracts.problems import Code
from common.http.paging import PageByName
from common.http.routes import Input, RowOutcome, Tag

PRODUCT = f"{MERCHANT}/products/{{product_id}}"
PRODUCTS = Tag("Products", "Products of QuickSync, each kept in sync with one item in Clover.")


class ProductOutcome(RowOutcome):
    """The outcome of one product of a batch."""

    product_id: Annotated[
        str | None, Field(description="The id of the product; null for a row that cannot be read.")
    ] = None
    change: Annotated[ProductChange | None, Field(description="The effect on the product; null for a refused row.")] = (
        None
    )
    change_id: Annotated[
        UUID | None,
        Field(description="The id of the changes of this request, to undo them; null if nothing was changed."),
    ] = None


class SyncView(BaseModel):
    """The state of a product's sync with Clover."""

    state: Annotated[
        SyncState,
        Field(
            description="`synced`: Clover had this version when its item was last read or written. `pending`: it will "
            "be compared with the item and written soon. `held`: Clover refused it, its item was deleted, or the "
            "connection is lost; it waits until the problem is solved and a retry succeeds."
        ),
    ]
    problem: Annotated[Code | None, Field(description="The problem that a held product waits for.")] = None
    reason: Annotated[str | None, Field(description="Why the product is held, in plain words.")] = None


class ProductView(BaseModel):
    """A product with the state of its sync."""

    product_id: Annotated[str, Field(description=ID_MEANING)]
    name: Annotated[str, Field(description="The name shown at the till.")]
    sku: Annotated[str, Field(description=SKU_MEANING)]
    price: Annotated[int, Field(description=PRICE_MEANING)]
    currency: Annotated[str, Field(description="The currency of the price, as an ISO 4217 code.")]
    status: Annotated[Status, Field(description=STATUS_MEANING)]
    barcode: Annotated[str | None, Field(description=BARCODE_MEANING)]
    alternate_name: Annotated[str | None, Field(description=ALTERNATE_NAME_MEANING)]
    cost: Annotated[int | None, Field(description=COST_MEANING)]
    unit_name: Annotated[str | None, Field(description=UNIT_MEANING)]
    age_restricted: Annotated[bool | None, Field(description=AGE_MEANING)]
    variant: Annotated[VariantInput | None, Field(description=VARIANT_MEANING)]
    categories: Annotated[list[str] | None, Field(description=CATEGORIES_MEANING)]
    tags: Annotated[list[str] | None, Field(description=TAGS_MEANING)]
    tax_rates: Annotated[list[str] | None, Field(description=TAX_RATES_MEANING)]
    item_id: Annotated[str | None, Field(description="The id of the linked item in Clover; null until it is linked.")]
    deleted_item_id: Annotated[
        str | None,
        Field(
            description="The id of the linked item, once it was deleted in Clover; null again with the next item. Such "
            "a product is held until an item with its SKU is added in Clover, or until it is saved again, which "
            "creates an item anew. It does not keep its SKU from another product."
        ),
    ]
    removal: Annotated[
        Removal | None,
        Field(description="Set while the product is being deleted: its item is hidden (`hide`) or deleted (`purge`)."),
    ]
    updated_at: Annotated[datetime, Field(description="When the product was last changed in QuickSync.")]
    sync: Annotated[SyncView, Field(description="The state of the sync with Clover.")]

    @classmethod
    def of(cls, record: ProductRecord) -> Self:
        """Return the product as the API shows it."""
        product, held = record.product, record.held if record.sync is SyncState.HELD else None
        return cls(
            **{name: None if value == "" else value for name, value in asdict(product).items()},
            item_id=record.item_id,
            deleted_item_id=record.deleted_item_id,
            removal=record.removal,
            updated_at=record.updated_at,
            sync=SyncView(
                state=record.sync, problem=held.problem if held else None, reason=held.reason if held else None
            ),
        )


class Deletion(Input):
    """How to delete a product."""

    purge: Annotated[
        bool,
        Field(
            description="Also delete the item in Clover. It disappears from the till and from the inventory, with its "
            "stock count."
        ),
    ] = False


class ProductQuery(PageByName):
    """The products to list: those that fit all of these."""

    text: Annotated[
        str | None,
        StringConstraints(min_length=1, max_length=100),
        Field(
            description="Beginnings of words of the name, SKU, barcode or id, all of which occur: `blu mug` finds "
            "`Blue mug`. Punctuation separates words."
        ),
    ] = None
    status: Annotated[Status | None, Field(description="Only products with this status.")] = None
    link: Annotated[
        Literal["linked", "unlinked", "deleted"] | None,
        Field(
            description="`linked`: products with an item in Clover; `unlinked`: those without one; `deleted`: those "
            "whose item was deleted in Clover."
        ),
    ] = None
    problem: Annotated[Code | None, Field(description="Only products that this problem holds.")] = None


class ProductPage(BaseModel):
    """A page of products, sorted by id."""

    products: Annotated[list[ProductView], Field(description="The products of this page.")]
    next: Annotated[str | None, Field(description="The `cursor` of the next page; null on the last page.")]
