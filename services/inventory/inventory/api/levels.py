"""Routes that show stock levels."""

from typing import Annotated

from pydantic import BaseModel, Field

from common.http.paging import PageByName, part
from common.http.routes import Call, Nothing, PathParameter, Route, Tag
from common.quantity import DecimalQuantity
from inventory.api.lookups import find_level, require_merchant
from inventory.deps import Deps
from inventory.domain.levels import Level
from inventory.store import levels

STOCK = Tag("Stock", "Stock levels, kept equal to the counts in Clover, and the ledger that explains each of them.")
PATH = "/v1/merchants/{merchant_id}/stock"
SKU = {
    "sku": PathParameter(
        "The SKU of a linked product. For an item without a SKU, its Clover item id.", example="MUG-BLUE"
    )
}
EXAMPLE = {"item_id": "4XGZ7Q2MT8ND1", "sku": "MUG-BLUE", "on_hand": 10, "clover_count": 10, "pending": 0}


class StockLevel(BaseModel):
    """The stock of one item. Quantities are in the item's own unit, with up to three decimals."""

    item_id: Annotated[str, Field(description="The id of the item in Clover.")]
    sku: Annotated[str, Field(description="The SKU of the linked product. Empty if the item has no link.")]
    on_hand: Annotated[
        DecimalQuantity | None,
        Field(description="The quantity in stock: the sum of all movements. Null if the item was never counted."),
    ]
    clover_count: Annotated[
        DecimalQuantity | None,
        Field(description="The last count read from or written to Clover. Null if Clover never had one."),
    ]
    pending: Annotated[DecimalQuantity, Field(description="The change that is not in Clover yet. 0 when in sync.")]


class StockPage(BaseModel):
    """A page of stock levels."""

    stock: Annotated[list[StockLevel], Field(description="The levels in the order of their item ids.")]
    next: Annotated[str | None, Field(description="The `cursor` of the next page. Null on the last page.")]


async def list_stock(call: Call[Deps, PageByName]) -> StockPage:
    await require_merchant(call)
    async with call.deps.database.connection() as conn:
        found = await levels.list_levels(conn, call.merchant_id, call.input.cursor, call.input.limit + 1)
    page, last = part(found, call.input.limit)
    return StockPage(stock=[stock_level(level) for level in page], next=last.item_id if last else None)


async def get_stock(call: Call[Deps, Nothing]) -> StockLevel:
    return stock_level(await find_level(call))


def stock_level(level: Level) -> StockLevel:
    """Return the answer that shows this level."""
    # The values come from the database; validating hundreds of them again per page would only cost time.
    return StockLevel.model_construct(
        item_id=level.item_id, sku=level.sku, on_hand=level.on_hand, clover_count=level.shadow, pending=level.pending
    )


ROUTES = [
    Route(
        "GET",
        PATH,
        list_stock,
        "stock:read",
        takes=PageByName,
        gives=StockPage,
        summary="List stock levels",
        description="Returns the stock of every item seen in Clover or linked to a product, sorted by item id.",
        tags=(STOCK,),
        example={"limit": 100},
        gives_example={"stock": [EXAMPLE], "next": None},
    ),
    Route(
        "GET",
        f"{PATH}/{{sku}}",
        get_stock,
        "stock:read",
        gives=StockLevel,
        also=(409,),
        summary="Get the stock of a SKU or item",
        description="Returns the quantity in stock and how much of it Clover has yet to receive. An item that nobody "
        "ever counted has no quantity, and none is written to Clover until somebody counts it here or there.",
        tags=(STOCK,),
        path_parameters=SKU,
        gives_example=EXAMPLE,
    ),
]
