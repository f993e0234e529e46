"""The client for Clover: each call of a merchant under its grant, through the circuit breaker, decoded."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from copy import copy
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import aiohttp
from pydantic import BaseModel, ConfigDict, RootModel, model_validator
from yarl import URL

from common.clock import Clock
from common.clover.breaker import Breaker, Lane
from common.clover.call_budget import CallBudget
from common.clover.errors import decoded
from common.clover.exchange import Body, Params, Reply, Request, exchange, open_session
from common.clover.grant_lease import GrantLease, Permits
from common.clover.grants import MerchantGrants
from common.clover.paging import LARGEST_PAGE, Page, Part, pages
from common.clover.regions import Regions
from common.db.unit import Priority
from common.errors import Ambiguous, AppError, Conflict, Forbidden, Throttled, Unavailable, Undecodable
from common.recent import Recent
from common.settings import CommonSettings
from common.telemetry.metrics import Metrics

M = TypeVar("M", bound=BaseModel)
R = TypeVar("R")
NO_PARAMS: Params = {}


class Answered(BaseModel):
    """Base of response models: they declare only the fields in use, and null counts as absent (documented)."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, answer: Any) -> Any:
        return {k: v for k, v in answer.items() if v is not None} if isinstance(answer, dict) else answer


class TokenReplaced(Conflict):
    """The merchant's token was replaced; the new one is used from now on."""


class Unread(RootModel[Any]):
    """Any response body; ignored."""


class Clover:
    """The Clover client of one service process; open it before use (`Service.resources`)."""

    def __init__(
        self,
        settings: CommonSettings,
        grants: MerchantGrants,
        budget: CallBudget,
        metrics: Metrics,
        clock: Clock,
        *,
        user_agent: str,
    ) -> None:
        self._regions = Regions(settings)
        self._grants = grants
        self._metrics = metrics
        self._clock = clock
        self._user_agent = user_agent
        self._seconds = settings.clover_timeout
        self._breaker = Breaker(clock)
        self._budget = budget
        self._leases: Recent[str, GrantLease] = Recent(clock)
        self._open = AsyncExitStack()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        if isinstance(self._grants, AbstractAsyncContextManager):
            await self._open.enter_async_context(self._grants)
        self._session = await self._open.enter_async_context(open_session(self._user_agent, self._seconds))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session = None
        await self._open.aclose()

    def silent_for(self, region: str) -> float | None:
        """Return the seconds since Clover answered the last call of this region; None if it never did."""
        return self._breaker.silent_for(region)

    @asynccontextmanager
    async def session(
        self,
        merchant_id: str,
        priority: Priority = Priority.NORMAL,
        *,
        before_write: Callable[[], None] = lambda: None,
    ) -> AsyncIterator["MerchantApi"]:
        """Open a session for a merchant: it has a grant for the block, and renews it in a long one.

        Calls of a lower priority wait for those of a higher one, of all merchants of this process. `before_write` runs
        after all waiting, at the last moment before a write is sent; an exception from it prevents the write.

        Raise Throttled when others hold the quota, OutOfService while Clover does not respond, Forbidden when the
        merchant is not connected, or Unavailable.
        """
        if self._session is None:
            raise Unavailable("the Clover client is not open")
        lease = self._lease(merchant_id)
        grant = await lease.begin(priority)
        base = self._regions.merchant(grant.region, merchant_id)
        yield MerchantApi(
            merchant_id, grant.region, base, lease, self._breaker, self._session, self._metrics, before_write
        )

    async def forget_token(self, merchant_id: str) -> None:
        """Let the next session use the token that is stored then.

        A merchant may be connected with another token while Clover accepts the one of before. Work goes on with that
        until its grant ends; a check of the stored token must not.
        """
        await self._lease(merchant_id).forget_token()

    def _lease(self, merchant_id: str) -> GrantLease:
        return self._leases.use(
            merchant_id,
            lambda: GrantLease(merchant_id, self._grants, self._budget, self._breaker, self._clock),
        )


