"""The kinds of work of a service: each names its sync function, its problems and its hooks."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from common.contracts.problems import Code
from common.db.unit import Unit
from common.work.batch import DELAYED_AFTER, Batch
from common.work.row import Outcome

SyncFunction = Callable[[Batch, Any], Awaitable[None]]
OutcomeHook = Callable[[Unit, str, Mapping[str, Outcome | None]], Awaitable[None]]
ReleaseHook = Callable[[Unit, str, Sequence[str]], Awaitable[None]]


async def no_hook(_unit: Unit, _merchant_id: str, _outcomes: Mapping[str, Outcome | None]) -> None:
    """Write nothing: the outcomes of most kinds matter to the engine only."""


async def no_release_hook(_unit: Unit, _merchant_id: str, _keys: Sequence[str]) -> None:
    """Write nothing: most kinds keep no copy of the problems that hold their keys."""


@dataclass(frozen=True)
class Kind:
    """A kind of work: its function, and how many keys it takes at once.

    Refused keys wait for a person under the problem `refused`; `delayed` is the problem of keys that fail for
    `delayed_after` or longer.

    `on_outcomes(unit, merchant_id, outcomes)` runs once per batch, in the transaction that writes the outcomes; None
    stands for a key that is done or dropped. It runs before the engine locks its work rows, as a unit writes its marks
    last, so it must write through `unit.conn` at once, or it could deadlock with those units. When the transaction
    meets another writer, the hook runs again in the next one. `on_released(unit, merchant_id, keys)` runs in the
    transaction in which a person's retry makes these keys due, for the same reason before it.
    """

    name: str
    function: SyncFunction
    refused: Code
    batch: int = 50
    delayed: Code = Code.CLOVER_UNREACHABLE
    delayed_after: timedelta = DELAYED_AFTER
    on_outcomes: OutcomeHook = no_hook
    on_released: ReleaseHook = no_release_hook
