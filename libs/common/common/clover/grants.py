"""Grants: permission to call Clover for one merchant for a short time, with its token and a share of the quota."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Annotated, Protocol
from uuid import UUID, uuid4

import structlog
from pydantic import BaseModel, Field

from common.clock import Clock, SystemClock
from common.errors import Forbidden, NotFound, Permanent, Rejected, Throttled, Transient, Unavailable
from common.http.client import InternalClient
from common.http.routes import Input
from common.ids import MerchantId
from common.settings import CommonSettings

log = structlog.get_logger()

ASK_SECONDS = 3.0
"""The time limit of one request to catalog."""

WAIT_SECONDS = 5.0
"""How long a request for a grant is repeated while others hold the whole quota."""

ASK_AGAIN_SECONDS = 0.25
"""About the delay between two requests: catalog keeps a queue slot for a second, and Retry-After has no fractions."""

LAST_GRANT_KEPT = 3600.0
LAST_GRANT_LASTS = 5.0
LAST_GRANT_RATE = 1.0
"""Calls per second without catalog; so few that all services and merchants together stay within Clover's limits."""

PATH = "/internal/grants"


@dataclass(frozen=True)
class Grant:
    """Permission to call Clover for a merchant: `rate` calls per second, `concurrency` at once, for `expires_in` s."""

    grant_id: str
    merchant_id: str
    region: str
    access_token: str = field(repr=False)
    rate: float
    concurrency: int
    expires_in: float


class Grants(Protocol):
    """A source of grants. `Clover` opens and closes one that is an async context manager."""

    async def take(self, merchant_id: str) -> Grant:
        """Take a grant for the merchant; taking it again before it expires prolongs it.

        Raise Throttled when the quota is taken, Forbidden when the merchant is not connected, or Unavailable.
        """
        ...

    async def give_back(self, grant: Grant) -> None:
        """Return this share of the quota. Never raises: a grant that is not given back expires."""
        ...


async def patiently(ask: Callable[[], Awaitable[Grant]], clock: Clock) -> Grant:
    """Repeat `ask` while it is throttled, for about five seconds, then raise Throttled."""
    until = clock.monotonic() + WAIT_SECONDS
    while True:
        try:
            return await ask()
        except Throttled:
            if clock.monotonic() + ASK_AGAIN_SECONDS > until:
                raise
        await clock.sleep(ASK_AGAIN_SECONDS * random.uniform(0.8, 1.2))


class GrantRequest(Input):
    """Body of catalog's POST /internal/grants. `holder` is the calling process; a repetition prolongs its grant."""

    merchant_id: MerchantId
    holder: UUID
    service: Annotated[str, Field(min_length=1, max_length=40)]


class GrantAnswer(BaseModel):
    """Response body of catalog's POST /internal/grants. It holds the token in clear text and is never logged."""

    grant_id: str
    merchant_id: MerchantId
    region: str
    access_token: str = Field(repr=False)
    rate: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    concurrency: Annotated[int, Field(ge=1)]
    expires_in: Annotated[float, Field(gt=0, allow_inf_nan=False)]


class HttpGrants(InternalClient):
    """Grants from the catalog service, for every other service.

    When the quota is taken, the request is repeated for about five seconds. When catalog cannot be reached, the
    merchant's last grant is used for up to an hour, with one call per second and one at once.
    """

    def __init__(self, settings: CommonSettings, service: str, clock: Clock | None = None) -> None:
        super().__init__(settings, service, "catalog", settings.catalog_url, ASK_SECONDS)
        self._service = service
        self._clock = clock or SystemClock()
        self._holder = uuid4()
        self._last: dict[str, tuple[Grant, float]] = {}

    async def take(self, merchant_id: str) -> Grant:
        """Implement Grants."""
        try:
            return await patiently(lambda: self._ask(merchant_id), self._clock)
        except Unavailable as error:
            return self._last_grant(merchant_id, error)

    async def give_back(self, grant: Grant) -> None:
        """Implement Grants."""
        if not grant.grant_id:
            return
        try:
            await self.send("DELETE", f"{PATH}/{grant.grant_id}")
        except (Transient, Permanent) as error:
            log.warning("grant left to expire", reason=str(error))

    async def _ask(self, merchant_id: str) -> Grant:
        request = GrantRequest(merchant_id=merchant_id, holder=self._holder, service=self._service)
        try:
            answer = await self.call("POST", PATH, GrantAnswer, body=request)
        except (Forbidden, NotFound):
            self._last.pop(merchant_id, None)
            raise Forbidden("Clover is not connected for this merchant.") from None
        except Rejected as error:
            # another version of catalog: the last grant is used until the rollout ends
            raise Unavailable(f"catalog returned no grant ({error})") from error
        grant = Grant(**answer.model_dump())
        self._last[merchant_id] = grant, self._clock.monotonic()
        return grant

    def _last_grant(self, merchant_id: str, error: Unavailable) -> Grant:
        """Continue without catalog, slowly, with the last token."""
        grant, at = self._last.get(merchant_id, (None, 0.0))
        if grant is None or self._clock.monotonic() - at > LAST_GRANT_KEPT:
            raise error
        log.warning("continuing without catalog", reason=str(error))
        return replace(grant, grant_id="", rate=LAST_GRANT_RATE, concurrency=1, expires_in=LAST_GRANT_LASTS)
