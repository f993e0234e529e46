"""The ledger: one uniquely keyed movement for every change of an item's stock."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from common.contracts.inventory import StockChanged
from inventory.domain.levels import Level


class Source(StrEnum):
    """The side on which stock moved."""

    CLOVER = "clover"
    QUICKSYNC = "quicksync"


@dataclass(frozen=True)
class Movement:
    """One line of the ledger. `version` is the version of the level after it and orders the lines of an item."""

    key: str
    item_id: str
    version: int
    sku: str
    source: Source
    cause: str
    delta: int
    before: int
    after: int
    recorded_at: datetime


@dataclass(frozen=True)
class LevelChange:
    """A level after a change, and the movement that led to it. Only a change of `on_hand` has a movement."""

    level: Level
    movement: Movement | None = None


def move(level: Level, key: str, source: Source, cause: str, delta: int, at: datetime) -> LevelChange:
    """Add `delta` to the level and record it. An item that was never counted starts from zero."""
    before, version = level.on_hand or 0, level.version + 1
    movement = Movement(key, level.item_id, version, level.sku, source, cause, delta, before, before + delta, at)
    return LevelChange(replace(level, on_hand=movement.after, version=version), movement)


def stock_changed(merchant_id: str, movements: Sequence[Movement]) -> list[StockChanged]:
    """The events that publish these movements, in the same order."""
    return [
        StockChanged(
            merchant_id=merchant_id,
            item_id=movement.item_id,
            sku=movement.sku,
            before=movement.before,
            after=movement.after,
            source=movement.source.value,
            cause=movement.cause,
        )
        for movement in movements
    ]
