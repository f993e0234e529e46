"""Takes products, and says how far each is on its way to Clover."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from catalog import store
from catalog.domain.products import Entry, Product, Status, Sync
from catalog.sync import Deps
from common.contracts.catalog import Sku
from common.contracts.problems import Code
from common.db import merchants
from common.errors import Invalid
from common.http.paging import PageByName, part
from common.http.routes import Answer, Call, Input, Nothing
from common.money import Money


def _plain(text: str) -> str:
    if text != text.strip() or not text.isprintable():
        raise ValueError("must be printable, without spaces around it")
    return text


class ProductIn(Input):
    """A product as it is to be."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=127)]
    sku: Annotated[Sku, AfterValidator(_plain), Field(description="Unique in the merchant; finds the item in Clover.")]
    price: Annotated[Money, Field(description="In the merchant's currency, in minor units.")]
    status: Annotated[
        Literal["active", "draft", "inactive", "archived"],
        Field(description="Only active products are visible in Clover."),
    ]
    barcode: Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_plain)] | None = None


class SyncView(BaseModel):
    """Whether Clover has the product like this; when held, which problem it waits for and what Clover said."""

    state: Sync
    problem: Code | None = None
    reason: str | None = None


class ProductView(BaseModel):
    """A product and how far it is on its way to Clover."""

    product_id: str
    name: str
    sku: str
    price: Money
    status: Status
    barcode: str | None
    item_id: Annotated[str | None, Field(description="The item in Clover, once there is one.")]
    updated_at: datetime
    sync: SyncView

    @classmethod
    def of(cls, entry: Entry) -> Self:
        held = entry.held if entry.sync is Sync.HELD else None
        return cls(
            product_id=entry.product.product_id,
            name=entry.product.name,
            sku=entry.product.sku,
            price=entry.product.price,
            status=entry.product.status,
            barcode=entry.product.barcode,
            item_id=entry.item_id,
            updated_at=entry.updated_at,
            sync=SyncView(
                state=entry.sync, problem=held.problem if held else None, reason=held.reason if held else None
            ),
        )


class ProductsView(BaseModel):
    """A page of products, in the order of their ids; `next` is null on the last."""

    products: list[ProductView]
    next: str | None


async def put_product(call: Call[Deps, ProductIn]) -> Answer:
    wanted = call.input
    product = Product(
        product_id=call.path["product_id"],
        name=wanted.name,
        sku=wanted.sku,
        price=wanted.price,
        status=Status(wanted.status),
        barcode=wanted.barcode,
    )
    async with call.deps.database.unit() as unit:
        merchant = await merchants.find(unit.conn, call.merchant_id)
        if product.price.currency != merchant.currency:
            raise Invalid.field("price.currency", f"is not {merchant.currency}", "Send the merchant's own currency.")
        entry = await store.save_product(unit.conn, call.merchant_id, product, unit.now)
        if entry.is_due or entry.held:  # what Clover refused before is tried again, with what was corrected
            unit.mark(store.PUSH_PRODUCT, call.merchant_id, product.product_id)
    return Answer(202 if entry.is_due else 200, ProductView.of(replace(entry, held=None)))


async def get_product(call: Call[Deps, Nothing]) -> ProductView:
    async with call.deps.database.connection() as conn:
        await merchants.find(conn, call.merchant_id)
        return ProductView.of(await store.find_product(conn, call.merchant_id, call.path["product_id"]))


async def list_products(call: Call[Deps, PageByName]) -> ProductsView:
    async with call.deps.database.connection() as conn:
        await merchants.find(conn, call.merchant_id)
        entries = await store.list_products(conn, call.merchant_id, call.input.cursor, call.input.limit + 1)
    shown, last = part(entries, call.input.limit)
    return ProductsView(
        products=[ProductView.of(entry) for entry in shown], next=last.product.product_id if last else None
    )
