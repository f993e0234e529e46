"""Products: create or update one, read them with the state of their sync."""

from dataclasses import replace

from catalog.api.connection_schemas import MERCHANT
from catalog.api.product_examples import EXAMPLE_INPUT, EXAMPLE_PENDING, EXAMPLE_SYNCED, PATH
from catalog.api.product_inputs import OPTIONAL, ProductInput, other_currency, product_of
from catalog.api.product_schemas import PRODUCT, PRODUCTS, Deletion, ProductPage, ProductQuery, ProductView
from catalog.deps import Deps
from catalog.domain.products import Removal
from catalog.kinds import PUSH_PRODUCT
from catalog.store import masters, products, variants
from catalog.store.products import Chosen
from common.db import merchants
from common.errors import Invalid
from common.http.paging import part
from common.http.routes import Answer, Call, Nothing, Route


async def put_product(call: Call[Deps, ProductInput]) -> Answer:
    product = product_of(call.path["product_id"], call.input)
    async with call.deps.database.unit() as unit:
        merchant = await merchants.find(unit.conn, call.merchant_id)
        if product.currency != merchant.currency:
            raise Invalid([other_currency(merchant.currency)])
        await variants.check(unit.conn, call.merchant_id, product)
        [product] = await masters.restate(unit.conn, call.merchant_id, [product])
        record = await products.save(unit.conn, call.merchant_id, product, unit.now)
        if record.held:  # what Clover refused is tried again, even if nothing is left to push: that closes the problem
            await products.save_holds(unit.conn, call.merchant_id, {product.product_id: None})
        unit.mark(PUSH_PRODUCT, call.merchant_id, product.product_id)
    return Answer(202 if record.is_due else 200, ProductView.of(replace(record, held=None)))


async def delete_product(call: Call[Deps, Deletion]) -> ProductView:
    removal = Removal.PURGE if call.input.purge else Removal.HIDE
    async with call.deps.database.unit() as unit:
        await merchants.find(unit.conn, call.merchant_id)
        await products.start_removal(unit.conn, call.merchant_id, [call.path["product_id"]], removal)
        record = await products.find(unit.conn, call.merchant_id, call.path["product_id"])
        unit.mark(PUSH_PRODUCT, call.merchant_id, record.product.product_id)
    return ProductView.of(record)


async def get_product(call: Call[Deps, Nothing]) -> ProductView:
    async with call.deps.database.connection() as conn:
        await merchants.find(conn, call.merchant_id)
        return ProductView.of(await products.find(conn, call.merchant_id, call.path["product_id"]))


async def list_products(call: Call[Deps, ProductQuery]) -> ProductPage:
    chosen = Chosen(call.input.text, call.input.status, call.input.link, call.input.problem)
    async with call.deps.database.connection() as conn:
        await merchants.find(conn, call.merchant_id)
        records = await products.page(conn, call.merchant_id, call.input.cursor, call.input.limit + 1, chosen)
    page, last = part(records, call.input.limit)
    return ProductPage(
        products=[ProductView.of(record) for record in page], next=last.product.product_id if last else None
    )


ROUTES = [
    Route(
        "GET",
        f"{MERCHANT}/products",
        list_products,
        "products:read",
        takes=ProductQuery,
        gives=ProductPage,
        summary="List products",
        description="Returns the products that fit the query, sorted by id, each with the state of its sync.",
        tags=(PRODUCTS,),
        example={"limit": 100, "text": "mug", "status": "active"},
        gives_example={"products": [EXAMPLE_SYNCED], "next": None},
    ),
    Route(
        "GET",
        PRODUCT,
        get_product,
        "products:read",
        gives=ProductView,
        summary="Get a product",
        description="Returns a product with the state of its sync.",
        tags=(PRODUCTS,),
        gives_example=EXAMPLE_SYNCED,
        path_parameters=PATH,
    ),
    Route(
        "PUT",
        PRODUCT,
        put_product,
        "products:write",
        takes=ProductInput,
        gives=ProductView,
        status=202,
        also=(200,),
        summary="Create or update a product",
        description=(
            "Stores the product and brings it to Clover in the background. An existing item with the same SKU is "
            "linked instead of creating another. The item is read first, and the fields that differ are written. "
            "Unless the merchant chose Clover as the master (`settings.catalog_master`), this brings back what was "
            "changed at the till; QuickSync also does so by itself when Clover reports the change, or at the latest a "
            "few minutes later. With Clover as the master, a value that you send as before does not undo what was "
            "changed there since; another value is a new statement of yours. The answer is 200 only for an archived "
            "product whose item was deleted in Clover: it needs no item." + OPTIONAL
        ),
        tags=(PRODUCTS,),
        example=EXAMPLE_INPUT,
        gives_example=EXAMPLE_PENDING,
        path_parameters=PATH,
    ),
    Route(
        "DELETE",
        PRODUCT,
        delete_product,
        "products:write",
        takes=Deletion,
        gives=ProductView,
        status=202,
        summary="Delete a product",
        description=(
            "Deletes the product in the background: its item in Clover is hidden, or with `purge` deleted, and loses "
            "its link. Until then the product is shown with its `removal`, and saving it again keeps it. Afterwards it "
            "is not found, and its SKU is free from then on: a new product with it takes over the hidden item."
        ),
        tags=(PRODUCTS,),
        example={"purge": False},
        gives_example={**EXAMPLE_SYNCED, "removal": "hide", "sync": EXAMPLE_PENDING["sync"]},
        path_parameters=PATH,
    ),
]
