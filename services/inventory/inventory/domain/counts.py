"""Absolute counts become movements: those that Clover shows, and those that a caller sets."""

from dataclasses import replace
from datetime import datetime

from inventory.domain.ledger import LevelChange, Source, count, move
from inventory.domain.levels import Level

PREFIX = "count:"
"""Begins the keys of counts that callers set."""

FIRST_COUNT = "first count seen in Clover"
CHANGED_IN_CLOVER = "count changed in Clover"
COUNTED_HERE = "counted in QuickSync"
INHERITED = "count taken over from the item that had this SKU before"


def apply_clover_count(level: Level, shown: int | None, at: datetime) -> LevelChange:
    """Account for the difference between Clover's count and the shadow; an echo of our own write differs by nothing.

    None means that the item was never counted in Clover, or is no longer counted there.
    """
    if shown is None:
        return _without_count(level, at)
    if shown == level.shadow:
        return LevelChange(level)
    version = level.version + 1
    key = f"clover:{level.item_id}:{version}"
    if level.on_hand is None:
        change = count(level, key, Source.CLOVER, FIRST_COUNT, shown, at, later=level.unread_delta or 0)
    elif level.shadow is None:
        # Our count is newer than Clover's first one and replaces it, so the first one is not added on top.
        change = LevelChange(replace(level, version=version))
    else:
        change = move(level, key, Source.CLOVER, CHANGED_IN_CLOVER, shown - level.shadow, at)
        line = change.movement and replace(change.movement, carried=level.pending)
        change = replace(change, movement=line)
    return LevelChange(replace(change.level, shadow=shown), change.movement)


def _without_count(level: Level, at: datetime) -> LevelChange:
    """Keep our number. Without one, take over the previous item's count, or note that nobody counts the item."""
    if level.on_hand is None and level.inherited is not None:
        key = f"inherited:{level.item_id}:{level.version + 1}"
        later = level.unread_delta or 0
        return count(level, key, Source.QUICKSYNC, INHERITED, level.inherited, at, later=later)
    if level.unread_delta is None:
        return LevelChange(level)
    return LevelChange(replace(level, unread_delta=None, version=level.version + 1))


def set_count(level: Level, quantity: int, at: datetime) -> LevelChange:
    """Move the level to a count that a caller sets; the same count again has no movement."""
    if level.on_hand == quantity:
        return LevelChange(level)
    key = f"{PREFIX}{level.item_id}:{level.version + 1}"
    return count(level, key, Source.QUICKSYNC, COUNTED_HERE, quantity, at)
