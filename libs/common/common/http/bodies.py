"""Reads the bodies of requests, within limits of size and time."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager

from aiohttp import ClientPayloadError, web

from common.http.refusals import refused


async def read_body(request: web.Request, limit: int, within: float) -> bytes:
    """Read the whole body: at most `limit` bytes, within `within` seconds. Raises Refused (400, 408, 413)."""
    refuse_too_large(request, limit)
    body = bytearray()
    with _unreadable(within):
        if request.content.is_eof():  # a small body arrives together with the headers
            body += request.content.read_nowait()
            _refuse_beyond(limit, len(body))
            return bytes(body)
        async with asyncio.timeout(within):
            async for chunk in request.content.iter_any():
                body += chunk
                _refuse_beyond(limit, len(body))
    return bytes(body)


async def chunks(
    request: web.Request, limit: int, size: int, idle: float, within: float
) -> AsyncGenerator[bytes, None]:
    """Read the body in parts of at most `size` bytes, each within `idle` seconds. The rest is as for `read_body`."""
    refuse_too_large(request, limit)
    read, end = 0, asyncio.get_running_loop().time() + within
    while True:
        until = min(asyncio.get_running_loop().time() + idle, end)
        with _unreadable(within if until == end else idle):
            async with asyncio.timeout_at(until):
                chunk = await request.content.read(size)
        if not chunk:
            return
        read += len(chunk)
        _refuse_beyond(limit, read)
        yield chunk


@contextmanager
def _unreadable(within: float) -> Iterator[None]:
    """Refuse a body that cannot be read to its end."""
    try:
        yield
    except TimeoutError:
        raise refused(408, "too_slow", f"did not arrive within {within:g} seconds", "Send it faster.") from None
    except (ClientPayloadError, web.PayloadAccessError, web.RequestPayloadError):
        raise refused(
            400, "unreadable", "is not encoded as its headers say", "Correct it, or Content-Encoding and its like."
        ) from None
    except ConnectionError:
        raise refused(400, "unreadable", "broke off before it was whole", "Send it again.") from None


def refuse_too_large(request: web.Request, limit: int) -> None:
    """Refuse (413) a body whose Content-Length exceeds `limit` bytes, without reading it."""
    _refuse_beyond(limit, request.content_length or 0)


def _refuse_beyond(limit: int, size: int) -> None:
    if size > limit:
        raise refused(413, "too_large", f"is larger than {limit} bytes", "Send less at once.")
