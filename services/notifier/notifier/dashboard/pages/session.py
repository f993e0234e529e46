"""Signing in and out."""

import secrets
from datetime import timedelta

from aiohttp import web

from common.errors import Transient
from common.http.problems import Refused
from notifier.dashboard.rendering import PageCall, redirect, render_note
from notifier.dashboard.visitors import Visitor, cookie_hash, cookie_name, cookie_path, is_own_form
from notifier.store import sessions

SESSION_LIFETIME = timedelta(hours=12)
REQUIRED_SCOPES = ("problems:read", "activity:read")


async def log_in(call: PageCall) -> web.StreamResponse:
    """Exchange the token of the link for a session cookie. The redirect removes the token from the address bar."""
    try:
        claims = call.deps.keys.bearer(f"Bearer {call.request.query.get('token', '')}")
    except Refused:
        return render_note(call, 401, "link_expired")
    if not all(claims.allows(scope) for scope in REQUIRED_SCOPES):
        return render_note(call, 403, "not_allowed")
    cookie = secrets.token_urlsafe(32)
    try:
        async with call.deps.database.unit() as unit:
            await sessions.add_session(
                unit,
                cookie_hash(cookie),
                merchants=sorted(claims.merchants),
                scopes=sorted(claims.scopes),
                expires_at=unit.now + SESSION_LIFETIME,
            )
    except Transient:
        return render_note(call, 503, "unavailable")
    return _with_cookie(call, redirect("/dashboard/"), cookie)


async def log_out(call: PageCall, visitor: Visitor) -> web.StreamResponse:
    if not await is_own_form(call, visitor):
        return render_note(call, 403, "foreign_form")
    async with call.deps.database.connection() as conn:
        await sessions.delete_session(conn, cookie_hash(visitor.cookie))
    response = render_note(call, 200, "signed_out")
    response.del_cookie(cookie_name(call.deps), path=cookie_path(call.deps), secure=call.deps.secure)
    return response


def _with_cookie(call: PageCall, response: web.Response, cookie: str) -> web.Response:
    response.set_cookie(
        cookie_name(call.deps),
        cookie,
        max_age=int(SESSION_LIFETIME.total_seconds()),
        path=cookie_path(call.deps),
        httponly=True,
        secure=call.deps.secure,
        samesite="Lax",
    )
    return response
