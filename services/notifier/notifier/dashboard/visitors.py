"""The signed-in visitor of a page: the session cookie, and the protection of forms against other sites."""

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import parse_qs

from aiohttp import web

from common.errors import NotFound, Transient
from common.http import parse
from common.http.auth import Claims
from notifier.dashboard.rendering import PageCall, render_note
from notifier.deps import Deps
from notifier.store import sessions

MAX_FORM_BYTES = 4096
FORM_SECONDS = 5.0


@dataclass(frozen=True)
class Visitor:
    """A signed-in person. Each form contains `csrf`, which no other site can know."""

    claims: Claims
    cookie: str

    @property
    def csrf(self) -> str:
        return hashlib.sha256(b"csrf\n" + self.cookie.encode()).hexdigest()

    def check(self, merchant_id: str) -> None:
        """Raise NotFound if the visitor may not see this merchant."""
        if not self.claims.covers(merchant_id):
            raise NotFound("There is no such store here.")


Page = Callable[[PageCall, Visitor], Awaitable[web.StreamResponse]]


def signed_in(page: Page) -> Callable[[PageCall], Awaitable[web.StreamResponse]]:
    """Show the page to signed-in visitors, and a note to others and after an error."""

    async def handler(call: PageCall) -> web.StreamResponse:
        try:
            visitor = await _visitor(call)
            return await page(call, visitor) if visitor else render_note(call, 401, "signed_out")
        except NotFound:
            return render_note(call, 404, "not_found")
        except Transient:
            return render_note(call, 503, "unavailable")

    return handler


async def is_own_form(call: PageCall, visitor: Visitor) -> bool:
    """Whether one of our pages sent the form: the browser confirms it, and only our pages know the visitor's `csrf`."""
    if call.request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        return False
    body = await parse.read_body(call.request, MAX_FORM_BYTES, FORM_SECONDS)
    try:
        form = parse_qs(body.decode("ascii", "replace"), max_num_fields=10)
    except ValueError:  # more fields than any of our forms has
        return False
    return hmac.compare_digest(form.get("csrf", [""])[0].encode(), visitor.csrf.encode())


def cookie_hash(cookie: str) -> bytes:
    """The database holds this hash only, so that a copy of it signs nobody in."""
    return hashlib.sha256(cookie.encode("utf-8", "surrogateescape")).digest()


def cookie_name(deps: Deps) -> str:
    return "__Host-quicksync" if deps.secure else "quicksync"


def cookie_path(deps: Deps) -> str:
    return "/" if deps.secure else "/dashboard"  # browsers accept a __Host- cookie only with the path /


async def _visitor(call: PageCall) -> Visitor | None:
    cookie = call.request.cookies.get(cookie_name(call.deps), "")
    if not cookie:
        return None
    database = call.deps.database
    async with database.connection() as conn:
        session = await sessions.find_session(conn, cookie_hash(cookie), database.clock.now())
    return Visitor(Claims("", *session), cookie) if session else None
