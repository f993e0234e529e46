"""Who may call what: the checks a REST call passes before anything is done."""

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
    """A call to an existing path by somebody who may make it."""

    route: Route
    ids: Mapping[str, str]
    merchant: Merchant
    permissions: frozenset[str]
    token: str


def admit(world: World, router: Router, method: str, path: str, headers: Mapping[str, str]) -> Admitted:
    """The call's route and merchant, or the refusal: path before token (recorded), method between them (a guess)."""
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
    """The merchant id a REST path names."""
    segments = path.split("/")
    return segments[MERCHANT_SEGMENT] if path.startswith("/v3/merchants/") else None


def decode(raw: bytes, real: Callable[[str], Any] = Decimal) -> Any:
    """The JSON of a body, fractions made by `real`; nothing for an empty one, 400 for anything else.

    What no double can hold is no number here, and what no UTF-8 can hold is no text: neither could be answered.
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
        raise ValueError(f"{text} is no number")
    return real(text)


def check_user_agent(world: World, headers: Mapping[str, str]) -> None:
    """Mandatory since April 2026 (documented); the status without it is a switch."""
    mode = world.switches["user_agent"]
    if mode != "not_checked" and not headers.get("User-Agent"):
        raise Refused(int(mode), "User-Agent header is required")
