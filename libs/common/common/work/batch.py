"""What a sync function is handed: the keys that are due for one merchant, and a way to say how each fared."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

from common.backoff import backoff_delay
from common.contracts.problems import Code
from common.db import lease
from common.db.database import Database
from common.db.unit import Unit
from common.errors import Throttled, reason

DELAYED_ATTEMPTS = 15
"""So many failures in a row take some eight minutes; what waits that long is told."""


@dataclass(frozen=True)
class Row:
    """One row of work as it was taken; `releases` is what the merchant's lease had seen released by then, as JSON."""

    id: int
    kind: str
    key: str
    seq: int
    attempts: int
    problem: str | None
    trace: str
    releases: str = "{}"


@dataclass(frozen=True)
class Retry:
    """Outcome: not finished, to be taken again at `due`. `failed` counts as a failed try.

    A `problem` is told and counts the row, which goes on being taken all the same.
    """

    due: datetime
    failed: bool = False
    reason: str = ""
    problem: Code | None = None


@dataclass(frozen=True)
class Repeat:
    """Outcome: done, and wanted again at `due`."""

    due: datetime


@dataclass(frozen=True)
class Hold:
    """Outcome: waits for a person, under this problem."""

    problem: Code
    reason: str = ""


Outcome: TypeAlias = Retry | Repeat | Hold


@dataclass
class Batch:
    """The due keys of one kind for one merchant, while this process alone may act for it.

    Every key not told otherwise is done when the function returns.
    """

    merchant_id: str
    rows: Sequence[Row]
    database: Database
    token: UUID
    delayed: Code = Code.CLOVER_UNREACHABLE
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    @property
    def keys(self) -> list[str]:
        """The keys, oldest first within their priority."""
        return [row.key for row in self.rows]

    @property
    def keys_untried_first(self) -> list[str]:
        """The keys, those that failed before last and by lot: what always fails else kept the others for ever."""
        rows = sorted(self.rows, key=lambda row: (row.attempts, random.random() if row.attempts else 0))
        return [row.key for row in rows]

    @property
    def now(self) -> datetime:
        return self.database.clock.now()

    def retry(self, key: str, after: timedelta, problem: str | None = None) -> None:
        """Take this key again after so long: it is not finished, though nothing went wrong; it may be told why."""
        self.outcomes[key] = Retry(self.now + after, problem=Code(problem) if problem else None)

    def repeat(self, key: str, after: timedelta) -> None:
        """This key is done, and is wanted again after so long."""
        self.outcomes[key] = Repeat(self.now + after)

    def failed(self, key: str, error: Exception) -> None:
        """Try this key again after the pause the other side wishes, else one that grows with each try.

        One that fails for long is told under the problem `delayed`.
        """
        [tries] = [row.attempts + 1 for row in self.rows if row.key == key]
        wished = error.retry_after if isinstance(error, Throttled) else None
        problem = self.delayed if tries >= DELAYED_ATTEMPTS else None
        self.outcomes[key] = Retry(self.now + (wished or backoff_delay(tries)), True, reason(error), problem)

    def failed_or_raise(self, key: str, error: Exception) -> None:
        """The same, unless one failed before it: then it is the other side's failure, not a key's, and is raised."""
        if any(isinstance(each, Retry) and each.failed for each in self.outcomes.values()):
            raise error
        self.failed(key, error)

    def hold(self, key: str, problem: Code, reason: str = "") -> None:
        """Let this key wait for a person, with the reason in words that may be shown."""
        self.outcomes[key] = Hold(problem, reason)

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[Unit]:
        """A transaction that commits only while this process still holds the merchant. Raises LeaseLost else."""
        async with self.database.unit() as unit:
            await lease.fence(unit.conn, self.merchant_id, self.token)
            yield unit


SyncFunction = Callable[[Batch, Any], Awaitable[None]]
OutcomeHook = Callable[[Unit, str, Mapping[str, Outcome | None]], Awaitable[None]]


async def no_hook(_unit: Unit, _merchant_id: str, _outcomes: Mapping[str, Outcome | None]) -> None:
    """Write nothing: the outcomes of most kinds matter to the engine only."""


@dataclass(frozen=True)
class Kind:
    """A kind of work: its function, and how many keys it takes at once.

    Refused keys wait for a person under the problem `refused`; `delayed` is the problem of keys that fail for long.
    `on_outcomes(unit, merchant_id, outcomes)` runs once per batch, in the transaction that writes the outcomes; None
    stands for a key that is done. It runs before the engine locks its work rows, as a unit writes its marks last, so
    it must write through `unit.conn` at once, or it could deadlock with those units. When the transaction meets
    another writer, the hook runs again in the next one.
    """

    name: str
    function: SyncFunction
    refused: Code
    batch: int = 50
    delayed: Code = Code.CLOVER_UNREACHABLE
    on_outcomes: OutcomeHook = no_hook
