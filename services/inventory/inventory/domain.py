"""What inventory decides: how counts become movements, when Clover is written, and what became of a write in doubt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from common.contracts.inventory import StockChanged, StockPushed
from common.errors import Invalid, Problem

LARGEST = 10**15
"""No count is larger, in thousandths, either way."""

READ_STOCK = "read_stock"
"""Kind of work: bring Clover's count of an item into the ledger."""
PUSH_STOCK = "push_stock"
"""Kind of work: bring our number of an item into Clover."""
SWEEP = "sweep"
"""Kind of work: read all counts of the merchant; its one key is EVERYTHING."""
EVERYTHING = "item_stocks"

FIRST_COUNT = "first count seen in Clover"
CHANGED = "count changed in Clover"
STATED = "counted in QuickSync"


class Source(StrEnum):
    """Where a movement comes from."""

    CLOVER = "clover"
    QUICKSYNC = "quicksync"


@dataclass(frozen=True)
class Level:
    """The stock of one item in thousandths; `sku` is empty while the item has no link.

    `on_hand` is the sum of its movements, None while nobody ever counted it. `shadow` is Clover's last count that is
    accounted for, None while Clover never showed one. Both count as zero in sums, but neither is zero. `stated`: it was
    counted here before Clover showed a count, which is then known and not added.
    """

    item_id: str
    sku: str = ""
    on_hand: int | None = None
    shadow: int | None = None
    version: int = 0
    stated: bool = False

    @property
    def must_push(self) -> bool:
        """Whether Clover has yet to be told."""
        return self.on_hand is not None and self.on_hand != self.shadow

    @property
    def pending(self) -> int:
        """What moved here and not yet in Clover."""
        return (self.on_hand or 0) - (self.shadow or 0)


@dataclass(frozen=True)
class Movement:
    """One line of the ledger. `version` is the level's after it and orders the lines of an item."""

    key: str
    item_id: str
    version: int
    sku: str
    source: Source
    cause: str
    delta: int
    before: int
    after: int
    at: datetime


@dataclass(frozen=True)
class Moved:
    """A level after something happened, and the movement that brought it there, if one did."""

    level: Level
    movement: Movement | None = None


@dataclass(frozen=True)
class Push:
    """One write to Clover: `base` is what Clover showed just before (None: no count), `target` what is written.

    Whether it was applied is in doubt until it is seen, at the longest until `doubtful_until`.
    """

    push_id: UUID
    item_id: str
    base: int | None
    target: int
    opened_at: datetime
    doubtful_until: datetime


class Fate(StrEnum):
    """What became of a push; UNKNOWN ones stay open."""

    UNKNOWN = "unknown"
    APPLIED = "applied"
    NOT_APPLIED = "not_applied"


@dataclass(frozen=True)
class Asked:
    """One adjustment as a caller asks for it; it names the item by SKU or by id."""

    key: str
    sku: str | None
    item_id: str | None
    delta: int
    cause: str

    @property
    def movement_key(self) -> str:
        """The key of the movement it becomes, by which a repeat is known."""
        return f"adjustment:{self.key}"


@dataclass(frozen=True)
class Adjusted:
    """What a list of adjustments comes to: the new levels, the new movements, and each one's movement in order."""

    levels: Sequence[Level]
    movements: Sequence[Movement]
    answers: Sequence[Movement]


def observe(level: Level, count: int | None, at: datetime) -> Moved:
    """Account for what moved in Clover since we last looked; an echo of our own write moved nothing.

    No count tells nothing: the item was never counted, or is no longer.
    """
    if count is None or count == level.shadow:
        return Moved(level)
    delta = count - (level.shadow or 0)
    cause = FIRST_COUNT if level.shadow is None else CHANGED
    if (delta == 0 and level.on_hand is not None) or (level.stated and level.shadow is None):
        return Moved(replace(level, shadow=count, version=level.version + 1))
    key = f"clover:{level.item_id}:{level.version + 1}"
    moved = _move(level, key, Source.CLOVER, cause, delta, at)
    return Moved(replace(moved.level, shadow=count), moved.movement)


def adjust(level: Level, asked: Asked, at: datetime) -> Moved:
    """Add what a caller says has moved elsewhere; an item nobody counted is counted from nothing."""
    return _move(level, asked.movement_key, Source.QUICKSYNC, asked.cause, asked.delta, at)


def state(level: Level, quantity: int, at: datetime) -> Moved:
    """A caller counted: move to that number."""
    level = replace(level, stated=level.stated or level.shadow is None)
    if level.on_hand == quantity:
        return Moved(level)
    key = f"count:{level.item_id}:{level.version + 1}"
    return _move(level, key, Source.QUICKSYNC, STATED, quantity - (level.on_hand or 0), at)


