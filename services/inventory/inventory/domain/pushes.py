"""Pushes: when Clover's count is written, and whether a write without an answer was applied."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from common.contracts.inventory import StockPushed
from inventory.domain.levels import Level


@dataclass(frozen=True)
class Push:
    """One write to Clover: `base` is Clover's count just before it (None: no count), `target` the count written.

    A write without an answer may still be applied until `deadline`.
    """

    push_id: UUID
    item_id: str
    base: int | None
    target: int
    opened_at: datetime
    deadline: datetime


class PushOutcome(StrEnum):
    """The end of a push; an UNKNOWN push stays open."""

    UNKNOWN = "unknown"
    APPLIED = "applied"
    NOT_APPLIED = "not_applied"


def plan_push(level: Level, count: int | None, push_id: UUID, at: datetime, deadline: datetime) -> Push | None:
    """Return the write that brings Clover from `count`, just read and accounted for, to our number, if it is needed."""
    if level.on_hand is None or not level.needs_push:
        return None
    return Push(push_id, level.item_id, count, level.on_hand, at, deadline)


def resolve_push(push: Push, count: int | None, now: datetime) -> PushOutcome:
    """Decide from Clover's count whether a push without an answer was applied.

    The target proves that it was. Before the deadline any other count may still change. After it, the base or no
    count proves that it was not. Any other number is explained by the likelier movement: a sale is likelier than a
    return, and the smaller of two movements is likelier. The difference then becomes an inbound movement.
    """
    if count == push.target:
        return PushOutcome.APPLIED
    if now < push.deadline:
        return PushOutcome.UNKNOWN
    if count is None or count == push.base:
        return PushOutcome.NOT_APPLIED
    if_applied, if_not = count - push.target, count - (push.base or 0)
    return min(
        (if_not > 0, abs(if_not), PushOutcome.NOT_APPLIED), (if_applied > 0, abs(if_applied), PushOutcome.APPLIED)
    )[-1]


def close_push(level: Level, push: Push, outcome: PushOutcome) -> Level:
    """Return the level after the push ended. An applied push moves the shadow to its target."""
    if outcome is not PushOutcome.APPLIED:
        return level
    return replace(level, shadow=push.target, version=level.version + 1)


def stock_pushed(merchant_id: str, level: Level, push: Push) -> StockPushed:
    """Return the event that publishes an applied push."""
    return StockPushed(
        merchant_id=merchant_id, item_id=push.item_id, sku=level.sku, before=push.base or 0, after=push.target
    )