class MerchantApi:
    """Clover's REST API for one merchant; paths are below `/v3/merchants/{mId}/`, "" is the merchant itself.

    Raises Forbidden (401, 403), NotFound (404), Rejected (other 4xx, with Clover's message), Throttled (429), and
    OutOfService (not sent, because Clover does not respond). A read raises TimedOut, Unavailable (no connection, 5xx, a
    broken response) or Undecodable (it does not fit the model). A write raises Unavailable when the call was certainly
    not sent, and Ambiguous when it may have been applied.

    `answered` is true after the first success; a later 401 then concerns one resource, not the access as a whole.
    """

    def __init__(
        self,
        merchant_id: str,
        region: str,
        base: URL,
        permits: Permits,
        breaker: Breaker,
        session: aiohttp.ClientSession,
        metrics: Metrics,
        before_write: Callable[[], None] = lambda: None,
    ) -> None:
        self.merchant_id = merchant_id
        self.region = region
        self.answered = False
        self._base = base
        self._permits = permits
        self._breaker = breaker
        self._session = session
        self._metrics = metrics
        self._before_write = before_write

    def check_writes(self) -> None:
        """Raise OutOfService while no write may be made, so that none is noted as under way only to be refused."""
        self._breaker.check(self.region, self.merchant_id, Lane.WRITE)

    @property
    def concurrency(self) -> int:
        """The number of calls that may be in flight at once, as granted last."""
        return self._permits.concurrency

    @asynccontextmanager
    async def reserve(self, calls: int) -> AsyncIterator["MerchantApi"]:
        """Yield an API for this many calls that follow one another, without waiting in between.

        Clover's stock is written as an absolute number, so a sale at the till between our read and our write is lost
        from the count: the rate limiter must not delay the write while other calls are in flight.
        """
        async with self._permits.reserve(calls) as reservation:
            reserved = copy(self)
            reserved._permits = reservation  # noqa: SLF001 - a copy of ours
            try:
                yield reserved
            finally:
                self.answered |= reserved.answered

    async def get(self, path: str, model: type[M], params: Params = NO_PARAMS) -> M:
        """Read a resource. `params` may give several values for one name (`filter`)."""
        return await self._call(partial(_read, model), "GET", path, params)

    async def post(self, path: str, body: Body, model: type[M], params: Params = NO_PARAMS) -> M:
        """Create or partially update a resource. Fields of a model that are None are omitted."""
        return await self._call(partial(_written, model), "POST", path, params, body)

    async def put(self, path: str, body: Body, model: type[M], params: Params = NO_PARAMS) -> M:
        """Replace a resource. Fields of a model that are None are omitted."""
        return await self._call(partial(_written, model), "PUT", path, params, body)

    async def delete(self, path: str, params: Params = NO_PARAMS) -> None:
        """Delete a resource."""
        await self._call(_unread, "DELETE", path, params)

    async def page(
        self, path: str, model: type[M], offset: int, params: Params = NO_PARAMS, limit: int = LARGEST_PAGE
    ) -> Part[M]:
        """Read the page of a collection at this offset."""
        page = cast("type[Page[M]]", Page.__class_getitem__(model))
        part = {"limit": str(limit), "offset": str(offset)}
        return await self._call(partial(_read_part, page, limit), "GET", path, {**params, **part})

    def pages(
        self, path: str, model: type[M], params: Params = NO_PARAMS, limit: int = LARGEST_PAGE
    ) -> AsyncIterator[list[M]]:
        """Read the elements of a collection, page by page, each once."""
        return pages(lambda offset: self.page(path, model, offset, params, limit))

    async def _call(
        self, read: Callable[[Reply], R], method: str, path: str, params: Params, body: Body | None = None
    ) -> R:
        request = Request(method, path, params, body)
        try:
            return await self._call_once(read, request)
        except TokenReplaced:
            # Clover refused the call for its token alone, so that nothing was applied
            return await self._call_once(read, request)

    async def _call_once(self, read: Callable[[Reply], R], request: Request) -> R:
        async with self._permits.permit() as grant:
            lane = Lane.READ if request.is_read else Lane.WRITE
            if not request.is_read:
                self._before_write()
            try:
                with self._breaker.call(self.region, self.merchant_id, lane, request), self._counted():
                    return read(await exchange(self._session, self._base, request, grant.access_token))
            except Forbidden:
                if await self._permits.replacement(grant):
                    raise TokenReplaced from None
                raise

    @contextmanager
    def _counted(self) -> Iterator[None]:
        outcome = "interrupted"
        try:
            yield
            outcome, self.answered = "answered", True
        except AppError as error:
            outcome = type(error).__name__
            if isinstance(error, Throttled):
                self._metrics.clover_throttled.inc()
            raise
        finally:
            self._metrics.clover_calls.labels(outcome).inc()


def _read(model: type[M], reply: Reply) -> M:
    return decoded(model, reply.body)


def _read_part(page: type[Page[M]], limit: int, reply: Reply) -> Part[M]:
    return decoded(page, reply.body).part(limit, reply.as_of)


def _unread(reply: Reply) -> None:
    del reply


def _written(model: type[M], reply: Reply) -> M:
    try:
        return decoded(model, reply.body)
    except (Undecodable, Unavailable) as error:
        raise Ambiguous(f"written, but the response cannot be decoded: {error}") from error
