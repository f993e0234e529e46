"""Products: create or update one, read them with the state of their sync."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import cast
from uuid import UUID

from catalog.api.change_schemas import DryRun, ProductChange
from catalog.api.changes import of_request
from catalog.api.connection_schemas import MERCHANT
from catalog.api.product_schemas import (
    ID_MEANING,
    OPTIONAL,
    PRODUCT,
    PRODUCTS,
    Deletion,
    ProductInput,
    ProductOutcome,
    ProductPage,
    ProductQuery,
    ProductRow,
    ProductView,
)
from catalog.deps import Deps
from catalog.domain.changes import Change, Effect
from catalog.domain.forecasts import Forecast
from catalog.domain.items import LABELS
from catalog.domain.products import Product, Removal, Status
from catalog.domain.variants import Variant
from catalog.kinds import PUSH_PRODUCT
from catalog.store import changes, masters, products, variants
from catalog.store.forecasts import forecasts
from catalog.store.products import Chosen
from common.db import merchants
from common.db.merchants import Merchant
from common.db.unit import Priority
from common.errors import Invalid, Problem
from common.http.paging import part
from common.http.problems import FieldProblem
from common.http.routes import Answer, Call, Nothing, PathParameter, Route, Row


async def put_product(call: Call[Deps, ProductInput]) -> Answer:
    product = product_of(call.path["product_id"], call.input)
    async with call.deps.database.unit() as unit:
        merchant = await merchants.find(unit.conn, call.merchant_id)
        if product.currency != merchant.currency:
            raise Invalid([_other_currency(merchant)])
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


async def put_products(call: Call[Deps, list[Row[ProductRow]]]) -> list[ProductOutcome]:
    outcomes: list[ProductOutcome] = []
    foreseen: dict[str, Forecast] = {}
    request = of_request(call.request, "batch")
    is_preview = cast(DryRun, call.query).dry_run
    async with call.deps.database.unit() as unit:
        merchant = await merchants.find(unit.conn, call.merchant_id)
        if not is_preview:  # those of all groups, as no parent may be locked after a product
            every = [product_of(row.value.product_id, row.value) for row in call.input if row.value.variant]
            await variants.lock(unit.conn, call.merchant_id, every)
        for rows in _without_repeats(call.input):
            wanted = [product_of(row.value.product_id, row.value) for row in rows]
            right = [product for product in wanted if product.currency == merchant.currency]
            if is_preview:
                applied = await changes.preview(unit.conn, call.merchant_id, right, request.claims)
                after = [each.after for each in applied.made.values()]
                foreseen = await forecasts(unit.conn, call.merchant_id, after, unit.now)
            else:
                applied = await changes.apply(unit, call.merchant_id, right)
                made = list(applied.made.values())
                await request.record(unit, call.merchant_id, made, refused=len(rows) - len(made))
                unit.mark(PUSH_PRODUCT, call.merchant_id, applied.made, priority=Priority.BULK)
            for row, product in zip(rows, wanted, strict=True):
                fault = applied.refused.get(product.product_id, _other_currency(merchant))
                change = applied.made.get(product.product_id)
                is_changed = change is not None and change.effect is not Effect.UNCHANGED
                change_id = request.change_id if is_changed and not is_preview else None
                outcomes.append(_outcome(row, change, fault, change_id, foreseen.get(product.product_id)))
    return outcomes


def _without_repeats(rows: Sequence[Row[ProductRow]]) -> Iterator[list[Row[ProductRow]]]:
    """Yield the rows in groups in which no product occurs twice, so that the last row of a product is stored last."""
    group: dict[str, Row[ProductRow]] = {}
    for row in rows:
        if row.value.product_id in group:
            yield list(group.values())
            group = {}
        group[row.value.product_id] = row
    yield list(group.values())


def _outcome(
    row: Row[ProductRow], change: Change | None, fault: Problem, change_id: UUID | None, forecast: Forecast | None
) -> ProductOutcome:
    errors = [] if change else [FieldProblem.of(fault)]
    return ProductOutcome(
        row=row.number,
        outcome="accepted" if change else "refused",
        errors=errors,
        product_id=row.value.product_id,
        change=ProductChange.of(change, forecast) if change else None,
        change_id=change_id,
    )


def _other_currency(merchant: Merchant) -> Problem:
    return Problem("currency", f"is not {merchant.currency}", "Send the merchant's own currency.")


def product_of(product_id: str, wanted: ProductInput) -> Product:
    """Return the product that is asked for."""
    fields = wanted.model_dump(exclude={"product_id", "status", "variant", *LABELS})
    fields |= {name: tuple(sorted(names)) for name in LABELS if (names := getattr(wanted, name)) is not None}
    variant = Variant.of(wanted.variant.model_dump() if wanted.variant else None)
    return Product(product_id=product_id, status=Status(wanted.status), variant=variant, **fields)


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


EXAMPLE_INPUT = {
    "name": "Blue mug",
    "sku": "MUG-BLUE",
    "price": 1250,
    "currency": "USD",
    "status": "active",
    "barcode": "4006381333931",
    "alternate_name": "Tasse bleue",
    "cost": 480,
    "unit_name": None,
    "age_restricted": False,
    "variant": {"group": "mug", "name": "Mug", "options": {"Colour": "Blue"}},
    "categories": ["Kitchen"],
    "tags": ["gift", "new"],
    "tax_rates": None,
}
EXAMPLE_PENDING = {
    "product_id": "mug-blue",
    **EXAMPLE_INPUT,
    "item_id": None,
    "deleted_item_id": None,
    "removal": None,
    "updated_at": "2026-11-23T09:30:00Z",
    "sync": {"state": "pending", "problem": None, "reason": None},
}
EXAMPLE_SYNCED = {
    **EXAMPLE_PENDING,
    "item_id": "J8N5Q2W7E4R1T",
    "sync": {"state": "synced", "problem": None, "reason": None},
}
PATH = {"product_id": PathParameter(ID_MEANING, "mug-blue")}

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
    Route(
        "POST",
        f"{MERCHANT}/products:batch",
        put_products,
        "products:write",
        takes=None,
        query=DryRun,
        rows=ProductRow,
        gives=ProductOutcome,
        summary="Create or update many products",
        description=(
            "Stores many products as if each had been sent alone, and brings them to Clover in the background, after "
            "what is changed one by one. Send a JSON array or, as `application/x-ndjson`, one object a line, up to "
            "64 MiB. The answer has one outcome for each row, in the order of the rows: a JSON array, or NDJSON if "
            "`Accept` asks for it. A row that is refused changes nothing, and the others are stored. If a product "
            "occurs twice, the last row counts; a SKU stays with the product that had it first. Rows are stored while "
            "they arrive, so after a 400, 408, 413 or 503 a part of them may be stored: send the request again, which "
            "is always safe. With `?dry_run=true` nothing is stored, and the answer is the one that the request would "
            "get, with what becomes of the items in Clover. What a request changes can be listed and undone."
        ),
        tags=(PRODUCTS,),
        example=[{"product_id": "mug-blue", **EXAMPLE_INPUT, "price": 1290}],
        gives_example=[
            {
                "row": 1,
                "outcome": "accepted",
                "errors": [],
                "product_id": "mug-blue",
                "change": {
                    "effect": "changed",
                    "hides": False,
                    "fields": [{"field": "price", "before": 1250, "after": 1290}],
                    "item": None,
                },
                "change_id": "0199f3c2-8a4e-7b3c-9d21-5f0e6a7b8c9d",
            }
        ],
    ),
]
