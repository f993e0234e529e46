"""Inventory over HTTP: adjust stock, state a count, and see every number with its reasons."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, model_validator

from common.contracts.catalog import Sku
from common.db import merchants
from common.db.unit import Priority, Unit
from common.http.paging import PageByName, PageByNumber, part
from common.http.routes import Call, Input, Nothing, Route
from common.ids import ItemId
from common.quantity import DecimalQuantity
from inventory import domain, store
from inventory.domain import PUSH_STOCK, Asked, Level, Movement, Source
from inventory.sync import Deps

MOST_ADJUSTMENTS = 1000
LARGEST_BODY = 2 * 1024 * 1024
"""Bytes of so many adjustments with the longest keys and causes, each character escaped."""


def _moves(delta: int) -> int:
    if delta == 0:
        raise ValueError("must not be 0")
    return delta


class Adjustment(Input):
    """Stock that moved elsewhere: name the item by `sku` or by `item_id`."""

    key: Annotated[
        str, StringConstraints(min_length=1, max_length=100), Field(description="A repeat with this key moves nothing.")
    ]
    sku: Sku | None = None
    item_id: ItemId | None = None
    delta: Annotated[DecimalQuantity, AfterValidator(_moves), Field(description="What is added; negative: taken.")]
    cause: Annotated[
        str, StringConstraints(min_length=1, max_length=200), Field(description="Shown in the ledger as it is.")
    ] = "adjusted in QuickSync"

    @model_validator(mode="after")
    def _names_one_item(self) -> Self:
        if (self.sku is None) == (self.item_id is None):
            raise ValueError("must name the item by either sku or item_id")
        return self


class Adjustments(Input):
    """Taken in their order, all or none."""

    adjustments: Annotated[list[Adjustment], Field(min_length=1, max_length=MOST_ADJUSTMENTS)]


class Count(Input):
    """What was counted."""

    quantity: DecimalQuantity


class MovementView(BaseModel):
    """One line of the ledger: what moved an item's stock, from what to what."""

    key: str
    item_id: str
    sku: str
    at: datetime
    source: Source
    cause: str
    delta: DecimalQuantity
    before: DecimalQuantity
    after: DecimalQuantity


class AdjustmentsView(BaseModel):
    """The movement each adjustment became, in the order asked."""

    adjustments: list[MovementView]


class LevelView(BaseModel):
    """The stock of one item."""

    item_id: str
    sku: Annotated[str, Field(description="Empty while the item is not linked.")]
    on_hand: Annotated[DecimalQuantity | None, Field(description="null: nobody ever counted it.")]
    clover: Annotated[DecimalQuantity | None, Field(description="Clover's count as last seen; null: it never had one.")]
    pending: Annotated[DecimalQuantity, Field(description="What moved here and is not in Clover yet.")]


class StockView(BaseModel):
    """A page of stock by item id; `next` is null on the last."""

    stock: list[LevelView]
    next: str | None


class LedgerView(BaseModel):
    """Why the stock of an item is what it is, newest first; `next` is null on the last page."""

    level: LevelView
    movements: list[MovementView]
    next: int | None


async def adjust_stock(call: Call[Deps, Adjustments]) -> AdjustmentsView:
    asked = [Asked(each.key, each.sku, each.item_id, each.delta, each.cause) for each in call.input.adjustments]
    async with call.deps.database.unit() as unit:
        await merchants.find(unit.conn, call.merchant_id)
        found = await store.named(
            unit.conn,
            call.merchant_id,
            [each.sku for each in asked if each.sku],
            [each.item_id for each in asked if each.item_id],
        )
        levels = await store.lock_levels(unit, call.merchant_id, [level.item_id for level in found])
        done = await store.movements_by_key(unit.conn, call.merchant_id, [each.movement_key for each in asked])
        adjusted = domain.adjust_all(asked, levels, done, unit.now)
        await _keep(unit, call.merchant_id, adjusted.levels, adjusted.movements)
    return AdjustmentsView(adjustments=[_movement(each) for each in adjusted.answers])


async def count_stock(call: Call[Deps, Count]) -> LevelView:
    async with call.deps.database.unit() as unit:
        await merchants.find(unit.conn, call.merchant_id)
        found = await store.find(unit.conn, call.merchant_id, call.path["sku"])
        [level] = await store.lock_levels(unit, call.merchant_id, [found.item_id])
        moved = domain.state(level, call.input.quantity, unit.now)
        if moved.level != level:
            await _keep(unit, call.merchant_id, [moved.level], [moved.movement] if moved.movement else [])
    return _level(moved.level)


async def list_stock(call: Call[Deps, PageByName]) -> StockView:
    async with call.deps.database.connection() as conn:
        await merchants.find(conn, call.merchant_id)
        levels = await store.list_levels(conn, call.merchant_id, call.input.cursor, call.input.limit + 1)
    shown, last = part(levels, call.input.limit)
    return StockView(stock=[_level(level) for level in shown], next=last.item_id if last else None)


async def get_stock(call: Call[Deps, Nothing]) -> LevelView:
    async with call.deps.database.connection() as conn:
        await merchants.find(conn, call.merchant_id)
        return _level(await store.find(conn, call.merchant_id, call.path["sku"]))


async def get_ledger(call: Call[Deps, PageByNumber]) -> LedgerView:
    before = domain.LARGEST if call.input.cursor is None else call.input.cursor
    async with call.deps.database.connection() as conn:
        await merchants.find(conn, call.merchant_id)
        level = await store.find(conn, call.merchant_id, call.path["sku"])
        lines = await store.ledger(conn, call.merchant_id, level.item_id, before, call.input.limit + 1)
    shown, last = part(lines, call.input.limit)
    return LedgerView(
        level=_level(level), movements=[_movement(each) for each in shown], next=last.version if last else None
    )


async def _keep(unit: Unit, merchant_id: str, levels: Sequence[Level], movements: Sequence[Movement]) -> None:
    """Record what moved here and have Clover told at once."""
    await store.record(unit, merchant_id, levels, movements)
    unit.mark(PUSH_STOCK, merchant_id, [level.item_id for level in levels], priority=Priority.LIVE)


def _level(level: Level) -> LevelView:
    return LevelView.model_construct(
        item_id=level.item_id, sku=level.sku, on_hand=level.on_hand, clover=level.shadow, pending=level.pending
    )


def _movement(movement: Movement) -> MovementView:
    names = MovementView.model_fields
    return MovementView.model_construct(**{name: getattr(movement, name) for name in names})


STOCK = "/v1/merchants/{merchant_id}/stock"
ROUTES = [
    Route(
        "POST",
        f"{STOCK}/adjustments",
        adjust_stock,
        "stock:write",
        takes=Adjustments,
        gives=AdjustmentsView,
        summary="Add to or take from stock; idempotent by key",
        max_body=LARGEST_BODY,
    ),
    Route(
        "PUT",
        f"{STOCK}/{{sku}}",
        count_stock,
        "stock:write",
        takes=Count,
        gives=LevelView,
        summary="State a count of a SKU, or of an item without one by its id",
    ),
    Route("GET", STOCK, list_stock, "stock:read", takes=PageByName, gives=StockView, summary="List stock by item id"),
    Route("GET", f"{STOCK}/{{sku}}", get_stock, "stock:read", gives=LevelView, summary="Show the stock of a SKU"),
    Route(
        "GET",
        f"{STOCK}/{{sku}}/ledger",
        get_ledger,
        "stock:read",
        takes=PageByNumber,
        gives=LedgerView,
        summary="Say why the stock of a SKU is what it is, line by line",
    ),
]
