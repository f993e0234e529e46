"""One merchant's quota in this process: the grant all its speakers share, renewed in time, and its pace."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from common.clock import Clock
from common.clover.grants import Grant, Grants
from common.clover.pace import Pace
from common.errors import Throttled, Transient

RENEW_AT = 0.6
"""The part of a grant's life after which it is taken again."""


class GrantLease:
    """Held for as long as anybody in this process speaks for the merchant; the grant is given back after the last."""

    def __init__(self, merchant_id: str, grants: Grants, clock: Clock) -> None:
        self._merchant_id = merchant_id
        self._grants = grants
        self._clock = clock
        self._pace = Pace(clock)
        self._lock = asyncio.Lock()
        self._speakers = 0
        self._grant: Grant | None = None
        self._renew_at = self._expires_at = 0.0

    @asynccontextmanager
    async def held(self) -> AsyncIterator[Grant]:
        """Hold the merchant's grant for the block."""
        self._speakers += 1
        try:
            yield await self._fresh()
        finally:
            self._speakers -= 1
            await self._leave()

    @asynccontextmanager
    async def permit(self) -> AsyncIterator[Grant]:
        """One call's turn, with a grant that is good now. A Throttled raised in it slows all that come after."""
        async with self._pace.permit() as went:
            grant = await self._fresh()
            try:
                yield grant
            except Throttled as error:
                self._pace.throttled(went, error.retry_after)
                raise
            self._pace.went_well()

    async def reserve(self, calls: int) -> None:
        """Have the turns of so many calls at hand, under a grant that need not be renewed between them."""
        await self._pace.reserve(calls)
        await self._fresh()

    async def _fresh(self) -> Grant:
        async with self._lock:
            if self._grant is None or self._clock.monotonic() >= self._renew_at:
                self._grant = await self._renewed(self._grant)
            return self._grant

    async def _renewed(self, held: Grant | None) -> Grant:
        asked = self._clock.monotonic()
        try:
            grant = await self._grants.take(self._merchant_id)
        except Transient:
            if held is None or self._clock.monotonic() >= self._expires_at:
                raise
            return held
        self._renew_at, self._expires_at = asked + grant.expires_in * RENEW_AT, asked + grant.expires_in
        self._pace.limit(grant.rate, grant.concurrency)
        return grant

    async def _leave(self) -> None:
        async with self._lock:
            if self._speakers or self._grant is None:
                return
            grant, self._grant = self._grant, None
            await self._grants.give_back(grant)
