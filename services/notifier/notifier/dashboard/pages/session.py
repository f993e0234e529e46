"""Signing in with a login link, and signing out."""

import secrets
from datetime import UTC, datetime, timedelta

from aiohttp import web

from common.http.problems import Refused
from notifier.dashboard.forms import cookie_path, read_visitors_form, render_form, set_cookie
from notifier.dashboard.rendering import PageCall, redirect, render_note
from notifier.dashboard.visitors import Visitor, cookie_hash, cookie_name, is_own_form, render_signed_out
from notifier.sealing import link_hash
from notifier.store import links, sessions
from notifier.store.links import LoginLink

SESSION_LIFETIME = timedelta(hours=12)
REQUIRED_SCOPES = ("problems:read", "activity:read")
MAX_OFFERED = 5
"""The most stores a used link offers fresh links for, one button each."""


async def show_login(call: PageCall) -> web.StreamResponse:
    """Show a button that signs in. Mail scanners follow links but press no buttons, so they do not use the link up."""
    token = call.request.query.get("token", "")
    link = await _find_link(call, token)
    if link is None or not link.is_usable:
        return _render_refusal(call, link)
    if not _opens_the_dashboard(link):
        return render_note(call, 403, "not_allowed")
    return render_form(call, "login.html", 200, token=token)


async def log_in(call: PageCall) -> web.StreamResponse:
    """Exchange the token of the link for a session cookie, once."""
    form = await read_visitors_form(call)
    if form is None:
        return render_note(call, 403, "foreign_form")
    link = await _find_link(call, form.get("token", ""))
    if link is None or not link.is_usable:
        return _render_refusal(call, link)
    if not _opens_the_dashboard(link):
        return render_note(call, 403, "not_allowed")
    cookie = secrets.token_urlsafe(32)
    async with call.deps.database.unit() as unit:
        first = await links.use_link(unit, link)
        if first:
            expires_at = unit.now + SESSION_LIFETIME
            await sessions.add_session(unit, cookie_hash(cookie), link.merchants, link.scopes, expires_at)
    if not first:
        return _render_refusal(call, link)
    response = redirect("/dashboard/")  # which opens the store at once if there is only one
    set_cookie(call.deps, response, cookie_name(call.deps), cookie, int(SESSION_LIFETIME.total_seconds()))
    return response


async def log_out(call: PageCall, visitor: Visitor) -> web.StreamResponse:
    if not await is_own_form(call, visitor):
        return render_note(call, 403, "foreign_form")
    async with call.deps.database.unit() as unit:
        await sessions.delete_session(unit, visitor.session)
    response = render_signed_out(call)
    response.set_status(200)
    response.del_cookie(cookie_name(call.deps), path=cookie_path(call.deps), secure=call.deps.secure)
    return response


async def _find_link(call: PageCall, token: str) -> LoginLink | None:
    """Return the link of this token: one we know, or else one that QuickSync's accounts signed, if it is either."""
    database, digest = call.deps.database, link_hash(token)
    async with database.connection() as conn:
        known = await links.find_link(conn, digest, database.clock.now())
    if known:
        return known
    try:
        claims = call.deps.keys.bearer(f"Bearer {token}")
    except Refused:
        return None
    return LoginLink(
        digest,
        merchants=tuple(sorted(claims.merchants)),
        scopes=tuple(sorted(claims.scopes)),
        expires_at=claims.expires_at or datetime.now(UTC),
        is_usable=True,
    )


def _opens_the_dashboard(link: LoginLink) -> bool:
    return "*" in link.scopes or set(REQUIRED_SCOPES) <= set(link.scopes)


def _render_refusal(call: PageCall, link: LoginLink | None) -> web.Response:
    """Render the page of a link that opens nothing any more. It offers a fresh link for each store of the old one."""
    stores = [each for each in link.merchants if each != "*"] if link else []
    return render_form(call, "note.html", 401, note="link_expired", stores=stores[:MAX_OFFERED])
