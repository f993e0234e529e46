"""One exchange with Clover over HTTP; each failure is raised as an AppError."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import aiohttp
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse
from multidict import CIMultiDict
from pydantic import BaseModel
from yarl import URL

from common.clover.errors import refusal
from common.clover.regions import beneath
from common.errors import Ambiguous, AppError, TimedOut, Unavailable

Body = BaseModel | Mapping[str, object]
Params = Mapping[str, str | Sequence[str]]

LARGEST_RESPONSE = 16 * 1024 * 1024
"""Bytes of a decompressed response; a page of a thousand items with three expands has about 3 MiB."""

CONNECT_SECONDS = 5.0


@dataclass(frozen=True)
class Request:
    """One call. `path` is below the merchant's address, and `params` may have several values for one name."""

    method: str
    path: str
    params: Params
    body: Body | None

    @property
    def is_read(self) -> bool:
        """Whether the call changes nothing, so that it may be repeated."""
        return self.method == "GET"


@dataclass(frozen=True)
class Reply:
    """A 2xx response. It shows all that had changed in Clover by `as_of`, in milliseconds of Clover's own clock.

    That is the response's Date less the duration of the call; None without a Date.
    """

    body: bytes
    as_of: int | None


def open_session(user_agent: str, seconds: float) -> aiohttp.ClientSession:
    """Open the connection pool of a process, for calls that take this long at most."""
    return aiohttp.ClientSession(
        # Clover requires a User-Agent since April 2026 (documented)
        headers={"User-Agent": user_agent, "Accept": "application/json"},
        timeout=aiohttp.ClientTimeout(total=seconds, connect=min(CONNECT_SECONDS, seconds / 2), sock_read=seconds),
        connector=aiohttp.TCPConnector(limit=0),  # the grants limit the calls in flight
        cookie_jar=aiohttp.DummyCookieJar(),
        middlewares=[_write_once],
    )


async def exchange(session: aiohttp.ClientSession, base: URL, request: Request, token: str) -> Reply:
    """Send the request and return the 2xx response."""
    headers = CIMultiDict({"Authorization": f"Bearer {token}"})
    sent = None if request.body is None else _encoded(request.body)
    if sent is not None:
        headers["Content-Type"] = "application/json"
    doubt: type[AppError] = Unavailable if request.is_read else Ambiguous
    url, params = beneath(base, request.path), _flat(request.params)
    now = asyncio.get_running_loop().time
    sent_at = now()
    try:
        async with session.request(
            request.method, url, params=params, data=sent, headers=headers, allow_redirects=False
        ) as response:
            as_of = began_at(response.headers.get("Date", ""), now() - sent_at)
            return Reply(await _read(response, request.path, doubt), as_of)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise Unavailable(f"Clover cannot be reached ({type(error).__name__})") from error
    except TimeoutError as error:
        raise (TimedOut if request.is_read else Ambiguous)("Clover did not respond in time") from error
    except (aiohttp.ClientError, OSError, Lost) as error:
        raise doubt(f"the connection to Clover broke ({type(error).__name__})") from error


class Lost(Exception):
    """The connection broke during a write."""


async def _write_once(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Keep aiohttp from repeating a PUT or DELETE when a pooled connection turns out to be closed."""
    try:
        return await handler(request)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        if request.method == "GET":
            raise
        raise Lost from error


async def _read(response: ClientResponse, path: str, doubt: type[AppError]) -> bytes:
    """Return the body of a 2xx response. Raise the error of any other; redirects are never followed."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > LARGEST_RESPONSE:
            response.close()
            raise doubt(f"Clover's response is larger than {LARGEST_RESPONSE} bytes")
    if response.status in range(200, 300):
        return bytes(body)
    if response.status in range(400, 500) and response.status != HTTPStatus.REQUEST_TIMEOUT:
        raise refusal(response.status, response.headers, bytes(body), path)
    raise doubt(f"Clover responded with status {response.status}")


def began_at(date: str, seconds: float) -> int | None:
    """Return the moment by Clover's clock at which a call of this duration began, by the Date of its response."""
    try:
        answered_at = parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None
    return int(1000 * (answered_at - seconds))


def _encoded(body: Body) -> bytes:
    if isinstance(body, BaseModel):
        return body.model_dump_json(by_alias=True, exclude_none=True).encode()
    return json.dumps(body, allow_nan=False).encode()


def _flat(params: Params) -> list[tuple[str, str]]:
    return [(name, each) for name, given in params.items() for each in ([given] if isinstance(given, str) else given)]
