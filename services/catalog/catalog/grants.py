"""Grants of Clover calls: the merchant's token with a share of Clover's rate limits, leased for seconds."""

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID, uuid4

import structlog
from pydantic import SecretStr

from catalog.domain.grants import Limits, State, claim_for
from catalog.sealing import open_token
from catalog.store import connections
from catalog.store import grants as store
from common.clover.grants import Grant, patiently
from common.db.database import Database
from common.errors import Forbidden, NotFound, Throttled, Transient
from common.seal import NotOpened, Sealer

log = structlog.get_logger()

DATABASE_SECONDS = 2.0
"""Callers wait three seconds for a grant, and then continue slowly with their last one."""


@dataclass(frozen=True)
class Access:
    """The credentials for one merchant's Clover."""

    merchant_id: str
    region: str
    token: str = field(repr=False)


@dataclass(frozen=True)
class QuotaAllocator:
    """Divides Clover's rate limits among all processes that call Clover. `duration` is the life of a grant."""

    database: Database
    limits: Limits
    duration: timedelta

    async def allocate(self, access: Access, holder: UUID, service: str) -> Grant:
        """Grant calls to this holder, or renew its grant. Raises Throttled while no capacity is free."""
        async with self.database.unit(within=DATABASE_SECONDS) as unit:
            now = await store.lock(unit.conn)
            own, others = await store.claims(unit.conn, access.merchant_id, holder, now)
            claim = claim_for(self.limits, own, others, access.merchant_id, now)
            grant_id = claim and await store.save_claim(unit.conn, holder, service, claim, now, self.duration)
        # Raised after the commit, so that the place in the queue is kept.
        if claim is None or grant_id is None or claim.state is not State.HOLDING:
            raise Throttled("All calls Clover allows are taken.")
        return Grant(
            grant_id=str(grant_id),
            merchant_id=access.merchant_id,
            region=access.region,
            access_token=access.token,
            rate=claim.rate,
            concurrency=claim.concurrency,
            expires_in=self.duration.total_seconds(),
        )

    async def release(self, grant_id: UUID) -> None:
        """Free the share of this grant; a grant that is unknown or released already is no error."""
        async with self.database.connection(within=DATABASE_SECONDS) as conn:
            await store.release(conn, grant_id)


@dataclass(frozen=True)
class LocalGrants:
    """Grants with the saved token: for catalog's own worker, and for services that ask over HTTP."""

    allocator: QuotaAllocator
    sealer: Sealer
    holder: UUID = field(default_factory=uuid4)

    async def take(self, merchant_id: str) -> Grant:
        """See common.clover.grants.Grants."""
        try:
            return await patiently(
                lambda: self.lease(merchant_id, self.holder, "catalog"), self.allocator.database.clock
            )
        except NotFound as error:
            raise Forbidden(str(error)) from error

    async def give_back(self, grant: Grant) -> None:
        """See common.clover.grants.Grants."""
        await _release(self.allocator, grant)

    async def lease(self, merchant_id: str, holder: UUID, service: str) -> Grant:
        """Grant calls to this holder. Raises Throttled; NotFound when the merchant is not connected; Forbidden."""
        async with self.allocator.database.connection() as conn:
            connection = await connections.find(conn, merchant_id)
        try:
            token = open_token(self.sealer, merchant_id, connection.sealed_token)
        except NotOpened as error:
            raise Forbidden("The stored access to Clover cannot be opened; connect Clover again.") from error
        return await self.allocator.allocate(Access(merchant_id, connection.region, token), holder, service)


@dataclass(frozen=True)
class UnsavedTokenGrants:
    """Grants with a token that is not saved yet, to check it against Clover before it is."""

    allocator: QuotaAllocator
    token: SecretStr
    region: str
    holder: UUID = field(default_factory=uuid4)

    async def take(self, merchant_id: str) -> Grant:
        """See common.clover.grants.Grants."""
        access = Access(merchant_id, self.region, self.token.get_secret_value())
        return await patiently(
            lambda: self.allocator.allocate(access, self.holder, "catalog"), self.allocator.database.clock
        )

    async def give_back(self, grant: Grant) -> None:
        """See common.clover.grants.Grants."""
        await _release(self.allocator, grant)


async def _release(allocator: QuotaAllocator, grant: Grant) -> None:
    try:
        await allocator.release(UUID(grant.grant_id))
    except Transient as error:
        log.warning("grant not released, it expires", reason=str(error))
