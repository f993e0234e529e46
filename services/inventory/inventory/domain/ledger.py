"""The ledger: one uniquely keyed movement for every change of an item's stock."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from common.contracts.inventory import StockChanged
from inventory.domain.levels import Level

Identity: TypeAlias = tuple[str, str, str]
"""The channel, the store and the key of a movement, unique per merchant. Channel and store may be empty."""


class Source(StrEnum):
    """The side on which stock moved."""

    CLOVER = "clover"
    QUICKSYNC = "quicksync"


@dataclass(frozen=True)
class Movement:
    """One line of the ledger. `version` is the version of the level after it and orders the lines of an item.

    `before` and `after` are None while the item was never counted. `channel` and `store` name the source of an
    adjustment, if it named one. `carried` is the part of `after` that a count, in Clover or inherited, did not contain:
    the changes that Clover had not received.
    """

    key: str
    item_id: str
    version: int
    sku: str
    source: Source
    cause: str
    delta: int
    before: int | None
    after: int | None
    recorded_at: datetime
    channel: str = ""
    store: str = ""
    carried: int = 0

    @property
    def identity(self) -> Identity:
        """Two movements of a merchant never share it."""
        return self.channel, self.store, self.key


@dataclass(frozen=True)
class LevelChange:
    """A level after a change, and the movement that led to it. Only a change of `on_hand` has a movement."""

    level: Level
    movement: Movement | None = None


def move(level: Level, key: str, source: Source, cause: str, delta: int, at: datetime) -> LevelChange:
    """Add `delta` to the level and record it. An item that was never counted stays without a count."""
    if level.on_hand is not None:
        return _recorded(level, key, source, cause, delta, level.on_hand + delta, at)
    unread = None if level.unread_delta is None else level.unread_delta + delta
    return _recorded(replace(level, unread_delta=unread), key, source, cause, delta, None, at)


def count(
    level: Level, key: str, source: Source, cause: str, quantity: int, at: datetime, *, later: int = 0
) -> LevelChange:
    """Set the level to a counted quantity, plus `later`: recorded changes that the count does not contain."""
    change = _recorded(level, key, source, cause, quantity - (level.on_hand or 0), quantity + later, at)
    line = change.movement and replace(change.movement, carried=later)
    return LevelChange(replace(change.level, unread_delta=None, inherited=None), line)


def _recorded(
    level: Level, key: str, source: Source, cause: str, delta: int, after: int | None, at: datetime
) -> LevelChange:
    version = level.version + 1
    movement = Movement(key, level.item_id, version, level.sku, source, cause, delta, level.on_hand, after, at)
    return LevelChange(replace(level, on_hand=after, version=version), movement)


def stock_changed(merchant_id: str, movements: Sequence[Movement]) -> list[StockChanged]:
    """Return the events that publish these movements, in their order; a movement without a count changes no stock."""
    return [
        StockChanged(
            merchant_id=merchant_id,
            item_id=movement.item_id,
            sku=movement.sku,
            before=movement.before or 0,
            after=movement.after,
            source=movement.source.value,
            cause=movement.cause,
        )
        for movement in movements
        if movement.after is not None
    ]
