"""The turns that run in one process: a task for each merchant, whose lease is renewed or the turn is cancelled."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

import structlog

from common.db import lease
from common.db.database import Database
from common.errors import Transient

log = structlog.get_logger()

LEASE = timedelta(seconds=12)
SAFE_SECONDS = 9.0
"""A turn whose lease was not renewed for this long is cancelled, well before another process may take the merchant."""
RENEW_SECONDS = 2.5
"""Three renewals may fail before a turn is cancelled."""
LOCKED_ATTEMPTS, LOCKED_SECONDS = 10, 0.05
"""Further attempts of a renewal that a running commit of the same merchant is in the way of."""
CANCEL_SECONDS = 2.0


class LeasedTurns:
    """The running turns by merchant. `token` fences the leases that this process took for them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._clock = database.clock
        self.token = uuid4()
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._background: set[str] = set()
        self._renewed_at: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self.tasks)

    def __iter__(self) -> Iterator[str]:
        return iter(self.tasks)

    @property
    def background(self) -> int:
        """The number of turns that began for background work."""
        return len(self._background)

    def start(self, merchant_id: str, turn: Coroutine[None, None, None], *, is_urgent: bool) -> None:
        """Run the turn of a merchant whose lease was taken just now."""
        if not is_urgent:
            self._background.add(merchant_id)
        self._renewed_at[merchant_id] = self._clock.monotonic()
        self.tasks[merchant_id] = task = asyncio.create_task(turn, name=f"work for {merchant_id}")
        task.add_done_callback(lambda _: self._database.wakeups.notify("work"))

    def forget_ended(self) -> None:
        """Make room for other turns. Raise the error of a turn that failed, which is a bug in the engine."""
        for name in [name for name, turn in self.tasks.items() if turn.done()]:
            turn = self.tasks.pop(name)
            self._background.discard(name)
            self._renewed_at.pop(name, None)
            if not turn.cancelled():
                turn.result()  # a bug ends the process, instead of silently stopping one merchant

    def holds_lease(self, merchant_id: str) -> bool:
        """Return whether the lease was renewed so recently that no other process has the merchant."""
        return self._clock.monotonic() - self._renewed_at.get(merchant_id, float("-inf")) <= SAFE_SECONDS

    async def renew(self) -> None:
        """Renew the leases of all running turns; cancel a turn whose lease another process may soon take."""
        while True:
            await self._clock.sleep(RENEW_SECONDS)
            now = self._clock.monotonic()
            running = {name: turn for name, turn in self.tasks.items() if not turn.done()}
            try:
                async with asyncio.timeout(RENEW_SECONDS):
                    renewed = await self.prolonged(list(running))
                self._renewed_at |= {name: now for name in renewed if name in self.tasks}
            except (Transient, TimeoutError) as error:
                log.warning("leases not renewed", reason=str(error) or "the database does not answer")
            for name, turn in running.items():
                if self._clock.monotonic() - self._renewed_at.get(name, now) > SAFE_SECONDS:
                    log.warning("turn cancelled, its lease could not be renewed", merchant_id=name)
                    turn.cancel()

    async def prolonged(self, names: list[str]) -> list[str]:
        """Prolong these leases and return those that are still ours.

        A commit locks its merchant's lease, and with keys side by side there is often one; so locked leases are tried
        again for a moment, in real time like the commits.
        """
        async with self._database.connection() as conn:
            renewed = await lease.prolong(conn, names, self.token, LEASE)
            for _ in range(LOCKED_ATTEMPTS):
                locked = [name for name in names if name not in renewed]
                if not locked:
                    break
                await asyncio.sleep(LOCKED_SECONDS)
                renewed += await lease.prolong(conn, locked, self.token, LEASE)
        return renewed

    async def finish(self, seconds: float) -> None:
        """Wait this long for the running turns, then cancel the others."""
        turns = {turn for turn in self.tasks.values() if not turn.done()}
        if not turns:
            return
        with suppress(TimeoutError):
            async with self._clock.timeout(seconds):
                await asyncio.wait(turns)
        for turn in turns:
            turn.cancel()
        await asyncio.wait(turns, timeout=CANCEL_SECONDS)
