"""Reads control requests and answers them with JSON; a 400 or 404 has one message."""

import functools
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any

from aiohttp import web

from clover_sandbox.admission import decode
from clover_sandbox.answers import Refused
from clover_sandbox.merchant import Merchant
from clover_sandbox.sandbox import Sandbox

LARGEST_AMOUNT = 10**9

Endpoint = Callable[[Sandbox, web.Request], Awaitable[Any]]


def served(sandbox: Sandbox, endpoint: Endpoint) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Wrap the endpoint as an aiohttp handler. A refusal becomes a 4xx with its reason."""

    @functools.wraps(endpoint)
    async def handle(request: web.Request) -> web.Response:
        try:
            return answer(await endpoint(sandbox, request))
        except Refused as refused:
            return answer({"message": refused.message}, refused.status)
        except (ValueError, TypeError, re.error) as error:
            return answer({"message": str(error)}, 400)

    return handle


def answer(body: Any, status: int = 200) -> web.Response:
    """Build a JSON response with decimals as numbers."""
    text = json.dumps(body, ensure_ascii=False, default=_plain)
    return web.Response(text=text, status=status, content_type="application/json")


async def body_of(request: web.Request) -> dict[str, Any]:
    """Return the body as an object. An empty body is {}."""
    body = decode(await request.read(), float)
    if not isinstance(body, dict | None):
        raise TypeError("the body must be a JSON object")
    return body or {}


def merchant_in(sandbox: Sandbox, request: web.Request) -> Merchant:
    """Return the merchant of the path, or raise 404."""
    merchant = sandbox.world.merchants.get(request.match_info["merchant"])
    if merchant is None:
        raise Refused(404, "there is no such merchant")
    return merchant


def number_in(query: Mapping[str, str], name: str, default: int) -> int:
    """Return a whole number from the query."""
    return int(query.get(name, default))


def amount_in(body: Mapping[str, Any], name: str) -> float:
    """Return the only number of the body, which must not be negative."""
    value = body.get(name)
    if (
        set(body) != {name}
        or isinstance(value, bool)
        or not isinstance(value, int | float)
        or not 0 <= value <= LARGEST_AMOUNT
    ):
        raise ValueError(f"{name} must be a number from 0 to {LARGEST_AMOUNT}")
    return float(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{type(value).__name__} cannot be encoded as JSON")
