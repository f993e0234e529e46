"""The dashboard: pages a merchant reads, rendered here, whole without scripts and live with them."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web
from markupsafe import Markup, escape

from common.contracts.problems import Severity
from common.errors import NotFound, Transient
from common.http import parse
from common.http.auth import Claims
from common.http.problems import Refused
from common.http.routes import Access, Call, Route
from notifier import store
from notifier.api import ask_again
from notifier.domain import words
from notifier.feed import ACTIVITY, PROBLEM, activity_view, place_in, problem_view, stream
from notifier.store import Entry, Problem
from notifier.sync import Deps

SESSION = timedelta(hours=12)
SHOWN = 30
MOST_STORES = 200
MOST_CARDS = 50
FORM_BYTES = 4096
FORM_SECONDS = 5.0
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
READS = ("problems:read", "activity:read")

PageCall = Call[Deps, None]


@dataclass(frozen=True)
class Visitor:
    """Who is signed in. `csrf` is in each form, so that only our own pages can send them."""

    claims: Claims
    cookie: str

    @property
    def csrf(self) -> str:
        return hashlib.sha256(b"csrf\n" + self.cookie.encode()).hexdigest()

    def check(self, merchant_id: str) -> None:
        """Raises NotFound when this merchant is not theirs."""
        if not self.claims.covers(merchant_id):
            raise NotFound("There is no such store here.")


Page = Callable[[PageCall, Visitor], Awaitable[web.StreamResponse]]


def signed_in(page: Page) -> Callable[[PageCall], Awaitable[web.StreamResponse]]:
    """The page for who is signed in; for everybody else, and for what goes wrong, a page that says so."""

    async def handler(call: PageCall) -> web.StreamResponse:
        try:
            visitor = await _visitor(call)
            return await page(call, visitor) if visitor else _note(call, 401, "signed_out")
        except NotFound:
            return _note(call, 404, "not_found")
        except Transient:
            return _note(call, 503, "unavailable")

    return handler


async def log_in(call: PageCall) -> web.StreamResponse:
    """Swap the token of the link for a session, and take it out of the address bar."""
    try:
        claims = call.deps.keys.bearer(f"Bearer {call.request.query.get('token', '')}")
    except Refused:
        return _note(call, 401, "link_expired")
    if not all(claims.allows(scope) for scope in READS):
        return _note(call, 403, "not_allowed")
    cookie = secrets.token_urlsafe(32)
    granted = sorted(claims.merchants), sorted(claims.scopes)
    try:
        async with call.deps.database.unit() as unit:
            await store.add_session(unit, _hash(cookie), *granted, unit.now + SESSION)
    except Transient:
        return _note(call, 503, "unavailable")
    response = _to("/dashboard/")
    response.set_cookie(
        _cookie_name(call.deps),
        cookie,
        max_age=int(SESSION.total_seconds()),
        path=_cookie_path(call.deps),
        httponly=True,
        secure=call.deps.secure,
        samesite="Lax",
    )
    return response


async def log_out(call: PageCall, visitor: Visitor) -> web.StreamResponse:
    if not await _is_ours(call, visitor):
        return _note(call, 403, "not_ours")
    async with call.deps.database.connection() as conn:
        await store.end_session(conn, _hash(visitor.cookie))
    response = _note(call, 200, "signed_out")
    response.del_cookie(_cookie_name(call.deps), path=_cookie_path(call.deps), secure=call.deps.secure)
    return response


async def list_stores(call: PageCall, visitor: Visitor) -> web.StreamResponse:
    theirs = None if visitor.claims.covers("*") else sorted(visitor.claims.merchants)
    async with call.deps.database.connection() as conn:
        stores = await store.stores(conn, theirs, MOST_STORES)
    if len(stores) == 1:
        return _to(f"/dashboard/{stores[0].merchant.merchant_id}/")
    cards = [_store_card(each) for each in stores]
    return _render(call, "stores.html", visitor=visitor, stores=cards, behind=not call.deps.hears())


async def show_store(call: PageCall, visitor: Visitor) -> web.StreamResponse:
    merchant_id = call.path["store"]
    visitor.check(merchant_id)
    async with call.deps.database.connection() as conn:
        seq = await store.last_place(conn, merchant_id)  # before the rest: what comes later is told by the stream
        found = await store.stores(conn, [merchant_id], 1)
        problems = await store.problems(conn, merchant_id, is_open=True, before=None, limit=MOST_CARDS)
        solved = await store.last_solved(conn, merchant_id)
        entries = await store.activity(conn, merchant_id, None, SHOWN)
    if not found:
        raise NotFound
    shown = _Shown(call.deps.database.clock.now(), words.zone(found[0].merchant.timezone))
    return _render(
        call,
        "store.html",
        visitor=visitor,
        store=_store_card(found[0]),
        seq=seq,
        behind=not call.deps.hears(),
        cards=[shown.card(each) for each in sorted(problems, key=_urgency)],
        solved=shown.solved(solved) if solved else None,
        activity=[shown.line(entry) for entry in entries],
        may_recheck=visitor.claims.allows("problems:write"),
    )


async def recheck(call: PageCall, visitor: Visitor) -> web.StreamResponse:
    merchant_id = call.path["store"]
    visitor.check(merchant_id)
    if not (visitor.claims.allows("problems:write") and await _is_ours(call, visitor)):
        return _note(call, 403, "not_ours")
    problem = await ask_again(call.deps.database, merchant_id, call.path["problem_id"])
    return _to(f"/dashboard/{merchant_id}/#again-{problem.id}")  # back on the button that was pressed


async def follow_store(call: PageCall, visitor: Visitor) -> web.StreamResponse:
    merchant_id, after = call.path["store"], call.request.query.get("after", "")
    visitor.check(merchant_id)
    return await stream(call.request, call.deps.hub, merchant_id, place_in(after), {ACTIVITY, PROBLEM})


async def serve_asset(call: PageCall) -> web.StreamResponse:
    name = call.path["name"]
    body = call.deps.assets.get(name)
    if body is None:
        return _note(call, 404, "not_found")
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}  # the address changes with the content
    return web.Response(body=body, content_type=TYPES[name.rpartition(".")[2]], charset="utf-8", headers=headers)


async def go_home(_: PageCall) -> web.StreamResponse:
    return _to("/dashboard/")


async def go_to_store(call: PageCall) -> web.StreamResponse:
    return _to(f"/dashboard/{call.path['store']}/")


async def find_nothing(call: PageCall) -> web.StreamResponse:
    return _note(call, 404, "not_found")


def exact(text: str) -> Markup:
    """The text as HTML in which “what is to be typed” stands out without its quotation marks."""
    return Markup(re.sub("“([^”]*)”", r'<strong class="exact">\1</strong>', str(escape(text))))  # noqa: S704 - escaped


@dataclass(frozen=True)
class _Shown:
    """How things are shown at this moment in the merchant's time zone."""

    now: datetime
    where: tzinfo

    def card(self, problem: Problem) -> dict[str, Any]:
        return problem_view(problem).model_dump() | {
            "began": self._moment(problem.since),
            "lasted": words.lasted(problem.since, self.now),
            "rechecked": self._moment(problem.rechecked_at),
        }

    def solved(self, problem: Problem) -> dict[str, Any]:
        return problem_view(problem).model_dump() | {"when": self._moment(problem.closed_at)}

    def line(self, entry: Entry) -> dict[str, Any]:
        return activity_view(entry).model_dump() | {"when": self._moment(entry.at)}

    def _moment(self, at: datetime | None) -> str:
        return words.moment(at, self.now, self.where) if at else ""


