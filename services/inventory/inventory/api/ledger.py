"""Routes that show the ledger, and the recording of changes that come in over HTTP."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from common.db.unit import Priority, Unit
from common.http.channel import Channel
from common.http.paging import PageByNumber, part
from common.http.routes import Call, Route
from common.quantity import DecimalQuantity
from inventory.api.levels import EXAMPLE as LEVEL
from inventory.api.levels import PATH, SKU, STOCK, StockLevel, stock_level
from inventory.api.lookups import find_level
from inventory.deps import Deps
from inventory.domain.adjustments import shown_key
from inventory.domain.ledger import Movement, Source, stock_changed
from inventory.domain.levels import MAX_QUANTITY, Level
from inventory.kinds import PUSH_STOCK
from inventory.store import ledger

EXAMPLE = {
    "key": "order-1042-line-1",
    "channel": {"channel": "shopify", "store": "mugs.example"},
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

    key: Annotated[str, Field(description="The key of the movement: that of an adjustment, as it was sent.")]
    channel: Annotated[Channel | None, Field(description="The store that an adjustment named. Null if it named none.")]
    item_id: Annotated[str, Field(description="The id of the item in Clover.")]
    sku: Annotated[str, Field(description="The SKU of the item at that time. Empty if it had no link.")]
    recorded_at: Annotated[datetime, Field(description="The time at which QuickSync recorded the movement.")]
    source: Annotated[Source, Field(description="The side on which the stock moved.")]
    cause: Annotated[str, Field(description="The reason for the movement, in plain words.")]
    delta: Annotated[DecimalQuantity, Field(description="The change. A first count is a change by the whole count.")]
    before: Annotated[
        DecimalQuantity | None,
        Field(description="The quantity in stock before the movement. Null if the item had never been counted."),
    ]
    after: Annotated[
        DecimalQuantity | None,
        Field(description="The quantity in stock after the movement. Null while the item was never counted."),
    ]


class Ledger(BaseModel):
    """The stock of an item and a page of the movements that led to it."""

    level: Annotated[StockLevel, Field(description="The present stock of the item.")]
    movements: Annotated[list[StockMovement], Field(description="The movements, newest first.")]
    next: Annotated[int | None, Field(description="The `cursor` of the next page. Null on the last page.")]


async def get_ledger(call: Call[Deps, PageByNumber]) -> Ledger:
    before = MAX_QUANTITY if call.input.cursor is None else call.input.cursor
    level = await find_level(call)
    async with call.deps.database.connection() as conn:
        found = await ledger.list_movements(conn, call.merchant_id, level.item_id, before, call.input.limit + 1)
    page, last = part(found, call.input.limit)
    return Ledger(
        level=stock_level(level),
        movements=[stock_movement(movement) for movement in page],
        next=last.version if last else None,
    )


async def record_change(unit: Unit, merchant_id: str, changed: Sequence[Level], movements: Sequence[Movement]) -> None:
    """Record a change made in QuickSync, publish its movements and push it to Clover at once if there is a count."""
    await ledger.record(unit, merchant_id, changed, movements)
    unit.emit(*stock_changed(merchant_id, movements))
    counted = [level.item_id for level in changed if level.on_hand is not None]
    unit.mark(PUSH_STOCK, merchant_id, counted, priority=Priority.LIVE)


def stock_movement(movement: Movement) -> StockMovement:
    """Return the answer that shows this movement."""
    channel = Channel(channel=movement.channel, store=movement.store) if movement.channel else None
    shown: dict[str, Any] = {"key": shown_key(movement), "channel": channel}
    copied = {name: getattr(movement, name) for name in StockMovement.model_fields if name not in shown}
    return StockMovement.model_construct(**shown, **copied)


ROUTES = [
    Route(
        "GET",
        f"{PATH}/{{sku}}/ledger",
        get_ledger,
        "stock:read",
        takes=PageByNumber,
        gives=Ledger,
        also=(409,),
        summary="Get the stock ledger",
        description="Explains the stock of a SKU or item line by line: each movement with its reason, newest first. "
        "While an item was never counted, its movements have no `before` and `after`. Its first count is the truth of "
        "that moment: the movements before it are history and are not taken from it.",
        tags=(STOCK,),
        path_parameters=SKU,
        example={"limit": 1},
        gives_example={"level": LEVEL, "movements": [EXAMPLE], "next": 4},
    )
]
