"""Forgets the people who were sent to Clover and did not come back, with the addresses of their accounts."""

import asyncio

import structlog

from catalog.deps import Deps
from catalog.store import oauth
from common.backoff import sleep_until
from common.errors import Transient

log = structlog.get_logger()

PAUSE_SECONDS = 60.0


class StateExpiry:
    """Deletes expired states. All replicas do so; a state that is gone is nothing to them."""

    def __init__(self, deps: Deps) -> None:
        self._database = deps.database

    async def run(self, stop: asyncio.Event) -> None:
        """Delete until `stop`."""
        while not stop.is_set():
            try:
                await self.look()
            except Transient as error:
                log.warning("expired states not deleted", reason=str(error))
            await sleep_until(stop, PAUSE_SECONDS, self._database.clock)

    async def look(self) -> None:
        """Delete the states that have expired."""
        async with self._database.unit() as unit:
            await oauth.delete_expired(unit.conn, unit.now)
