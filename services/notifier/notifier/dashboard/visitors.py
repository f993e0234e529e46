"""The signed-in visitor of a page, by the session cookie."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from common.errors import NotFound, Transient
from common.http.auth import Claims
from common.http.deadline import in_time
from notifier.dashboard.forms import csrf_of, read_own_form, render_form
from notifier.dashboard.rendering import PageCall, render_note
from notifier.deps import Deps
from notifier.store import sessions

PAGE_SECONDS = 3.0
"""Less than the time limit of every route, so that a late page becomes a note, too."""


@dataclass(frozen=True)
class Visitor:
    """A signed-in person. Each form contains `csrf`, which no other site can know."""

    claims: Claims
    cookie: str

    @property
    def csrf(self) -> str:
        return csrf_of(self.cookie)

    @property
    def session(self) -> bytes:
        """The hash of the session in the database."""
        return cookie_hash(self.cookie)

    def check(self, merchant_id: str) -> None:
        """Raise NotFound if the visitor may not see this merchant."""
        if not self.claims.covers(merchant_id):
            raise NotFound("There is no such store here.")


Page = Callable[[PageCall, Visitor], Awaitable[web.StreamResponse]]


def signed_in(page: Page) -> Callable[[PageCall], Awaitable[web.StreamResponse]]:
    """Show the page to signed-in visitors, and offer a login link to others; show a note after an error."""

    async def shown(call: PageCall) -> web.StreamResponse:
        visitor = await _visitor(call)
        return await page(call, visitor) if visitor else render_signed_out(call)

    return with_notes(shown)


def with_notes(
    page: Callable[[PageCall], Awaitable[web.StreamResponse]],
) -> Callable[[PageCall], Awaitable[web.StreamResponse]]:
    """Show the page, and a note after an error."""

    async def handler(call: PageCall) -> web.StreamResponse:
        try:
            async with in_time(call.request, PAGE_SECONDS):
                return await page(call)
        except NotFound:
            return render_note(call, 404, "not_found")
        except (Transient, TimeoutError):
            return render_note(call, 503, "unavailable")

    return handler


def render_signed_out(call: PageCall) -> web.Response:
    """Render the page for a person without a session. It can send a login link for the store of this address."""
    store = call.path.get("store", "")
    return render_form(call, "note.html", 401, note="signed_out", stores=[store] if store else [])


async def is_own_form(call: PageCall, visitor: Visitor) -> bool:
    """Return whether one of our pages sent the form."""
    return await read_own_form(call, visitor.cookie) is not None


def cookie_hash(cookie: str) -> bytes:
    """The database holds this hash only, so that a copy of it signs nobody in."""
    return hashlib.sha256(cookie.encode("utf-8", "surrogateescape")).digest()


def cookie_name(deps: Deps) -> str:
    return "__Host-quicksync" if deps.secure else "quicksync"


async def _visitor(call: PageCall) -> Visitor | None:
    cookie = call.request.cookies.get(cookie_name(call.deps), "")
    if not cookie:
        return None
    database = call.deps.database
    async with database.connection() as conn:
        session = await sessions.find_session(conn, cookie_hash(cookie), database.clock.now())
    return Visitor(Claims("", *session), cookie) if session else None
