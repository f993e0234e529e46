"""Runs the portions of requests of many rows, each in a transaction of its own."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from common.db.database import Database
from common.db.unit import Unit
from common.errors import Conflict

T = TypeVar("T")

AT_ONCE = 2
"""Portions of a process at the same time: more would take the connections of the requests that people wait for."""

TRIES = 5
"""Other processes, and requests for single products, may change the same products in another order."""

PORTION_SECONDS = 15.0
"""Upper bound of one attempt. No caller waits for one portion: the answer follows the last, within minutes."""


BUSY = "Other requests change the same products at this moment. Send the request again in a few seconds."


class Portions:
    """The portions of all requests of this process. They run in the order in which they come."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def run(self, work: Callable[[Unit], Awaitable[T]]) -> T:
        """Run this in a unit, and again if it conflicts with another: it may keep nothing of an attempt."""
        async with self._turns:
            for _ in range(TRIES - 1):
                try:
                    return await self._attempt(work)
                except Conflict:
                    continue
            try:
                return await self._attempt(work)
            except Conflict as error:
                raise Conflict(BUSY) from error

    async def _attempt(self, work: Callable[[Unit], Awaitable[T]]) -> T:
        async with self._database.unit(within=PORTION_SECONDS) as unit:
            return await work(unit)