def _move(level: Level, key: str, source: Source, cause: str, delta: int, at: datetime) -> Moved:
    before, version = level.on_hand or 0, level.version + 1
    movement = Movement(key, level.item_id, version, level.sku, source, cause, delta, before, before + delta, at)
    return Moved(replace(level, on_hand=movement.after, version=version), movement)


def told(merchant_id: str, movement: Movement) -> StockChanged:
    """The event that tells of a movement."""
    return StockChanged(
        merchant_id=merchant_id,
        item_id=movement.item_id,
        sku=movement.sku,
        before=movement.before,
        after=movement.after,
        source=movement.source.value,
        cause=movement.cause,
    )


def told_pushed(merchant_id: str, level: Level, push: Push) -> StockPushed:
    """The event that tells of a push that was applied."""
    return StockPushed(
        merchant_id=merchant_id, item_id=push.item_id, sku=level.sku, before=push.base or 0, after=push.target
    )


def plan_push(level: Level, count: int | None, push_id: UUID, at: datetime, doubtful_until: datetime) -> Push | None:
    """The write that brings Clover from the count just read, and accounted for, to our number, if it is not there."""
    if level.on_hand is None or not level.must_push:
        return None
    return Push(push_id, level.item_id, count, level.on_hand, at, doubtful_until)


def judge(push: Push, count: int | None, now: datetime) -> Fate:
    """What became of a push whose answer was lost, by what Clover shows.

    The target shows that it was applied. Anything else may still change while the write may be on its way; after
    that the base, or no count, shows that it was not. Of any other number the likelier story is believed: a sale
    rather than goods coming back, and the smaller movement of two. The rest is then an inbound movement.
    """
    if count == push.target:
        return Fate.APPLIED
    if now < push.doubtful_until:
        return Fate.UNKNOWN
    if count is None or count == push.base:
        return Fate.NOT_APPLIED
    if_applied, if_not = count - push.target, count - (push.base or 0)
    return min((if_not > 0, abs(if_not), Fate.NOT_APPLIED), (if_applied > 0, abs(if_applied), Fate.APPLIED))[-1]


def settle(level: Level, push: Push, fate: Fate) -> Level:
    """The level once the fate of its push is known; what Clover shows then is still to be observed."""
    return replace(level, shadow=push.target, version=level.version + 1) if fate is Fate.APPLIED else level


def adjust_all(asked: Sequence[Asked], levels: Sequence[Level], done: Mapping[str, Movement], at: datetime) -> Adjusted:
    """Take a list of adjustments in its order, all or none; `done` are the movements that have their keys already.

    Raises Invalid naming each that names an unknown item, reuses a key for something else, or leads beyond ±10^12.
    """
    now = {level.item_id: level for level in levels}
    by_sku = {level.sku: level.item_id for level in levels if level.sku}
    known, new, answers, problems = dict(done), [], [], []
    for place, each in enumerate(asked):
        item_id = by_sku.get(each.sku or "") or each.item_id
        repeated = known.get(each.movement_key)
        problem = _problem(each, repeated, now.get(item_id or ""))
        if problem is not None:
            problems.append(replace(problem, field=f"adjustments.{place}.{problem.field}"))
        elif repeated is not None:
            answers.append(repeated)
        elif item_id is not None:
            moved = adjust(now[item_id], each, at)
            now[item_id] = moved.level
            if moved.movement is not None:
                known[each.movement_key] = moved.movement
                new.append(moved.movement)
                answers.append(moved.movement)
    if problems:
        raise Invalid(problems)
    changed = {movement.item_id for movement in new}
    return Adjusted([level for level in now.values() if level.item_id in changed], new, answers)


def _problem(asked: Asked, repeated: Movement | None, level: Level | None) -> Problem | None:
    if repeated is not None:
        if _same(asked, repeated):
            return None
        return Problem("key", "was used before for another adjustment", "Give each adjustment a key of its own.")
    if level is None:
        field, remedy = ("sku", "Link it to a Clover item first.") if asked.sku else ("item_id", "Correct it.")
        return Problem(field, "is not an item known here", remedy)
    if abs((level.on_hand or 0) + asked.delta) > LARGEST:
        return Problem("delta", "leads to a count beyond 10^12", "Correct it.")
    return None


def _same(asked: Asked, movement: Movement) -> bool:
    named = movement.sku == asked.sku if asked.sku else movement.item_id == asked.item_id
    return named and (movement.delta, movement.cause) == (asked.delta, asked.cause)
