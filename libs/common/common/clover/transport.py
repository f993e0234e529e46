"""Speaks to Clover: one session per process, every call within a grant, every failure one of our errors."""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import aiohttp
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse
from multidict import CIMultiDict
from pydantic import BaseModel, ConfigDict, RootModel, model_validator
from yarl import URL

from common.clock import Clock
from common.clover.errors import decoded, refusal
from common.clover.grant_lease import GrantLease
from common.clover.grants import Grants
from common.clover.paging import LARGEST_PAGE, Page, pages
from common.clover.regions import Regions, beneath
from common.errors import Ambiguous, AppError, Throttled, TimedOut, Unavailable, Undecodable
from common.settings import CommonSettings
from common.telemetry.metrics import Metrics

M = TypeVar("M", bound=BaseModel)
R = TypeVar("R")
Body = BaseModel | Mapping[str, object]
Params = Mapping[str, str | Sequence[str]]

LARGEST_ANSWER = 16 * 1024 * 1024
"""Bytes of an answer, unpacked; a page of a thousand items with three expands has about 3 MiB."""

CONNECT_SECONDS = 5.0
NO_PARAMS: Params = {}


class Answered(BaseModel):
    """What Clover answers: a model declares only the fields it uses; null is as good as absent (documented)."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, answer: Any) -> Any:
        return {k: v for k, v in answer.items() if v is not None} if isinstance(answer, dict) else answer


class Unread(RootModel[Any]):
    """An answer of which nothing is used, whatever its shape."""


class Clover:
    """The way to Clover of one service process; open it before use (`Service.resources`)."""

    def __init__(
        self, settings: CommonSettings, grants: Grants, metrics: Metrics, clock: Clock, *, user_agent: str
    ) -> None:
        self._regions = Regions(settings)
        self._grants = grants
        self._metrics = metrics
        self._clock = clock
        self._user_agent = user_agent
        self._seconds = settings.clover_timeout
        self._leases: dict[str, GrantLease] = {}
        self._open = AsyncExitStack()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        if isinstance(self._grants, AbstractAsyncContextManager):
            await self._open.enter_async_context(self._grants)
        self._session = await self._open.enter_async_context(
            aiohttp.ClientSession(
                # Clover asks every caller to name itself since April 2026 (documented).
                headers={"User-Agent": self._user_agent, "Accept": "application/json"},
                timeout=aiohttp.ClientTimeout(
                    total=self._seconds, connect=min(CONNECT_SECONDS, self._seconds / 2), sock_read=self._seconds
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                middlewares=[_write_once],
            )
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session = None
        await self._open.aclose()

    @asynccontextmanager
    async def session(self, merchant_id: str) -> AsyncIterator["MerchantApi"]:
        """Speak for a merchant: takes a grant for the block and gives it back after; long blocks renew it.

        Raises Throttled when others hold the quota, Forbidden when the merchant is not connected, Unavailable.
        """
        if self._session is None:
            raise Unavailable("the way to Clover is not open")
        lease = self._leases.setdefault(merchant_id, GrantLease(merchant_id, self._grants, self._clock))
        async with lease.held() as grant:
            base = self._regions.merchant(grant.region, merchant_id)
            yield MerchantApi(merchant_id, grant.region, base, lease, self._session, self._metrics)


class MerchantApi:
    """Clover's REST API for one merchant; paths are below `/v3/merchants/{mId}/`, "" is the merchant itself.

    Raises Forbidden (401, 403), NotFound (404), Rejected (other 4xx, with Clover's words), Throttled (429). Reading:
    TimedOut, Unavailable (no connection, 5xx, a broken answer) and Undecodable (not what the model expects).
    Writing: Unavailable when the call surely never left, Ambiguous whenever it may have been applied.

    `answered`: some call was answered well, so that a 401 is about what was asked and not about the access as a whole.
    """

    def __init__(
        self,
        merchant_id: str,
        region: str,
        base: URL,
        lease: GrantLease,
        session: aiohttp.ClientSession,
        metrics: Metrics,
    ) -> None:
        self.merchant_id = merchant_id
        self.region = region
        self.answered = False
        self._base = base
        self._lease = lease
        self._session = session
        self._metrics = metrics

    async def reserve_calls(self, calls: int) -> None:
        """Wait until the next so many calls may go one right after the other, with no pause of ours between them.

        Clover's stock is written absolute, so what the till sells between our reading and our writing is lost to the
        count: nothing of ours may stand between the two.
        """
        await self._lease.reserve(calls)

    async def get(self, path: str, model: type[M], params: Params = NO_PARAMS) -> M:
        """Read. `params` may repeat a name (`filter`) by giving several values."""
        return await self._call(partial(decoded, model), "GET", path, params)

    async def post(self, path: str, body: Body, model: type[M], params: Params = NO_PARAMS) -> M:
        """Create or partially update. Fields of a model that are None are left out."""
        return await self._call(partial(_written, model), "POST", path, params, body)

    async def put(self, path: str, body: Body, model: type[M], params: Params = NO_PARAMS) -> M:
        """Replace. Fields of a model that are None are left out."""
        return await self._call(partial(_written, model), "PUT", path, params, body)

    async def delete(self, path: str, params: Params = NO_PARAMS) -> None:
        """Delete."""
        await self._call(bytes, "DELETE", path, params)

    def pages(
        self, path: str, model: type[M], params: Params = NO_PARAMS, limit: int = LARGEST_PAGE
    ) -> AsyncIterator[list[M]]:
        """The elements of a collection, page by page, each once."""
        page = cast("type[Page[M]]", Page.__class_getitem__(model))

        async def fetch(offset: int) -> Page[M]:
            return await self.get(path, page, {**params, "limit": str(limit), "offset": str(offset)})

        return pages(fetch, limit)

    async def _call(
        self, read: Callable[[bytes], R], method: str, path: str, params: Params, body: Body | None = None
    ) -> R:
        async with self._lease.permit() as grant:
            outcome = "interrupted"
            try:
                answer = read(await self._exchange(method, path, params, body, grant.access_token))
                outcome, self.answered = "answered", True
            except AppError as error:
                outcome = type(error).__name__
                if isinstance(error, Throttled):
                    self._metrics.clover_throttled.inc()
                raise
            finally:
                self._metrics.clover_calls.labels(outcome).inc()
        return answer

    async def _exchange(self, method: str, path: str, params: Params, body: Body | None, token: str) -> bytes:
        headers = CIMultiDict({"Authorization": f"Bearer {token}"})
        sent = None if body is None else _encoded(body)
        if sent is not None:
            headers["Content-Type"] = "application/json"
        doubt: type[AppError] = Unavailable if method == "GET" else Ambiguous
        try:
            async with self._session.request(
                method,
                beneath(self._base, path),
                params=_flat(params),
                data=sent,
                headers=headers,
                allow_redirects=False,
            ) as response:
                return await _read(response, path, doubt)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise Unavailable(f"Clover cannot be reached ({type(error).__name__})") from error
        except TimeoutError as error:
            raise (TimedOut if method == "GET" else Ambiguous)("Clover did not answer in time") from error
        except (aiohttp.ClientError, OSError, _Lost) as error:
            raise doubt(f"the connection to Clover broke ({type(error).__name__})") from error


class _Lost(Exception):
    """A write was on its way when the connection broke."""


async def _write_once(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Keep aiohttp from sending a PUT or DELETE again by itself when a pooled connection turns out to be lost."""
    try:
        return await handler(request)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        if request.method == "GET":
            raise
        raise _Lost from error


async def _read(response: ClientResponse, path: str, doubt: type[AppError]) -> bytes:
    """The body of a good answer. Raises what any other stands for; a redirect is never followed."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > LARGEST_ANSWER:
            response.close()
            raise doubt(f"Clover's answer is larger than {LARGEST_ANSWER} bytes")
    if response.status in range(200, 300):
        return bytes(body)
    if response.status in range(400, 500) and response.status != HTTPStatus.REQUEST_TIMEOUT:
        raise refusal(response.status, response.headers, bytes(body), path)
    raise doubt(f"Clover answered with status {response.status}")


def _written(model: type[M], body: bytes) -> M:
    try:
        return decoded(model, body)
    except (Undecodable, Unavailable) as error:
        raise Ambiguous(f"written, but the answer cannot be read: {error}") from error


def _encoded(body: Body) -> bytes:
    if isinstance(body, BaseModel):
        return body.model_dump_json(by_alias=True, exclude_none=True).encode()
    return json.dumps(body, allow_nan=False).encode()


def _flat(params: Params) -> list[tuple[str, str]]:
    return [(name, each) for name, given in params.items() for each in ([given] if isinstance(given, str) else given)]
