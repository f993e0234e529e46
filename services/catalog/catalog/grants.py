"""Lends Clover's calls to all processes: each merchant's saved token with a share of its limit, and of the app's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from pydantic import SecretStr

from catalog.domain.grants import Limit, Limits, Share
from catalog.domain.lending import Lending, Loan
from catalog.sealing import Secret, open_sealed
from catalog.store import connections
from catalog.store import grants as store
from catalog.store.connections import SealedAccess
from catalog.store.grants import Claims
from common.clover.grants import (
    Grant,
    GrantAnswer,
    GrantRequest,
    LeaseAnswer,
    Lent,
    MerchantRequest,
    Refusal,
    Want,
)
from common.db.database import Database
from common.seal import NotOpened, Sealer

log = structlog.get_logger()

DATABASE_SECONDS = 2.0
"""Callers wait three seconds for their grants, and then continue slowly with their last ones."""

PROBE_RATE = 10.0
"""The check is two calls, within Clover's limit however close they are; a person waits for them."""

PROBE_SECONDS = 60.0
"""A check of a token takes less."""

APP = ""
"""The subject of the claims on the app's own limit."""


TOKEN_MARGIN = timedelta(seconds=5)
"""A token counts as expired this long before: a call takes time to reach Clover, whose clock may differ."""


@dataclass(frozen=True)
class Access:
    """The credentials for one merchant's Clover, good until `expires_at` if they expire."""

    region: str
    token: str = field(repr=False)
    expires_at: datetime | None


@dataclass(frozen=True)
class Lender:
    """Divides Clover's limits among all processes. `longest` is the seconds for which a process may hold a share.

    `background_share` is the part of each process's calls that background work may use.
    """

    database: Database
    sealer: Sealer
    limits: Limits
    longest: float
    background_share: float

    async def lend(self, request: GrantRequest) -> Lent:
        """Lend the process its lease, and a grant for each merchant, or renew them."""
        found = await self._accesses([each.merchant_id for each in request.merchants])
        accesses = {merchant_id: access for merchant_id, access in found.items() if isinstance(access, Access)}
        connected = [each for each in request.merchants if each.merchant_id in accesses]
        async with self.database.unit(within=DATABASE_SECONDS) as unit:
            now = await store.lock(unit.conn)
            claims = await store.claims(unit.conn, [APP, *accesses], request.holder, now)
            loans = {each.merchant_id: self._lend_merchant(request, each, claims, now) for each in connected}
            if request.lease:
                app = self._on(self.limits.app, claims.get(APP, Claims()), now)
                everything, in_use = request.lease is Want.ALL, Share(request.calls, request.in_flight)
                loans[APP] = app.lend_app(
                    str(request.holder),
                    everything=everything,
                    in_use=in_use,
                    continues=request.continues,
                    number=request.number,
                )
            made = {subject: loan for subject, loan in loans.items() if loan}
            await store.save(unit.conn, request.holder, made, now)
        # Answered after the commit, so that a place in a queue is kept.
        lent = {subject: loan for subject, loan in made.items() if loan.claim.is_lent}
        return self._answer(request, found, lent)

    def _lend_merchant(
        self, request: GrantRequest, merchant: MerchantRequest, claims: Mapping[str, Claims], now: datetime
    ) -> Loan | None:
        lending = self._on(self.limits.token, claims.get(merchant.merchant_id, Claims()), now)
        if merchant.is_expected:
            return lending.lend_expected(request.service)
        everything = merchant.want is Want.ALL
        return lending.lend_merchant(request.service, everything=everything, in_flight=merchant.in_flight)

    def _on(self, limit: Limit, claims: Claims, now: datetime) -> Lending:
        return Lending(limit, claims.own, claims.others, now, self.longest, self.background_share)

    def _answer(self, request: GrantRequest, found: Mapping[str, Access | Refusal], lent: Mapping[str, Loan]) -> Lent:
        answer = Lent()
        if APP in lent:
            answer.lease = LeaseAnswer(
                background_rate=lent[APP].claim.granted.rate * self.background_share, **_terms(lent[APP])
            )
        for merchant_id in (each.merchant_id for each in request.merchants):
            access = found[merchant_id]
            if isinstance(access, Refusal):
                answer.refused[merchant_id] = access
            elif merchant_id in lent:
                answer.grants.append(self._grant(merchant_id, access, lent[merchant_id]))
            else:
                answer.refused[merchant_id] = Refusal.TAKEN
        return answer

    def _grant(self, merchant_id: str, access: Access, loan: Loan) -> GrantAnswer:
        """Return the grant, which ends with the token."""
        terms = _terms(loan)
        if access.expires_at:
            lasts = (access.expires_at - self.database.clock.now()).total_seconds()
            terms["expires_in"] = max(min(terms["expires_in"], lasts), 0.1)
        return GrantAnswer(merchant_id=merchant_id, region=access.region, access_token=access.token, **terms)

    async def _accesses(self, merchant_ids: Sequence[str]) -> dict[str, Access | Refusal]:
        """Return the access to each of these merchants, or why there is none."""
        async with self.database.connection() as conn:
            found = {each.merchant_id: each for each in await connections.find_sealed(conn, merchant_ids)}
        return {each: self._access(found[each]) if each in found else Refusal.NOT_CONNECTED for each in merchant_ids}

    def _access(self, sealed: SealedAccess) -> Access | Refusal:
        if sealed.has_expired(self.database.clock.now() + TOKEN_MARGIN):
            return Refusal.NOT_CONNECTED if sealed.lost_at else Refusal.RENEWING
        if sealed.sealed_token is None:
            return Refusal.NOT_CONNECTED
        try:
            token = open_sealed(self.sealer, Secret.TOKEN, sealed.merchant_id, sealed.sealed_token)
        except NotOpened:
            log.exception("the stored access to Clover cannot be opened", merchant_id=sealed.merchant_id)
            return Refusal.NOT_CONNECTED
        return Access(sealed.region, token, sealed.token_expires_at)


@dataclass(frozen=True)
class UnsavedTokenGrants:
    """The grant for a token that is not saved yet, to check it against Clover before it is.

    Nobody else calls with this token, so a few calls are within its limit; of the app's they take part in the budget of
    the process.
    """

    token: SecretStr
    region: str

    async def take(self, merchant_id: str, want: Want, in_flight: int = 0) -> Grant:
        """See common.clover.grants.MerchantGrants."""
        del want, in_flight
        token, lasts = self.token.get_secret_value(), PROBE_SECONDS
        return Grant(merchant_id, self.region, token, rate=PROBE_RATE, concurrency=1, renew_in=lasts, expires_in=lasts)

    def forget(self, merchant_id: str) -> None:
        """See common.clover.grants.MerchantGrants."""


def _terms(loan: Loan) -> dict[str, Any]:
    share, term = loan.claim.granted, loan.term
    return {
        "rate": share.rate,
        "concurrency": share.concurrency,
        "renew_in": term.renew_in,
        "expires_in": term.expires_in,
    }
