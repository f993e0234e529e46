"""Forms, and their protection against other sites: a form holds a value that is derived from a cookie of ours."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web

from common.http import bodies
from notifier.dashboard.rendering import PageCall, render
from notifier.deps import Deps

MAX_FORM_BYTES = 12 * 1024
"""The largest form carries a signed login token, of at most 8 KiB."""

FORM_SECONDS = 5.0


def csrf_of(cookie: str) -> str:
    """Return the value that proves that a form is ours: only we, and pages of ours, know the cookie."""
    return hashlib.sha256(b"csrf\n" + cookie.encode()).hexdigest()


async def read_own_form(call: PageCall, cookie: str) -> Mapping[str, str] | None:
    """Return the fields of the form if one of our pages sent it: the browser confirms that, and `csrf` fits."""
    if not cookie or call.request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        return None
    body = await bodies.read_body(call.request, MAX_FORM_BYTES, FORM_SECONDS)
    try:
        form = parse_qs(body.decode("ascii", "replace"), max_num_fields=10)
    except ValueError:  # more fields than any of our forms has
        return None
    fields = {name: values[0] for name, values in form.items()}
    return fields if hmac.compare_digest(fields.get("csrf", "").encode(), csrf_of(cookie).encode()) else None


async def read_visitors_form(call: PageCall) -> Mapping[str, str] | None:
    """Return the fields of a form that a person without a session sent."""
    return await read_own_form(call, call.request.cookies.get(_name(call.deps), ""))


def render_form(call: PageCall, template: str, status: int, **values: Any) -> web.Response:
    """Render a page with a form for a person without a session, and set a cookie for it."""
    known = call.request.cookies.get(_name(call.deps), "")
    cookie = known or secrets.token_urlsafe(32)
    response = render(call, template, status, csrf=csrf_of(cookie), **values)
    if not known:
        set_cookie(call.deps, response, _name(call.deps), cookie)
    return response


def set_cookie(deps: Deps, response: web.Response, name: str, value: str, max_age: int | None = None) -> None:
    """Set a cookie that scripts cannot read and other sites' forms do not carry."""
    response.set_cookie(
        name,
        value,
        max_age=max_age,
        path=cookie_path(deps),
        httponly=True,
        secure=deps.secure,
        samesite="Lax",
    )


def cookie_path(deps: Deps) -> str:
    return "/" if deps.secure else "/dashboard"  # browsers accept a __Host- cookie only with the path /


def _name(deps: Deps) -> str:
    return "__Host-quicksync-form" if deps.secure else "quicksync-form"
