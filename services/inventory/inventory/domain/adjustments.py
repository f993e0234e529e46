"""Adjustments: changes of stock that a caller reports, idempotent by key."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from common.errors import Invalid, Problem
from common.quantity import decimal
from inventory.domain.ledger import Identity, LevelChange, Movement, Source, move
from inventory.domain.levels import MAX_QUANTITY, Level

PREFIX = "adjustment:"
"""Distinguishes the keys of callers from our own keys in the ledger."""


ON_ITS_WAY = "belongs to a product that is not in Clover yet"


class ProductsPending(Invalid):
    """Products with these SKUs were accepted and are not linked to items yet; the same request works later."""


@dataclass(frozen=True)
class AdjustmentRequest:
    """One adjustment as a caller sends it; either `sku` or `item_id` names the item.

    `channel` and `store` name the store that reports it, if any. Keys of different stores are different.
    """

    key: str
    sku: str | None
    item_id: str | None
    delta: int
    cause: str
    channel: str = ""
    store: str = ""

    @property
    def identity(self) -> Identity:
        """The identity of the resulting movement, by which a repeated request is recognised."""
        return self.channel, self.store, PREFIX + self.key


@dataclass(frozen=True)
class Adjusted:
    """The changed levels, the new movements, and one movement per request in the order of the requests."""

    levels: Sequence[Level]
    movements: Sequence[Movement]
    answers: Sequence[Movement]


def shown_key(movement: Movement) -> str:
    """Return the key of a movement for callers; that of an adjustment is as its caller sent it."""
    return movement.key.removeprefix(PREFIX)


def adjust(level: Level, request: AdjustmentRequest, at: datetime) -> LevelChange:
    """Add the requested change to the level. An item that was never counted stays without a count."""
    channel, store, key = request.identity
    change = move(level, key, Source.QUICKSYNC, request.cause, request.delta, at)
    movement = replace(change.movement, channel=channel, store=store) if change.movement else None
    return LevelChange(change.level, movement)


def adjust_all(
    requests: Sequence[AdjustmentRequest],
    levels: Sequence[Level],
    recorded: Mapping[Identity, Movement],
    at: datetime,
    pending: Collection[str] = (),
) -> Adjusted:
    """Apply the requests in their order, all or none; `recorded` holds earlier movements by identity.

    Raises Invalid with one problem per request that names an unknown item, reuses a key for another adjustment, or
    leads beyond ±10^12. Raises ProductsPending if nothing but SKUs in `pending` stands in the way.
    """
    current = {level.item_id: level for level in levels}
    by_sku = {level.sku: level.item_id for level in levels if level.sku}
    known, new, answers, problems = dict(recorded), [], [], []
    for place, request in enumerate(requests):
        item_id = by_sku.get(request.sku or "") or request.item_id
        repeated = known.get(request.identity)
        problem = _problem(request, repeated, current.get(item_id or ""), pending)
        if problem is not None:
            problems.append(replace(problem, field=f"adjustments.{place}.{problem.field}"))
        elif repeated is not None:
            answers.append(repeated)
        elif item_id is not None:
            change = adjust(current[item_id], request, at)
            current[item_id] = change.level
            if change.movement is not None:
                known[request.identity] = change.movement
                new.append(change.movement)
                answers.append(change.movement)
    if problems and all(problem.problem == ON_ITS_WAY for problem in problems):
        raise ProductsPending(problems)
    if problems:
        raise Invalid(problems)
    changed = {movement.item_id for movement in new}
    return Adjusted([level for level in current.values() if level.item_id in changed], new, answers)


def _problem(
    request: AdjustmentRequest, repeated: Movement | None, level: Level | None, pending: Collection[str]
) -> Problem | None:
    if repeated is not None:
        return _reuse(request, repeated)
    if level is None and request.sku in pending:
        return Problem("sku", ON_ITS_WAY, "Send the same request again in a few seconds, with the same keys.")
    if level is None and request.sku:
        return Problem("sku", "is not linked to a Clover item", "Link the SKU to a Clover item first.")
    if level is None:
        return Problem("item_id", "is not an item seen in Clover", "Send the id of an item from the stock list.")
    if abs((level.expected or 0) + request.delta) > MAX_QUANTITY:
        return Problem("delta", "leads to a count beyond 10^12", "Send a smaller delta.")
    return None


def _reuse(request: AdjustmentRequest, movement: Movement) -> Problem | None:
    """Return the problem of a key whose recorded adjustment is another one; it names the differences."""
    differences = _differences(request, movement)
    if not differences:
        return None
    return Problem("key", f"was already used for an adjustment {differences}", "Give each adjustment its own key.")


def _differences(request: AdjustmentRequest, movement: Movement) -> str:
    same_item = movement.sku == request.sku if request.sku else movement.item_id == request.item_id
    recorded = {
        f"of {movement.sku or movement.item_id}": same_item,
        f"by {decimal(movement.delta)}": movement.delta == request.delta,
        f'with the cause "{movement.cause}"': movement.cause == request.cause,
    }
    return ", ".join(text for text, is_same in recorded.items() if not is_same)
