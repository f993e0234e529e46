"""The client with which one of our services calls another."""

import asyncio
import re
from datetime import timedelta
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp
from aiohttp import hdrs
from pydantic import BaseModel, ValidationError

from common.errors import Forbidden, NotFound, Rejected, Throttled, Unavailable
from common.http.auth import Claims, mint_internal
from common.settings import CommonSettings
from common.telemetry import tracing

M = TypeVar("M", bound=BaseModel)

MAX_ANSWER = 1024 * 1024
"""Bytes read of one answer; a page of any list is far smaller."""


class InternalClient:
    """Calls the service `audience` at `url` as the service `caller`; an async context manager.

    `timeout` is in seconds and covers the whole exchange. Every operation of our services can be repeated, so a lost
    answer raises Unavailable and never Ambiguous.
    """

    def __init__(self, settings: CommonSettings, caller: str, audience: str, url: str, timeout: float = 5.0) -> None:
        self._secrets = settings.internal_secrets
        self._caller = caller
        self._audience = audience
        self._url = url.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=timeout, connect=timeout / 2)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def call(
        self,
        method: str,
        path: str,
        answer: type[M],
        *,
        body: BaseModel | None = None,
        on_behalf_of: Claims | None = None,
    ) -> M:
        """Send a request and return its answer.

        With `on_behalf_of` the request has the rights of that account and goes to a public route; without it the
        request goes to an internal route. Raises NotFound, Forbidden, Rejected, Throttled and Unavailable.
        """
        content = await self._exchange(method, path, body, on_behalf_of)
        try:
            return answer.model_validate_json(content)
        except ValidationError:
            # no cause: the message of pydantic quotes the answer, which may hold a token
            raise Unavailable(f"the answer of {self._audience} cannot be read") from None

    async def send(
        self, method: str, path: str, *, body: BaseModel | None = None, on_behalf_of: Claims | None = None
    ) -> None:
        """Send a request and ignore the body of its answer. Raises the same errors as `call`."""
        await self._exchange(method, path, body, on_behalf_of)

    async def _exchange(self, method: str, path: str, body: BaseModel | None, account: Claims | None) -> bytes:
        if self._session is None:
            raise Unavailable(f"the client of {self._audience} is not open")
        request: dict[str, Any] = {"headers": self._headers(account), "allow_redirects": False}
        if body is not None:
            request["data"] = body.model_dump_json(by_alias=True).encode()
        try:
            async with self._session.request(method, f"{self._url}{path}", **request) as response:
                content = await _read(response)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unavailable(f"{self._audience} cannot be reached ({type(error).__name__})") from error
        if response.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise self._refusal(response)
        return content

    def _headers(self, account: Claims | None) -> dict[str, str]:
        token = mint_internal(self._secrets, self._audience, self._caller, account)
        headers = {hdrs.AUTHORIZATION: f"Bearer {token}", hdrs.CONTENT_TYPE: "application/json"}
        return headers | ({"traceparent": tracing.current()} if tracing.current() else {})

    def _refusal(self, response: aiohttp.ClientResponse) -> Exception:
        where = f"{self._audience} answered {response.status}"
        match response.status:
            case HTTPStatus.NOT_FOUND:
                return NotFound(where)
            case HTTPStatus.FORBIDDEN:
                return Forbidden(where)
            case HTTPStatus.TOO_MANY_REQUESTS:
                return Throttled(where, _retry_after(response))
            case HTTPStatus.UNAUTHORIZED:
                return Unavailable(f"{where}; does QS_INTERNAL_SECRETS differ between the services?")
            case status if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
                return Rejected(where, status=status)
        return Unavailable(where)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Read the whole answer. Raises ClientPayloadError for one beyond the limit."""
    try:
        await response.content.readexactly(MAX_ANSWER + 1)
    except asyncio.IncompleteReadError as end:
        return end.partial
    raise aiohttp.ClientPayloadError("the answer is too large")


def _retry_after(response: aiohttp.ClientResponse) -> timedelta | None:
    seconds = response.headers.get(hdrs.RETRY_AFTER, "")
    return timedelta(seconds=int(seconds)) if re.fullmatch(r"[0-9]{1,5}", seconds) else None
