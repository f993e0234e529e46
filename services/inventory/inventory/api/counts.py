"""The route that sets a stock count."""

from typing import Annotated

from pydantic import Field

from common.http.routes import Call, Input, Route
from common.quantity import DecimalQuantity
from inventory.api.ledger import record_change
from inventory.api.levels import PATH, SKU, STOCK, StockLevel, stock_level
from inventory.api.lookups import find_level
from inventory.deps import Deps
from inventory.domain import counts
from inventory.store import levels


class StockCount(Input):
    """A counted quantity."""

    quantity: Annotated[
        DecimalQuantity,
        Field(
            description="The counted quantity in the item's own unit, with up to three decimals. Negative is allowed."
        ),
    ]


async def set_stock(call: Call[Deps, StockCount]) -> StockLevel:
    found = await find_level(call)
    async with call.deps.database.unit() as unit:
        [level] = await levels.lock_levels(unit, call.merchant_id, [found.item_id])
        change = counts.set_count(level, call.input.quantity, unit.now)
        if change.level != level:
            await record_change(unit, call.merchant_id, [change.level], [change.movement] if change.movement else [])
    return stock_level(change.level)


ROUTES = [
    Route(
        "PUT",
        f"{PATH}/{{sku}}",
        set_stock,
        "stock:write",
        takes=StockCount,
        gives=StockLevel,
        summary="Set the stock count of a SKU or item",
        description=(
            "Records a movement to the counted quantity and writes it to Clover. Setting the quantity that is already "
            "in stock records nothing. While the product of the SKU is not in Clover yet, the answer is 409 "
            "`product_pending`; send the request again after `Retry-After`."
        ),
        also=(409,),
        tags=(STOCK,),
        path_parameters=SKU,
        example={"quantity": 12},
        gives_example={
            "item_id": "4XGZ7Q2MT8ND1",
            "sku": "MUG-BLUE",
            "on_hand": 12,
            "clover_count": 15,
            "pending": -3,
        },
    )
]
