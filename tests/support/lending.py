"""Catalog's division of the calls in memory, and processes that call by it, on a clock that tests move."""

import asyncio
from collections import defaultdict, deque
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from tests.support.clock import FakeClock

from catalog.domain.grants import Claim, Limit, Share
from catalog.domain.lending import Lending, Loan
from common.clover.breaker import Breaker
from common.clover.call_budget import CallBudget
from common.clover.grant_lease import GrantLease
from common.clover.grants import GrantAnswer, GrantRequest, LeaseAnswer, Lent, MerchantRequest, Refusal, Want
from common.clover.lent_grants import LentGrants
from common.db.unit import Priority
from common.errors import Transient

APP, TOKEN = Limit(50, 10), Limit(16, 5, spare=3.0)
LONGEST, BACKGROUND_SHARE = 20.0, 0.8
ANSWER_SECONDS = 0.01


@dataclass
class Desk:
    """Lends as catalog does, with the claims in memory; it keeps the requests and their times."""

    clock: FakeClock
    limit: Limit = APP
    longest: float = LONGEST
    claims: defaultdict[str, dict[UUID, Claim]] = field(default_factory=lambda: defaultdict(dict))
    asked_at: list[float] = field(default_factory=list)
    asked: list[GrantRequest] = field(default_factory=list)

    async def lend(self, request: GrantRequest) -> Lent:
        self.asked_at.append(self.clock.monotonic())
        self.asked.append(request)
        await self.clock.sleep(ANSWER_SECONDS)
        lent = Lent()
        for merchant in request.merchants:
            loan = self._merchant(request, merchant)
            if loan is None:
                lent.refused[merchant.merchant_id] = Refusal.TAKEN
            else:
                lent.grants.append(
                    GrantAnswer(merchant_id=merchant.merchant_id, region="us", access_token="token", **_terms(loan))
                )
        if request.lease:
            app, everything = self._lending(self.limit, "", request), request.lease is Want.ALL
            loan = app.lend_app(
                str(request.holder),
                everything=everything,
                in_use=Share(request.calls, request.in_flight),
                continues=request.continues,
                number=request.number,
            )
            loan = self._save("", request, loan)
            if loan:
                background_rate = BACKGROUND_SHARE * loan.claim.granted.rate
                lent.lease = LeaseAnswer(background_rate=background_rate, **_terms(loan))
        return lent

    def _merchant(self, request: GrantRequest, merchant: MerchantRequest) -> Loan | None:
        lending = self._lending(TOKEN, merchant.merchant_id, request)
        if merchant.is_expected:
            loan = lending.lend_expected(request.service)
        else:
            everything = merchant.want is Want.ALL
            loan = lending.lend_merchant(request.service, everything=everything, in_flight=merchant.in_flight)
        return self._save(merchant.merchant_id, request, loan)

    def _lending(self, limit: Limit, subject: str, request: GrantRequest) -> Lending:
        now, claims = self.clock.now(), self.claims[subject]
        for holder in [holder for holder, claim in claims.items() if claim.expires_at and claim.expires_at <= now]:
            del claims[holder]
        others = [claim for holder, claim in claims.items() if holder != request.holder]
        return Lending(limit, claims.get(request.holder), others, now, self.longest, BACKGROUND_SHARE)

    def _save(self, subject: str, request: GrantRequest, loan: Loan | None) -> Loan | None:
        """Keep the claim as the table `grants` does; return the loan if it can be used."""
        if loan is None:
            return None
        self.claims[subject][request.holder] = kept(loan.claim)
        return loan if loan.claim.is_lent else None


def kept(claim: Claim) -> Claim:
    """Return a claim as it comes back from the table `grants`."""
    granted = replace(claim.granted, concurrency=claim.places)
    return replace(claim, granted=granted, in_use=Share(claim.calls, claim.places))


def _terms(loan: Loan) -> dict[str, Any]:
    share, term = loan.claim.granted, loan.term
    return {
        "rate": share.rate,
        "concurrency": share.concurrency,
        "renew_in": term.renew_in,
        "expires_in": term.expires_in,
    }


class Process:
    """A process that calls by a desk; each call takes `seconds`."""

    def __init__(self, desk: Desk, service: str, seconds: float) -> None:
        self._clock = desk.clock
        self._seconds = seconds
        self._grants = LentGrants(desk.lend, service, desk.clock)
        self._breaker = Breaker(desk.clock)
        self._leases: dict[str, GrantLease] = {}
        self.budget = CallBudget(self._grants, desk.clock)
        self.called_at: list[float] = []
        self.in_flight = 0

    async def visit(self, merchant_id: str, calls: int = 1, priority: Priority = Priority.BULK) -> None:
        """Call once for the merchant, or this many times side by side."""
        lease = self._leases.get(merchant_id)
        if lease is None:
            lease = GrantLease(merchant_id, self._grants, self.budget, self._breaker, self._clock)
            self._leases[merchant_id] = lease
        await lease.begin(priority)
        await asyncio.gather(*(self._call(lease) for _ in range(calls)))

    async def try_to_visit(self, merchant_id: str, calls: int) -> None:
        """Visit the merchant; a turn whose calls are taken ends, as the worker's do."""
        try:
            await self.visit(merchant_id, calls)
        except Transient:
            await self._clock.sleep(1)

    async def _call(self, lease: GrantLease) -> None:
        async with lease.permit():
            self.called_at.append(self._clock.monotonic())
            self.in_flight += 1
            try:
                await self._clock.sleep(self._seconds)
            finally:
                self.in_flight -= 1


EXPECT_SECONDS, EXPECTED = 1.0, 180
"""As the worker does."""


@dataclass
class Sweep:
    """The background turns of a service's replicas, each of one call, as the workers give them."""

    clock: FakeClock
    queue: deque[str]
    turns: set[str] = field(default_factory=set)

    async def run(self, process: Process) -> None:
        """Give turns of this process to the merchants that wait longest."""
        own: set[asyncio.Task[None]] = set()
        expected_at = -EXPECT_SECONDS
        while True:
            while len(own) < process.budget.background_turns():
                own.add(asyncio.create_task(self._turn(process, self._next())))
            if self.clock.monotonic() - expected_at >= EXPECT_SECONDS:
                expected_at = self.clock.monotonic()
                process.budget.expect([*self.turns, *(self.queue[place] for place in range(EXPECTED))])
            _, own = await asyncio.wait(own, return_when=asyncio.FIRST_COMPLETED)

    def _next(self) -> str:
        while True:
            self.queue.rotate(-1)
            if self.queue[-1] not in self.turns:
                return self.queue[-1]

    async def _turn(self, process: Process, merchant_id: str) -> None:
        self.turns.add(merchant_id)
        try:
            await process.visit(merchant_id)
        finally:
            self.turns.discard(merchant_id)
