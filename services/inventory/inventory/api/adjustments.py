"""The route that takes adjustments."""

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, model_validator

from common.contracts.catalog import Sku
from common.db import merchants
from common.http.routes import Call, Input, Route
from common.ids import ItemId
from common.quantity import DecimalQuantity
from inventory.api.ledger import EXAMPLE, StockMovement, record_change, stock_movement
from inventory.api.levels import PATH, STOCK
from inventory.deps import Deps
from inventory.domain.adjustments import AdjustmentRequest, adjust_all
from inventory.store import ledger, levels

MAX_ADJUSTMENTS = 1000
MAX_BODY = 2 * 1024 * 1024
"""Bytes of MAX_ADJUSTMENTS adjustments with the longest keys and causes, each character escaped."""


def _not_zero(delta: int) -> int:
    if delta == 0:
        raise ValueError("must not be 0")
    return delta


class Adjustment(Input):
    """A change of stock. Name the item by either `sku` or `item_id`."""

    key: Annotated[
        str,
        StringConstraints(min_length=1, max_length=100),
        Field(description="The idempotency key, unique per merchant. A repeat with the same key changes nothing."),
    ]
    sku: Annotated[Sku | None, Field(description="The SKU of a linked product.")] = None
    item_id: Annotated[ItemId | None, Field(description="The id of the item in Clover.")] = None
    delta: Annotated[
        DecimalQuantity,
        AfterValidator(_not_zero),
        Field(
            description="The change in the item's own unit, with up to three decimals: positive adds to the stock, "
            "negative takes from it. It must not be 0."
        ),
    ]
    cause: Annotated[
        str,
        StringConstraints(min_length=1, max_length=200),
        Field(description="The reason, in words that the ledger shows to the merchant."),
    ] = "adjusted in QuickSync"

    @model_validator(mode="after")
    def _names_one_item(self) -> Self:
        if (self.sku is None) == (self.item_id is None):
            raise ValueError("must name the item by either sku or item_id")
        return self


class Adjustments(Input):
    """A list of adjustments."""

    adjustments: Annotated[
        list[Adjustment],
        Field(min_length=1, max_length=MAX_ADJUSTMENTS, description="The adjustments, applied in this order."),
    ]


class AdjustmentResults(BaseModel):
    """The results of a list of adjustments."""

    movements: Annotated[
        list[StockMovement], Field(description="The movement of each adjustment, in the order of the request.")
    ]


async def adjust_stock(call: Call[Deps, Adjustments]) -> AdjustmentResults:
    requests = [
        AdjustmentRequest(key=each.key, sku=each.sku, item_id=each.item_id, delta=each.delta, cause=each.cause)
        for each in call.input.adjustments
    ]
    async with call.deps.database.unit() as unit:
        await merchants.find(unit.conn, call.merchant_id)
        named = await levels.named_levels(
            unit.conn,
            call.merchant_id,
            [request.sku for request in requests if request.sku],
            [request.item_id for request in requests if request.item_id],
        )
        locked = await levels.lock_levels(unit, call.merchant_id, [level.item_id for level in named])
        keys = [request.movement_key for request in requests]
        recorded = await ledger.movements_by_key(unit.conn, call.merchant_id, keys)
        adjusted = adjust_all(requests, locked, recorded, unit.now)
        await record_change(unit, call.merchant_id, adjusted.levels, adjusted.movements)
    return AdjustmentResults(movements=[stock_movement(movement) for movement in adjusted.answers])


ROUTES = [
    Route(
        "POST",
        f"{PATH}/adjustments",
        adjust_stock,
        "stock:write",
        takes=Adjustments,
        gives=AdjustmentResults,
        summary="Adjust stock",
        description=(
            f"Applies up to {MAX_ADJUSTMENTS:,} changes of stock, all or none, and writes the results to Clover. "
            "Stock may become negative. Each adjustment is idempotent: a repeated key returns the first movement "
            "again, and a key used for a different adjustment is refused with 422."
        ),
        tags=(STOCK,),
        example={
            "adjustments": [
                {"key": "order-1042-line-1", "sku": "MUG-BLUE", "delta": -2, "cause": "web order 1042"},
            ]
        },
        gives_example={"movements": [EXAMPLE]},
        max_body=MAX_BODY,
    )
]
