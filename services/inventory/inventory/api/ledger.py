"""Routes that show the ledger, and the recording of changes that come in over HTTP."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from common.db import merchants
from common.db.unit import Priority, Unit
from common.http.paging import PageByNumber, part
from common.http.routes import Call, Route
from common.quantity import DecimalQuantity
from inventory.api.levels import EXAMPLE as LEVEL
from inventory.api.levels import PATH, SKU, STOCK, StockLevel, stock_level
from inventory.deps import Deps
from inventory.domain.ledger import Movement, Source, stock_changed
from inventory.domain.levels import MAX_QUANTITY, Level
from inventory.kinds import PUSH_STOCK
from inventory.store import ledger, levels

EXAMPLE = {
    "key": "adjustment:order-1042-line-1",
    "item_id": "4XGZ7Q2MT8ND1",
    "sku": "MUG-BLUE",
    "recorded_at": "2026-11-23T12:04:00Z",
    "source": "quicksync",
    "cause": "web order 1042",
    "delta": -2,
    "before": 12,
    "after": 10,
}


class StockMovement(BaseModel):
    """One line of the ledger: one change of an item's stock. Quantities are in the item's own unit."""

    key: Annotated[str, Field(description="The unique key of the movement.")]
    item_id: Annotated[str, Field(description="The id of the item in Clover.")]
    sku: Annotated[str, Field(description="The SKU of the item at that time. Empty if it had no link.")]
    recorded_at: Annotated[datetime, Field(description="The time at which QuickSync recorded the movement.")]
    source: Annotated[Source, Field(description="The side on which the stock moved.")]
    cause: Annotated[str, Field(description="The reason for the movement, in plain words.")]
    delta: Annotated[DecimalQuantity, Field(description="The change: `after` minus `before`.")]
    before: Annotated[DecimalQuantity, Field(description="The quantity in stock before the movement.")]
    after: Annotated[DecimalQuantity, Field(description="The quantity in stock after the movement.")]


class Ledger(BaseModel):
    """The stock of an item and a page of the movements that led to it."""

    level: Annotated[StockLevel, Field(description="The present stock of the item.")]
    movements: Annotated[list[StockMovement], Field(description="The movements, newest first.")]
    next: Annotated[int | None, Field(description="The `cursor` of the next page. Null on the last page.")]


async def get_ledger(call: Call[Deps, PageByNumber]) -> Ledger:
    before = MAX_QUANTITY if call.input.cursor is None else call.input.cursor
    async with call.deps.database.connection() as conn:
        await merchants.find(conn, call.merchant_id)
        level = await levels.find_level(conn, call.merchant_id, call.path["sku"])
        found = await ledger.list_movements(conn, call.merchant_id, level.item_id, before, call.input.limit + 1)
    page, last = part(found, call.input.limit)
    return Ledger(
        level=stock_level(level),
        movements=[stock_movement(movement) for movement in page],
        next=last.version if last else None,
    )


async def record_change(unit: Unit, merchant_id: str, changed: Sequence[Level], movements: Sequence[Movement]) -> None:
    """Record a change made in QuickSync, publish its movements and push it to Clover at once."""
    await ledger.record(unit, merchant_id, changed, movements)
    unit.emit(*stock_changed(merchant_id, movements))
    unit.mark(PUSH_STOCK, merchant_id, [level.item_id for level in changed], priority=Priority.LIVE)


def stock_movement(movement: Movement) -> StockMovement:
    """The answer that shows this movement."""
    names = StockMovement.model_fields
    return StockMovement.model_construct(**{name: getattr(movement, name) for name in names})


ROUTES = [
    Route(
        "GET",
        f"{PATH}/{{sku}}/ledger",
        get_ledger,
        "stock:read",
        takes=PageByNumber,
        gives=Ledger,
        summary="Get the stock ledger",
        description="Explains the stock of a SKU or item line by line: each movement with its reason, newest first.",
        tags=(STOCK,),
        path_parameters=SKU,
        example={"limit": 1},
        gives_example={"level": LEVEL, "movements": [EXAMPLE], "next": 4},
    )
]
