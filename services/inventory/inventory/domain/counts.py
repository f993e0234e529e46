"""Absolute counts become movements: those that Clover shows, and those that a caller sets."""

from dataclasses import replace
from datetime import datetime

from inventory.domain.ledger import LevelChange, Source, move
from inventory.domain.levels import Level

FIRST_COUNT = "first count seen in Clover"
CHANGED_IN_CLOVER = "count changed in Clover"
COUNTED_HERE = "counted in QuickSync"


def apply_clover_count(level: Level, count: int | None, at: datetime) -> LevelChange:
    """Account for the difference between Clover's count and the shadow; an echo of our own write differs by nothing.

    None changes nothing: the item was never counted in Clover, or is no longer counted there.
    """
    if count is None or count == level.shadow:
        return LevelChange(level)
    delta = count - (level.shadow or 0)
    # A local count is newer than Clover's first one and replaces it, so the first one is not added on top.
    replaced = level.counted_locally and level.shadow is None
    if replaced or (delta == 0 and level.on_hand is not None):
        return LevelChange(replace(level, shadow=count, version=level.version + 1))
    cause = FIRST_COUNT if level.shadow is None else CHANGED_IN_CLOVER
    key = f"clover:{level.item_id}:{level.version + 1}"
    change = move(level, key, Source.CLOVER, cause, delta, at)
    return LevelChange(replace(change.level, shadow=count), change.movement)


def set_count(level: Level, quantity: int, at: datetime) -> LevelChange:
    """Move the level to a count that a caller sets; the same count again has no movement."""
    level = replace(level, counted_locally=level.counted_locally or level.shadow is None)
    if level.on_hand == quantity:
        return LevelChange(level)
    key = f"count:{level.item_id}:{level.version + 1}"
    return move(level, key, Source.QUICKSYNC, COUNTED_HERE, quantity - (level.on_hand or 0), at)
