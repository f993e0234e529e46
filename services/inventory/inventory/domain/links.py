"""Moves a SKU's stock when the SKU is linked to another item."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from inventory.domain.counts import COUNTED_HERE, set_count
from inventory.domain.ledger import LevelChange, Movement, Source, move
from inventory.domain.levels import Level


@dataclass(frozen=True)
class HandOver:
    """The levels of the item that gives up a SKU and of the one that gets it, with their movements."""

    old: LevelChange
    new: LevelChange

    @property
    def movements(self) -> list[Movement]:
        """The new lines of both ledgers."""
        return [each.movement for each in (self.old, self.new) if each.movement]


def hand_over(old: Level, new: Level, at: datetime, recent: Sequence[Movement] = ()) -> HandOver:
    """Let the SKU take its stock from its former item to the new one.

    `recent` are the changes that callers made of the SKU since the till last changed the count of either item. They
    move, as the former item may have been the wrong one. Older ones stay, because a count at the till may include them.
    Changes that Clover has yet to receive leave the former item in any case. A new item without a count inherits the
    SKU's, unless Clover turns out to have one for it.
    """
    left = _leave(old, new, at, recent)
    if new.on_hand is not None:
        return HandOver(left, _arrive(old, new, at, recent))
    if old.expected is None:
        return HandOver(left, LevelChange(new))
    unread = new.unread_delta or 0
    return HandOver(
        left, LevelChange(replace(new, inherited=old.expected, unread_delta=unread, version=new.version + 1))
    )


def _leave(old: Level, new: Level, at: datetime, recent: Sequence[Movement]) -> LevelChange:
    """Take the SKU's changes from the former item; nothing is written to one that Clover refuses to show.

    A first count stays, as Clover knows no way back to none.
    """
    left, key = replace(old, inherited=None), f"handed-over:{old.item_id}:{old.version + 1}"
    cause = f"the SKU moved to item {new.item_id}, and the change with it"
    if old.on_hand is not None and old.shadow is None:
        change = move(left, key, Source.QUICKSYNC, cause, -old.on_hand, at)
        line = change.movement and replace(change.movement, after=None)
        return LevelChange(replace(change.level, on_hand=None), line)
    counted = [each for each in recent if each.before is not None]
    delta = old.pending if old.is_refused else _moved(old, counted)
    if old.on_hand is None or not delta:
        return LevelChange(left)
    return move(left, key, Source.QUICKSYNC, cause, -delta, at)


def _arrive(old: Level, new: Level, at: datetime, recent: Sequence[Movement]) -> LevelChange:
    """Bring the SKU's changes to an item that has a count. A count that a caller set replaces it."""
    if old.on_hand is not None and any(each.cause == COUNTED_HERE for each in recent):
        return set_count(new, old.on_hand, at)
    is_left_alone = old.is_refused or old.on_hand is None
    delta = sum(each.delta for each in recent) if is_left_alone else _moved(old, recent)
    if not delta:
        return LevelChange(new)
    key = f"taken-over:{new.item_id}:{new.version + 1}"
    cause = f"the SKU moved here from item {old.item_id}, and the change with it"
    return move(new, key, Source.QUICKSYNC, cause, delta, at)


def _moved(old: Level, recent: Sequence[Movement]) -> int:
    """Return the sum of the changes that move with the SKU: the recent ones, or all that Clover lacks if it lacks more.

    Both are the item's last changes. Clover lacks earlier ones as well if it has none of the counts between the recent.
    """
    counts = {count for each in recent for count in (each.before, each.after) if count is not None}
    if recent and (not counts or old.shadow in counts):
        return sum(each.delta for each in recent)
    return old.pending
