"""The items that lines may name."""

from common.clover.transport import MerchantApi
from common.errors import NotFound, Permanent
from orders.clover.responses import Response


class ItemResponse(Response):
    """An item; deleted ones may still be shown."""

    id: str
    deleted: bool | None = None
    deleted_time: int | None = None


async def has_item(api: MerchantApi, item_id: str) -> bool:
    """Return whether the item is in Clover, deleted neither for good nor softly."""
    try:
        item = await api.get(f"items/{item_id}", ItemResponse)
    except NotFound:
        return False
    except Permanent:  # without access to items nobody knows
        return True
    return not (item.deleted or item.deleted_time)
