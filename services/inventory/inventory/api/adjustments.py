"""The route that takes adjustments."""

from collections.abc import Collection, Sequence
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, model_validator

from common.contracts.catalog import Sku
from common.errors import Conflict
from common.http.channel import Channel
from common.http.routes import Call, Input, Route
from common.ids import ItemId
from common.quantity import DecimalQuantity
from inventory.api.ledger import EXAMPLE, StockMovement, record_change, stock_movement
from inventory.api.levels import PATH, STOCK
from inventory.api.lookups import fetch_links, product_pending, require_merchant
from inventory.deps import Deps
from inventory.domain.adjustments import AdjustmentRequest, ProductsPending, adjust_all
from inventory.domain.ledger import Movement
from inventory.store import ledger, levels

MAX_ADJUSTMENTS = 1000

PENDING = "A product was accepted and is not in Clover yet. Send the same request again in a few seconds."


def _not_zero(delta: int) -> int:
    if delta == 0:
        raise ValueError("must not be 0")
    return delta


class Adjustment(Input):
    """A change of stock. Name the item by either `sku` or `item_id`."""

    key: Annotated[
        str,
        StringConstraints(min_length=1, max_length=100),
        Field(
            description="The idempotency key, unique per merchant and `channel`. A repeat with the same key changes "
            "nothing."
        ),
    ]
    channel: Annotated[
        Channel | None,
        Field(
            description="The store that reports the adjustment. Name it if several stores adjust stock: each store "
            "has keys of its own, so two stores may use the same key."
        ),
    ] = None
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
    await require_merchant(call)
    requests = [_request(each) for each in call.input.adjustments]
    skus = {request.sku for request in requests if request.sku}
    async with call.deps.database.connection() as conn:
        known = await levels.named_levels(conn, call.merchant_id, list(skus), [])
    pending = await fetch_links(call.deps, call.merchant_id, skus - {level.sku for level in known})
    try:
        movements = await _adjust(call, requests, pending)
    except ProductsPending as error:
        raise product_pending(PENDING, error.problems) from error
    return AdjustmentResults(movements=[stock_movement(movement) for movement in movements])


def _request(adjustment: Adjustment) -> AdjustmentRequest:
    source = adjustment.channel
    return AdjustmentRequest(
        key=adjustment.key,
        sku=adjustment.sku,
        item_id=adjustment.item_id,
        delta=adjustment.delta,
        cause=adjustment.cause,
        channel=source.channel if source else "",
        store=source.store if source else "",
    )


async def _adjust(
    call: Call[Deps, Adjustments], requests: Sequence[AdjustmentRequest], pending: Collection[str]
) -> Sequence[Movement]:
    """Apply the requests, and return the movement of each."""
    try:
        return await _adjust_once(call, requests, pending)
    except Conflict:
        # Another request has just recorded one of the keys for another item. Now it is found, and refused by name.
        return await _adjust_once(call, requests, pending)


async def _adjust_once(
    call: Call[Deps, Adjustments], requests: Sequence[AdjustmentRequest], pending: Collection[str]
) -> Sequence[Movement]:
    skus = [request.sku for request in requests if request.sku]
    item_ids = [request.item_id for request in requests if request.item_id]
    async with call.deps.database.unit() as unit:
        named = await levels.named_levels(unit.conn, call.merchant_id, skus, item_ids)
        locked = await levels.lock_levels(unit, call.merchant_id, [level.item_id for level in named])
        identities = [request.identity for request in requests]
        recorded = await ledger.movements_by_identity(unit.conn, call.merchant_id, identities)
        adjusted = adjust_all(requests, locked, recorded, unit.now, pending)
        await record_change(unit, call.merchant_id, adjusted.levels, adjusted.movements)
    return adjusted.answers


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
            "again, and a key used for a different adjustment is refused with 422. A SKU whose product is not in "
            "Clover yet is refused with 409 `product_pending`, and `errors` names each such adjustment; send the same "
            "request again after `Retry-After`. An item that nobody ever counted keeps no count: its adjustments stand "
            "in the ledger, and Clover is not written until somebody counts."
        ),
        also=(409,),
        tags=(STOCK,),
        example={
            "adjustments": [
                {
                    "key": "order-1042-line-1",
                    "channel": {"channel": "shopify", "store": "mugs.example"},
                    "sku": "MUG-BLUE",
                    "delta": -2,
                    "cause": "web order 1042",
                },
            ]
        },
        gives_example={"movements": [EXAMPLE]},
    )
]
