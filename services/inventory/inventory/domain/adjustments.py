"""Adjustments: changes of stock that a caller reports, idempotent by key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from common.errors import Invalid, Problem
from inventory.domain.ledger import LevelChange, Movement, Source, move
from inventory.domain.levels import MAX_QUANTITY, Level


@dataclass(frozen=True)
class AdjustmentRequest:
    """One adjustment as a caller sends it; either `sku` or `item_id` names the item."""

    key: str
    sku: str | None
    item_id: str | None
    delta: int
    cause: str

    @property
    def movement_key(self) -> str:
        """The key of the resulting movement, by which a repeated request is recognised."""
        return f"adjustment:{self.key}"


@dataclass(frozen=True)
class Adjusted:
    """The changed levels, the new movements, and one movement per request in the order of the requests."""

    levels: Sequence[Level]
    movements: Sequence[Movement]
    answers: Sequence[Movement]


def adjust(level: Level, request: AdjustmentRequest, at: datetime) -> LevelChange:
    """Add the requested change to the level. An item that was never counted starts from zero."""
    return move(level, request.movement_key, Source.QUICKSYNC, request.cause, request.delta, at)


def adjust_all(
    requests: Sequence[AdjustmentRequest], levels: Sequence[Level], recorded: Mapping[str, Movement], at: datetime
) -> Adjusted:
    """Apply the requests in their order, all or none; `recorded` holds earlier movements by movement key.

    Raises Invalid with one problem per request that names an unknown item, reuses a key for another adjustment, or
    leads beyond ±10^12.
    """
    current = {level.item_id: level for level in levels}
    by_sku = {level.sku: level.item_id for level in levels if level.sku}
    known, new, answers, problems = dict(recorded), [], [], []
    for place, request in enumerate(requests):
        item_id = by_sku.get(request.sku or "") or request.item_id
        repeated = known.get(request.movement_key)
        problem = _problem(request, repeated, current.get(item_id or ""))
        if problem is not None:
            problems.append(replace(problem, field=f"adjustments.{place}.{problem.field}"))
        elif repeated is not None:
            answers.append(repeated)
        elif item_id is not None:
            change = adjust(current[item_id], request, at)
            current[item_id] = change.level
            if change.movement is not None:
                known[request.movement_key] = change.movement
                new.append(change.movement)
                answers.append(change.movement)
    if problems:
        raise Invalid(problems)
    changed = {movement.item_id for movement in new}
    return Adjusted([level for level in current.values() if level.item_id in changed], new, answers)


def _problem(request: AdjustmentRequest, repeated: Movement | None, level: Level | None) -> Problem | None:
    if repeated is not None:
        if _is_same(request, repeated):
            return None
        return Problem("key", "was already used for another adjustment", "Give each adjustment its own key.")
    if level is None and request.sku:
        return Problem("sku", "is not linked to a Clover item", "Link the SKU to a Clover item first.")
    if level is None:
        return Problem("item_id", "is not an item seen in Clover", "Send the id of an item from the stock list.")
    if abs((level.on_hand or 0) + request.delta) > MAX_QUANTITY:
        return Problem("delta", "leads to a count beyond 10^12", "Send a smaller delta.")
    return None


def _is_same(request: AdjustmentRequest, movement: Movement) -> bool:
    same_item = movement.sku == request.sku if request.sku else movement.item_id == request.item_id
    return same_item and (movement.delta, movement.cause) == (request.delta, request.cause)
