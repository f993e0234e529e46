"""Links: what becomes of a SKU's count when the SKU is linked to another item."""

from dataclasses import replace
from datetime import datetime

from inventory.domain.ledger import LevelChange, Movement, Source
from inventory.domain.levels import Level


def hand_over(old: Level, new: Level, at: datetime) -> tuple[LevelChange, Level]:
    """Let the new item inherit the SKU's count, unless Clover turns out to have a count of its own for it.

    The change that Clover has yet to receive belongs to the SKU, so it leaves the old item. That item keeps the count
    that Clover last showed, and nothing is pushed to it.
    """
    if new.on_hand is None and old.expected is not None:
        unread = new.unread_delta or 0
        new = replace(new, inherited=old.expected, unread_delta=unread, version=new.version + 1)
    old = replace(old, inherited=None)
    if old.on_hand is None or not old.needs_push:
        return LevelChange(old), new
    version = old.version + 1
    movement = Movement(
        key=f"handed-over:{old.item_id}:{version}",
        item_id=old.item_id,
        version=version,
        sku=old.sku,
        source=Source.QUICKSYNC,
        cause=f"the SKU moved to item {new.item_id}, and the change with it",
        delta=(old.shadow or 0) - old.on_hand,
        before=old.on_hand,
        after=old.shadow,
        recorded_at=at,
    )
    left = replace(old, on_hand=old.shadow, version=version)
    return LevelChange(left, movement), new
