"""Forecasts for a preview: the effect on a product's item in Clover."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from catalog.domain.matching import AdoptItem, CreateItem, HoldProduct, Step, UpdateItem


class Action(StrEnum):
    """The effect on the item."""

    CREATE = "create"
    LINK = "link"
    UPDATE = "update"
    NONE = "none"
    HOLD = "hold"


@dataclass(frozen=True)
class Forecast:
    """The action, the item, and the fields that it gets with their values `before` and `after`.

    `reason` tells why a person has to decide first.
    """

    action: Action
    item_id: str | None = None
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    reason: str | None = None


def forecast(step: Step) -> Forecast:
    """Return the effect of the step on the item."""
    match step:
        case CreateItem():
            return Forecast(Action.CREATE)
        case AdoptItem() | UpdateItem():
            after = step.record.wanted.changes_from(step.known)
            before = {name: getattr(step.known, name) for name in after}
            update = Action.UPDATE if after else Action.NONE
            return Forecast(Action.LINK if isinstance(step, AdoptItem) else update, step.item_id, before, after)
        case HoldProduct():
            return Forecast(Action.HOLD, reason=step.reason)
        case _:
            return Forecast(Action.NONE)