def _store_card(shown: store.Store) -> dict[str, Any]:
    merchant = shown.merchant
    region, meaning = words.region(merchant.region)
    masked = words.masked(merchant.merchant_id)
    return {
        "id": merchant.merchant_id,
        "name": shown.name or f"Store {masked}",
        "masked": masked,
        "region": region,
        "meaning": meaning,
        "timezone": merchant.timezone,
        "open": shown.n_open,
    }


def _urgency(problem: Problem) -> tuple[int, Any]:
    return list(Severity).index(problem.code.severity), problem.since


async def _visitor(call: PageCall) -> Visitor | None:
    cookie = call.request.cookies.get(_cookie_name(call.deps), "")
    if not cookie:
        return None
    database = call.deps.database
    async with database.connection() as conn:
        session = await store.session(conn, _hash(cookie), database.clock.now())
    return Visitor(Claims("", *session), cookie) if session else None


async def _is_ours(call: PageCall, visitor: Visitor) -> bool:
    """Whether the form was sent from a page of ours: browsers say so, and only our pages know the word in it."""
    if call.request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        return False
    body = await parse.read_body(call.request, FORM_BYTES, FORM_SECONDS)
    try:
        form = parse_qs(body.decode("ascii", "replace"), max_num_fields=10)
    except ValueError:  # more fields than any form of ours has
        return False
    return hmac.compare_digest(form.get("csrf", [""])[0].encode(), visitor.csrf.encode())


def _hash(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode("utf-8", "surrogateescape")).digest()


def _cookie_name(deps: Deps) -> str:
    return "__Host-quicksync" if deps.secure else "quicksync"


def _cookie_path(deps: Deps) -> str:
    return "/" if deps.secure else "/dashboard"  # browsers take a __Host- cookie only for the whole host


def _to(place: str) -> web.Response:
    return web.Response(status=303, headers={**HEADERS, "Location": place})


def _note(call: PageCall, status: int, what: str) -> web.Response:
    return _render(call, "note.html", status, what=what)


def _render(call: PageCall, template: str, status: int = 200, **facts: Any) -> web.Response:
    text = call.deps.templates.get_template(template).render(version=_version(call.deps.assets), **facts)
    return web.Response(status=status, text=text, content_type="text/html", charset="utf-8", headers=HEADERS)


def _version(assets: Mapping[str, bytes]) -> str:
    return hashlib.sha256(b"".join(assets[name] for name in sorted(assets))).hexdigest()[:12]


STORE = "/dashboard/{store:[0-9A-Z]{13}}"

ROUTES = [
    Route("GET", "/dashboard", go_home, Access.OPEN, takes=None),
    Route("GET", "/dashboard/", signed_in(list_stores), Access.OPEN, takes=None),
    Route("GET", "/dashboard/login", log_in, Access.OPEN, takes=None),
    Route("POST", "/dashboard/logout", signed_in(log_out), Access.OPEN, takes=None, max_body=FORM_BYTES),
    Route("GET", "/dashboard/static/{name}", serve_asset, Access.OPEN, takes=None),
    Route("GET", STORE, go_to_store, Access.OPEN, takes=None),
    Route("GET", f"{STORE}/", signed_in(show_store), Access.OPEN, takes=None),
    Route("GET", f"{STORE}/stream", signed_in(follow_store), Access.OPEN, takes=None),
    Route(
        "POST",
        f"{STORE}/problems/{{problem_id}}/recheck",
        signed_in(recheck),
        Access.OPEN,
        takes=None,
        max_body=FORM_BYTES,
    ),
    # the last: whatever else is in an address bar gets a page, too
    Route("GET", "/dashboard/{_:.*}", find_nothing, Access.OPEN, takes=None),
]
