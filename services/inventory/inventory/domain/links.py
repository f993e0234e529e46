"""Moves a SKU's stock when the SKU is linked to another item."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from inventory.domain import adjustments, counts
from inventory.domain.ledger import LevelChange, Movement, Source, move
from inventory.domain.levels import Level


@dataclass(frozen=True)
class Side:
    """One of the two items, with its first counts and the changes of Clover's count, oldest first.

    `count` is the last of these lines in which a person counted the item.
    """

    level: Level
    lines: Sequence[Movement] = ()
    count: Movement | None = None


@dataclass(frozen=True)
class HandOver:
    """The levels of the item that gives up a SKU and of the one that gets it, with their movements."""

    old: LevelChange
    new: LevelChange

    @property
    def movements(self) -> list[Movement]:
        """The new lines of both ledgers."""
        return [each.movement for each in (self.old, self.new) if each.movement]


Rule: TypeAlias = Callable[[str, Side, Side, Sequence[Movement], datetime], HandOver]
"""Changes the two items of a SKU that moved: `hand_over` when it moves, `correct` later."""


def hand_over(sku: str, old: Side, new: Side, changes: Sequence[Movement], at: datetime) -> HandOver:
    """Let the changes that callers made of the SKU go from its former item, which may be the wrong one, to the new one.

    `changes` are the lines of QuickSync about the SKU in the ledgers of all items, oldest first. Each item then has the
    count that it had if the SKU had been linked to the new one since a person last counted the item.

    A new item without a count inherits the SKU's, unless Clover turns out to have one for it.
    """
    if new.level.on_hand is not None or old.level.expected is None:
        return correct(sku, old, new, changes, at)
    unread = new.level.unread_delta or 0
    inherits = replace(new.level, inherited=old.level.expected, unread_delta=unread, version=new.level.version + 1)
    return replace(correct(sku, old, new, changes, at), new=LevelChange(inherits))


def correct(sku: str, old: Side, new: Side, changes: Sequence[Movement], at: datetime) -> HandOver:
    """Do the same for a SKU that moved before; nothing changes unless more is known of its till sales."""
    given = _given(sku, old, new, changes)
    return HandOver(_leave(sku, old, new, given, at), _arrive(sku, old, new, changes, given, at))


@dataclass(frozen=True)
class Given:
    """The count that the former item gives up, or gets back if `taken` is below zero.

    It should give the goods that are `lacking` as well, and has none of them.
    """

    taken: int
    lacking: int = 0


def _given(sku: str, old: Side, new: Side, changes: Sequence[Movement]) -> Given:
    """Return the part of the former item's count that the SKU's changes since its last count make.

    The link may have been right, so in doubt the former item keeps the lower count: what was sold before the new item
    was counted at all was not sold of the new one. Nothing is written to an item that Clover refuses to show.
    """
    if old.level.on_hand is None:
        return Given(0)
    lines = _lines_since(old, changes)
    carried = old.count.carried if old.count and old.count.sku == sku else 0
    owed = sum(each.delta for each in lines) + carried
    lacking = _lacking(old, owed)
    if old.level.is_refused:
        return Given(old.level.pending, lacking)
    if _is_newer(new, lines):
        return Given(max(owed - lacking, min(old.level.pending, 0)), lacking)
    return Given(owed - lacking, lacking)


def _lacking(old: Side, owed: int) -> int:
    """Return the goods of those that it owes which the item cannot have any more: the till sold more than its own.

    So it sold goods of the SKU, and for them the link was right.
    """
    if old.count is None:
        return 0
    own = (old.level.on_hand or 0) - owed
    least_own = min((old.count.after or 0) - old.count.carried, 0)
    return max(min(owed, least_own - own), 0)


def _lines_since(side: Side, changes: Sequence[Movement]) -> list[Movement]:
    """Return the SKU's lines in the item's ledger since the item's last count."""
    return [each for each in changes if each.item_id == side.level.item_id and _is_since_count(side, each)]


def _is_newer(new: Side, lines: Sequence[Movement]) -> bool:
    """Whether Clover counted the new item only after the first of these changes of the former one."""
    first = [each.recorded_at for each in new.lines if each.before is None and each.source is Source.CLOVER]
    return bool(first and lines) and min(each.recorded_at for each in lines) < min(first)


def _leave(sku: str, old: Side, new: Side, given: Given, at: datetime) -> LevelChange:
    """Take the SKU's changes from the former item. A first count stays, as Clover knows no way back to none."""
    left, key = replace(old.level, inherited=None), f"handed-over:{old.level.item_id}:{old.level.version + 1}"
    cause = f"the SKU moved to item {new.level.item_id}, and the change with it"
    is_skus = old.count is None or old.count.sku == sku
    if left.on_hand is not None and left.shadow is None and is_skus:
        change = move(left, key, Source.QUICKSYNC, cause, -left.on_hand, at)
        line = change.movement and replace(change.movement, after=None)
        return _of(sku, LevelChange(replace(change.level, on_hand=None), line))
    if left.on_hand is None or not given.taken:
        return LevelChange(left)
    return _of(sku, move(left, key, Source.QUICKSYNC, cause, -given.taken, at))


def _arrive(sku: str, old: Side, new: Side, changes: Sequence[Movement], given: Given, at: datetime) -> LevelChange:
    """Bring the SKU's changes to an item that has a count, as far as they are newer than that and not there yet."""
    if new.level.on_hand is None:
        return LevelChange(new.level)
    delta = _right_count(new, changes) - new.level.on_hand
    delta -= min(given.lacking, max(delta, 0))
    if not delta:
        return LevelChange(new.level)
    key = f"taken-over:{new.level.item_id}:{new.level.version + 1}"
    cause = f"the SKU moved here from item {old.level.item_id}, and the change with it"
    return _of(sku, move(new.level, key, Source.QUICKSYNC, cause, delta, at))


def _right_count(new: Side, changes: Sequence[Movement]) -> int:
    """Return the count that the item has if all changes of the SKU since its last count were changes of it.

    A count that a caller set replaces what was before it; later sales at the till of the item itself lower it.
    """
    callers = [each for each in changes if _is_callers(each) and _is_since_count(new, each)]
    places = [place for place, each in enumerate(callers) if each.key.startswith(counts.PREFIX)]
    if not places:
        there = _lines_since(new, changes)
        return (new.level.on_hand or 0) + sum(each.delta for each in callers) - sum(each.delta for each in there)
    counted, later = callers[places[-1]], callers[places[-1] + 1 :]
    sold = [each for each in new.lines if each.recorded_at > counted.recorded_at]
    return (counted.after or 0) + sum(each.delta for each in (*later, *sold))


def _is_callers(line: Movement) -> bool:
    return line.key.startswith((adjustments.PREFIX, counts.PREFIX))


def _is_since_count(side: Side, line: Movement) -> bool:
    """Whether the line was recorded after the item's last count: by its version, or by time in another ledger."""
    if side.count is None:
        return True
    if line.item_id == side.level.item_id:
        return line.version > side.count.version
    return line.recorded_at > side.count.recorded_at


def _of(sku: str, change: LevelChange) -> LevelChange:
    """Note on the line that the SKU changed the item, which need not have the SKU any more."""
    return replace(change, movement=change.movement and replace(change.movement, sku=sku))
