"""The grants of one process, asked of catalog for many merchants at once."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self, TypeVar
from uuid import uuid4

import structlog

from common.clock import Clock, SystemClock
from common.clover.grants import (
    MOST_MERCHANTS,
    Grant,
    GrantRequest,
    InUse,
    Lease,
    Lend,
    Lent,
    MerchantRequest,
    Refusal,
    Want,
)
from common.clover.own_lease import LAST_RATE, OwnLease
from common.errors import AppError, Forbidden, Permanent, Throttled, Unavailable
from common.http.client import InternalClient
from common.recent import Recent
from common.settings import CommonSettings

log = structlog.get_logger()

T = TypeVar("T")

ASK_SECONDS = 3.0
"""The time limit of one request to catalog."""

WAIT_SECONDS = 5.0
"""How long a request is repeated while others hold all calls."""

ASK_AGAIN_SECONDS = 0.25
"""About the delay between two requests: catalog keeps a queue slot for a second, and Retry-After has no fractions."""

EXPECTED_LASTS = 16.0
"""Seconds for which expected merchants should have their grants after a request; so the next can be as late."""

LAST_GRANT_LASTS = 5.0
REST_SHARE = 3
"""After a failed request, none is sent for this many times as long as it took: calls wait for a catalog that hangs, so
most of the time has to be theirs. One that refuses connections fails at once and is asked as before."""

PATH = "/internal/grants"


@dataclass
class _Round:
    """The contents of one request to catalog, and its answer."""

    lease: Want | None = None
    merchants: dict[str, MerchantRequest] = field(default_factory=dict)
    asked_at: float = 0.0
    lent: Lent | None = None
    error: AppError | None = None


class LentGrants:
    """The lease and the grants of one process. Implements `Grants`.

    Requests that come while one is under way go together in the next, with the merchants that are expected. When the
    calls are taken, the request is repeated for about five seconds. When catalog cannot be reached, the last grants
    and the last lease are used for up to an hour, with one call per second and one at once.
    """

    def __init__(self, lend: Lend, service: str, clock: Clock) -> None:
        self._lend = lend
        self._service = service
        self._clock = clock
        self._holder = uuid4()
        self._line = asyncio.Lock()
        self._next = _Round()
        self._expected: list[str] = []
        self._kept: Recent[str, tuple[Grant, float]] = Recent(clock)
        self._forgotten: Recent[str, int] = Recent(clock)
        self._own = OwnLease(clock)
        self._rests_until = clock.monotonic()
        self._in_use = InUse()
        self._requests = 0

    def expect(self, merchant_ids: list[str]) -> None:
        """Implement Grants."""
        self._expected = merchant_ids[:MOST_MERCHANTS]

    def forget(self, merchant_id: str) -> None:
        """Implement Grants."""
        self._kept.forget(merchant_id)
        self._forgotten[merchant_id] = self._requests

    async def lease(self, want: Want) -> Lease:
        """Implement Grants."""
        try:
            return await patiently(lambda: self._ask_lease(want), self._clock)
        except Unavailable as error:
            return self._own.last(error)

    def report(self, in_use: InUse) -> None:
        """Implement Grants."""
        self._in_use = in_use

    def renewed(self, want: Want) -> Lease | None:
        """Implement Grants."""
        return self._own.renewed(want)

    async def take(self, merchant_id: str, want: Want, in_flight: int = 0) -> Grant:
        """Implement Grants."""
        request = MerchantRequest(merchant_id=merchant_id, want=want, in_flight=in_flight)
        if self._is_there(request) and (grant := self._usable(merchant_id)):
            return grant
        try:
            return await patiently(lambda: self._ask_grant(request), self._clock)
        except Unavailable as error:
            return self._last_grant(merchant_id, error)

    async def _ask_lease(self, want: Want) -> Lease:
        round_ = self._next
        round_.lease = max(round_.lease or want, want, key=list(Want).index)
        lent = await self._sent(round_)
        if lent.lease is None:
            self._own.refused()
            raise Throttled("All calls Clover allows are taken.")
        return self._own.keep(lent.lease, round_.asked_at)

    async def _ask_grant(self, request: MerchantRequest) -> Grant:
        round_, merchant_id = self._next, request.merchant_id
        if len(round_.merchants) >= MOST_MERCHANTS and merchant_id not in round_.merchants:
            raise Throttled("Too many merchants wait for a grant.")
        round_.merchants[merchant_id] = request
        lent = await self._sent(round_)
        match lent.refused.get(merchant_id):
            case Refusal.NOT_CONNECTED:
                self._kept.forget(merchant_id)
                raise Forbidden("Clover is not connected for this merchant.")
            case Refusal.TAKEN:
                raise Throttled("All calls Clover allows for this merchant are taken.")
            case Refusal.RENEWING:
                self._kept.forget(merchant_id)
                raise Throttled("The access to this merchant's Clover is being renewed.")
        grant = self._usable(merchant_id)
        if grant is None:
            raise Unavailable("catalog returned no grant")
        return grant

    async def _sent(self, round_: _Round) -> Lent:
        """Return the answer to this round; the first of its callers to have the line sends it."""
        async with self._line:
            if round_.lent is None and round_.error is None:
                if self._next is round_:
                    self._next = _Round()
                await self._send(round_)
        if round_.lent is None:
            raise round_.error or Unavailable("catalog was not asked")
        return round_.lent

    async def _send(self, round_: _Round) -> None:
        # The grant of a merchant that was expected may have come while its turn began.
        round_.merchants = {each: want for each, want in round_.merchants.items() if not self._is_there(want)}
        if not round_.lease and not round_.merchants:
            round_.lent = Lent()
            return
        round_.asked_at = self._clock.monotonic()
        if round_.asked_at < self._rests_until:
            round_.error = Unavailable("catalog did not answer the last request")
            return
        try:
            round_.lent = await self._lend(self._request(round_))
        except AppError as error:
            round_.error = error
            if isinstance(error, Unavailable):
                now = self._clock.monotonic()
                self._rests_until = now + REST_SHARE * (now - round_.asked_at)
            return
        if round_.lent.lease is not None and round_.lease is None:
            self._own.keep_along(round_.lent.lease, round_.asked_at)
        for answer in round_.lent.grants:
            # The answer to an earlier request, in which the merchant was expected, may have the token of before.
            if self._requests > (self._forgotten.get(answer.merchant_id) or 0):
                self._kept[answer.merchant_id] = Grant(**answer.model_dump()), round_.asked_at

    def _is_there(self, request: MerchantRequest) -> bool:
        """Return whether a grant of before satisfies this request."""
        is_little = request.want is Want.LITTLE and not request.in_flight
        return is_little and self._usable(request.merchant_id) is not None

    def _request(self, round_: _Round) -> GrantRequest:
        expected = [each for each in self._expected if each not in round_.merchants and self._ends_soon(each)]
        self._expected = []  # merchants that are not named again have no turn, and others could need their calls
        merchants = list(round_.merchants.values())
        room = MOST_MERCHANTS - len(merchants)
        merchants += [MerchantRequest(merchant_id=each, is_expected=True) for each in expected[:room]]
        lease = round_.lease or (None if self._next.lease else self._own.wanted_along())
        in_use = self._in_use.or_more(self._own.in_use)
        self._requests += 1
        return GrantRequest(
            holder=self._holder,
            service=self._service,
            lease=lease,
            calls=in_use.calls,
            in_flight=in_use.in_flight,
            continues=self._own.continues,
            number=self._requests,
            merchants=merchants,
        )

    def _usable(self, merchant_id: str) -> Grant | None:
        """Return the merchant's grant of before while it lasts, with the time that is left."""
        grant, at = self._kept.get(merchant_id) or (None, 0.0)
        if grant is None:
            return None
        age = self._clock.monotonic() - at
        if age >= grant.expires_in:
            return None
        return replace(grant, renew_in=max(grant.renew_in - age, 0.0), expires_in=grant.expires_in - age)

    def _ends_soon(self, merchant_id: str) -> bool:
        grant = self._usable(merchant_id)
        return grant is None or grant.expires_in < EXPECTED_LASTS

    def _last_grant(self, merchant_id: str, error: Unavailable) -> Grant:
        """Continue without catalog, slowly, with the last token."""
        grant, _ = self._kept.get(merchant_id) or (None, 0.0)
        if grant is None:
            raise error
        log.warning("continuing without catalog", reason=str(error))
        lasts = LAST_GRANT_LASTS
        return replace(grant, rate=min(grant.rate, LAST_RATE), concurrency=1, renew_in=lasts, expires_in=lasts)


class HttpGrants(LentGrants):
    """The grants of every service but catalog, asked for over HTTP; an async context manager."""

    def __init__(self, settings: CommonSettings, service: str, clock: Clock | None = None) -> None:
        super().__init__(self._ask_catalog, service, clock or SystemClock())
        self._client = InternalClient(settings, service, "catalog", settings.catalog_url, ASK_SECONDS)

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, error, trace)

    async def _ask_catalog(self, request: GrantRequest) -> Lent:
        try:
            return await self._client.call("POST", PATH, Lent, body=request)
        except Permanent as error:
            # another version of catalog: the last grants are used until the rollout ends
            raise Unavailable(f"catalog lent nothing ({error})") from error


async def patiently(ask: Callable[[], Awaitable[T]], clock: Clock) -> T:
    """Repeat `ask` while it is throttled, for about five seconds, then raise Throttled."""
    until = clock.monotonic() + WAIT_SECONDS
    while True:
        try:
            return await ask()
        except Throttled:
            if clock.monotonic() + ASK_AGAIN_SECONDS > until:
                raise
        await clock.sleep(ASK_AGAIN_SECONDS * random.uniform(0.8, 1.2))
