"""Checks the path, the method and the token of a REST call before it is applied."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from clover_sandbox.answers import NotAllowed, Options, Refused, bad_request, not_found, unauthorized
from clover_sandbox.merchant import Merchant
from clover_sandbox.rest.routes import Route, Router, id_names
from clover_sandbox.world import World

MERCHANT_SEGMENT = 3


@dataclass(frozen=True)
class Admitted:
    """A call to an existing path with a valid token and the right permission."""

    route: Route
    ids: Mapping[str, str]
    merchant: Merchant
    permissions: frozenset[str]
    token: str


def admit(world: World, router: Router, method: str, path: str, headers: Mapping[str, str]) -> Admitted:
    """Return the call's route and merchant, or raise the refusal.

    The path is checked before the token (recorded) and the method between them (a guess).
    """
    check_user_agent(world, headers)
    segments = [segment for segment in path.split("/")[MERCHANT_SEGMENT + 1 :] if segment]
    found = router.find(segments) if path.startswith("/v3/merchants/") else None
    if found is None:
        raise not_found("The requested resource could not be found.")
    node, ids = found
    if method == "OPTIONS":
        raise Options(node.allow())
    if method not in node.routes:
        raise NotAllowed(method, node.allow())
    route = node.routes[method]
    scheme, _, text = headers.get("Authorization", "").partition(" ")
    token = world.token_for(text) if scheme == "Bearer" else None
    if (
        token is None
        or token.merchant_id != path.split("/")[MERCHANT_SEGMENT]
        or route.permission not in token.permissions
    ):
        raise unauthorized()
    return Admitted(
        route,
        dict(zip(id_names(route.path), ids, strict=True)),
        world.merchants[token.merchant_id],
        token.permissions,
        text,
    )


def merchant_of(path: str) -> str | None:
    """Return the merchant id in a REST path."""
    segments = path.split("/")
    return segments[MERCHANT_SEGMENT] if path.startswith("/v3/merchants/") else None


def decode(raw: bytes, real: Callable[[str], Any] = Decimal) -> Any:
    """Parse the body as JSON, with `real` for fractions. Return None for an empty body, raise 400 for invalid JSON.

    Infinite numbers and unpaired surrogates are invalid too, because the sandbox could not send them back.
    """
    if not raw.strip():
        return None
    try:
        body = json.loads(raw.decode(), parse_float=partial(_finite, real), parse_constant=partial(_finite, real))
        if b"\\ud" in raw.lower():
            json.dumps(body, ensure_ascii=False, default=str).encode()
    except (ValueError, ArithmeticError, RecursionError):
        raise bad_request("The request body is not valid JSON") from None
    return body


def _finite(real: Callable[[str], Any], text: str) -> Any:
    if not math.isfinite(float(text)):
        raise ValueError(f"{text} is not a finite number")
    return real(text)


def check_user_agent(world: World, headers: Mapping[str, str]) -> None:
    """Require the User-Agent, mandatory since April 2026 (documented). A switch sets the status of the refusal."""
    mode = world.switches["user_agent"]
    if mode != "not_checked" and not headers.get("User-Agent"):
        raise Refused(int(mode), "User-Agent header is required")
