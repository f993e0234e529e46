"""The items that lines may name."""

from common.clover.transport import MerchantApi
from common.errors import NotFound, Permanent
from orders.clover.responses import Response

PER_UNIT = "PER_UNIT"


class ItemResponse(Response):
    """An item; deleted ones may still be shown."""

    id: str
    deleted: bool | None = None
    deleted_time: int | None = None
    price_type: str | None = None


async def has_item(api: MerchantApi, item_id: str) -> bool:
    """Return whether the item is in Clover, deleted neither for good nor softly."""
    try:
        item = await api.get(f"items/{item_id}", ItemResponse)
    except NotFound:
        return False
    except Permanent:  # without access to items nobody knows
        return True
    return not (item.deleted or item.deleted_time)


async def is_sold_by_weight(api: MerchantApi, item_id: str) -> bool:
    """Return whether a row of this item can have a weight. Clover ignores that of any other item (documented)."""
    try:
        item = await api.get(f"items/{item_id}", ItemResponse)
    except Permanent:  # a missing item is refused with its row; without access to items nobody knows
        return True
    return item.price_type == PER_UNIT
