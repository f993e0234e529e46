"""Creates or updates many products in one request of any number of rows, and previews that."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from aiohttp import web

from catalog.api.change_schemas import DryRun, ProductChange
from catalog.api.connection_schemas import MERCHANT
from catalog.api.product_examples import EXAMPLE_INPUT
from catalog.api.product_inputs import ProductRow, other_currency, product_of
from catalog.api.product_schemas import PRODUCTS, ProductOutcome
from catalog.api.requests import Request
from catalog.deps import Deps
from catalog.domain.changes import Effect
from catalog.domain.forecasts import Forecast
from catalog.domain.products import Product
from catalog.domain.variants import MOST_WAITING, whole_groups
from catalog.kinds import PUSH_PRODUCT
from catalog.store import changes, products, variants
from catalog.store.changes import Applied
from catalog.store.forecasts import forecasts
from common.db import merchants
from common.db.unit import Priority, Unit
from common.errors import Problem
from common.http.problems import FieldProblem
from common.http.routes import Call, Route, Row

ProductsCall = Call[Deps, list[Row[ProductRow]]]
Rows = Sequence[Row[ProductRow]]

OVERTAKEN = Problem(
    "variant.options",
    "were those of another variant of the group, and a later row has this product as well",
    "Send each product once.",
)


@dataclass(frozen=True)
class _Batch:
    """One request. `waiting` has the rows that wait for the rest of it, by product.

    Such a row wants the place of another variant of its parent, which may yet give it up.
    """

    request: Request = field(default_factory=lambda: Request("batch"))
    waiting: Mapping[str, int] = field(default_factory=dict)


_BATCH = web.RequestKey("batch", _Batch)


async def put_products(call: ProductsCall) -> list[ProductOutcome]:
    """Store these rows; one that waits has no outcome yet."""
    return await _stored(call, call.input, MOST_WAITING)


async def put_waiting_products(call: ProductsCall) -> list[ProductOutcome]:
    """Store the rows that waited, all of a parent together, unless a later row had the same product."""
    waiting = call.request[_BATCH].waiting
    counted = [row for row in call.input if waiting.get(row.value.product_id) == row.number]
    outcomes = [_refused(row, OVERTAKEN) for row in call.input if waiting.get(row.value.product_id) != row.number]
    for rows in whole_groups(counted, lambda row: row.value.variant.group if row.value.variant else ""):
        outcomes += await _stored(call, rows, 0)
    return outcomes


async def _stored(call: ProductsCall, rows: Rows, most_waiting: int) -> list[ProductOutcome]:
    """Store these rows; return the outcomes of those that do not wait."""
    before = call.request.get(_BATCH, _Batch())
    batch, outcomes = await call.deps.portions.run(lambda unit: _store(unit, call, rows, before, most_waiting))
    call.request[_BATCH] = batch
    return outcomes


async def _store(
    unit: Unit, call: ProductsCall, rows: Rows, batch: _Batch, most_waiting: int
) -> tuple[_Batch, list[ProductOutcome]]:
    """Store these rows in this unit, or preview that."""
    merchant = await merchants.find(unit.conn, call.merchant_id)
    if not _is_preview(call):
        await _lock(unit, call.merchant_id, rows)
    outcomes: list[ProductOutcome] = []
    for group in _without_repeats(rows):
        wanted = [product_of(row.value.product_id, row.value) for row in group]
        right = [each for each in wanted if each.currency == merchant.currency]
        applied, foreseen = await _apply(unit, call, batch.request, right)
        ids = {each.product_id for each in wanted}
        others = {name: number for name, number in batch.waiting.items() if name not in ids}
        misplaced = [row for row in group if row.value.product_id in applied.misplaced]
        late = {row.value.product_id: row.number for row in misplaced[: max(most_waiting - len(others), 0)]}
        made, refused = list(applied.made.values()), len(group) - len(applied.made) - len(late)
        request = batch.request
        if not _is_preview(call):
            request = await request.record(unit, call.merchant_id, made, refused)
            unit.mark(PUSH_PRODUCT, call.merchant_id, applied.made, priority=Priority.BULK)
        batch = _Batch(request, others | late)
        fault = other_currency(merchant.currency)
        outcomes += [
            _accepted(call, row, request, applied, foreseen)
            if row.value.product_id in applied.made
            else _refused(row, applied.refused.get(row.value.product_id, fault))
            for row in group
            if row.value.product_id not in late
        ]
    return batch, outcomes


async def _lock(unit: Unit, merchant_id: str, rows: Rows) -> None:
    """Lock all parents and then all products of these rows, so that no two requests wait for one another."""
    await variants.lock(unit.conn, merchant_id, {row.value.variant.group for row in rows if row.value.variant})
    await unit.conn.execute(products.LOCK, merchant_id, [row.value.product_id for row in rows])


async def _apply(
    unit: Unit, call: ProductsCall, request: Request, wanted: Sequence[Product]
) -> tuple[Applied, dict[str, Forecast]]:
    """Save these products, or preview that; return the changes, and in a preview what becomes of the items."""
    if not _is_preview(call):
        return await changes.apply(unit, call.merchant_id, wanted), {}
    applied = await changes.preview(unit.conn, call.merchant_id, wanted, request.claims)
    after = [each.after for each in applied.made.values()]
    return applied, await forecasts(unit.conn, call.merchant_id, after, unit.now)


def _is_preview(call: ProductsCall) -> bool:
    return cast(DryRun, call.query).dry_run


def _without_repeats(rows: Rows) -> Iterator[Rows]:
    """Yield the rows in groups in which no product occurs twice, so that the last row of a product is stored last."""
    group: dict[str, Row[ProductRow]] = {}
    for row in rows:
        if row.value.product_id in group:
            yield list(group.values())
            group = {}
        group[row.value.product_id] = row
    yield list(group.values())


def _accepted(
    call: ProductsCall, row: Row[ProductRow], request: Request, applied: Applied, foreseen: Mapping[str, Forecast]
) -> ProductOutcome:
    product_id = row.value.product_id
    change = applied.made[product_id]
    is_recorded = change.effect is not Effect.UNCHANGED and not _is_preview(call)
    return ProductOutcome(
        row=row.number,
        outcome="accepted",
        product_id=product_id,
        change=ProductChange.of(change, foreseen.get(product_id)),
        change_id=request.change_id if is_recorded else None,
    )


def _refused(row: Row[ProductRow], fault: Problem) -> ProductOutcome:
    errors = [FieldProblem.of(fault)]
    return ProductOutcome(row=row.number, outcome="refused", errors=errors, product_id=row.value.product_id)


ROUTES = [
    Route(
        "POST",
        f"{MERCHANT}/products:batch",
        put_products,
        "products:write",
        takes=None,
        query=DryRun,
        rows=ProductRow,
        rest=put_waiting_products,
        gives=ProductOutcome,
        within=None,
        summary="Create or update many products",
        description=(
            "Stores many products as if each had been sent alone, and brings them to Clover in the background, after "
            "what is changed one by one. Send a JSON array or, as `application/x-ndjson`, one object a line, up to "
            "64 MiB. The answer has one outcome for each row, in the order of the rows: a JSON array, or NDJSON if "
            "`Accept` asks for it. A row that is refused changes nothing, and the others are stored. If a product "
            "occurs twice, the last row counts; a SKU stays with the product that had it first. Variants of a group "
            "may exchange their options, or all get another one, wherever their rows stand. Rows are stored while "
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
