"""One merchant's quota in this process: the grant that its sessions share, renewed in time, and its pace."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from common.clock import Clock
from common.clover.grants import Grant, Grants
from common.clover.pace import Pace
from common.errors import Throttled, Transient

RENEW_AT = 0.6
"""The part of a grant's lifetime after which it is renewed; the rest leaves time for retries."""


class GrantLease:
    """Holds a merchant's grant while sessions of this process use it, and gives it back after the last."""

    def __init__(self, merchant_id: str, grants: Grants, clock: Clock) -> None:
        self._merchant_id = merchant_id
        self._grants = grants
        self._clock = clock
        self._pace = Pace(clock)
        self._lock = asyncio.Lock()
        self._sessions = 0
        self._grant: Grant | None = None
        self._renew_at = self._expires_at = 0.0

    @asynccontextmanager
    async def held(self) -> AsyncIterator[Grant]:
        """Hold the merchant's grant for the block."""
        self._sessions += 1
        try:
            yield await self._fresh()
        finally:
            self._sessions -= 1
            await self._give_back_unused()

    @asynccontextmanager
    async def permit(self) -> AsyncIterator[Grant]:
        """Wait for one call's turn, with a valid grant. A Throttled raised in the block slows all later calls."""
        async with self._pace.permit() as sent_at:
            grant = await self._fresh()
            try:
                yield grant
            except Throttled as error:
                self._pace.throttled(sent_at, error.retry_after)
                raise
            self._pace.succeeded()

    async def reserve(self, calls: int) -> None:
        """Wait until this many calls may follow one another, under a grant that needs no renewal in between."""
        await self._pace.reserve(calls)
        await self._fresh()

    async def _fresh(self) -> Grant:
        async with self._lock:
            if self._grant is None or self._clock.monotonic() >= self._renew_at:
                self._grant = await self._renewed(self._grant)
            return self._grant

    async def _renewed(self, held: Grant | None) -> Grant:
        requested_at = self._clock.monotonic()
        try:
            grant = await self._grants.take(self._merchant_id)
        except Transient:
            if held is None or self._clock.monotonic() >= self._expires_at:
                raise
            return held
        self._renew_at, self._expires_at = requested_at + grant.expires_in * RENEW_AT, requested_at + grant.expires_in
        self._pace.limit(grant.rate, grant.concurrency)
        return grant

    async def _give_back_unused(self) -> None:
        async with self._lock:
            if self._sessions or self._grant is None:
                return
            grant, self._grant = self._grant, None
            await self._grants.give_back(grant)
