"""The dashboard: pages rendered on the server, complete without scripts and live with them."""

from aiohttp import web

from common.http.routes import EVENTS, Access, Route
from notifier.dashboard.forms import MAX_FORM_BYTES
from notifier.dashboard.pages import links, session, store, stores
from notifier.dashboard.rendering import PageCall, redirect, render_note, serve_asset
from notifier.dashboard.visitors import signed_in, with_notes

STORE = "/dashboard/{store:[0-9A-Z]{13}}"


async def go_home(_: PageCall) -> web.StreamResponse:
    return redirect("/dashboard/")


async def go_to_store(call: PageCall) -> web.StreamResponse:
    return redirect(f"/dashboard/{call.path['store']}/")


async def not_found(call: PageCall) -> web.StreamResponse:
    return render_note(call, 404, "not_found")


ROUTES = [
    Route("GET", "/dashboard", go_home, Access.OPEN, takes=None),
    Route("GET", "/dashboard/", signed_in(stores.show_stores), Access.OPEN, takes=None),
    Route("GET", "/dashboard/login", with_notes(session.show_login), Access.OPEN, takes=None),
    Route("POST", "/dashboard/login", with_notes(session.log_in), Access.OPEN, takes=None, max_body=MAX_FORM_BYTES),
    Route("POST", "/dashboard/link", with_notes(links.request_link), Access.OPEN, takes=None, max_body=MAX_FORM_BYTES),
    Route("POST", "/dashboard/logout", signed_in(session.log_out), Access.OPEN, takes=None, max_body=MAX_FORM_BYTES),
    Route("GET", "/dashboard/static/{name:[a-z.]+}", serve_asset, Access.OPEN, takes=None),
    Route("GET", STORE, go_to_store, Access.OPEN, takes=None),
    Route("GET", f"{STORE}/", signed_in(store.show_store), Access.OPEN, takes=None),
    Route("GET", f"{STORE}/stream", signed_in(store.stream_store), Access.OPEN, takes=None, gives=EVENTS),
    Route(
        "POST",
        f"{STORE}/problems/{{problem_id}}/recheck",
        signed_in(store.recheck),
        Access.OPEN,
        takes=None,
        max_body=MAX_FORM_BYTES,
    ),
    # last, so that every other address under /dashboard shows a page, too
    Route("GET", "/dashboard/{_:.*}", not_found, Access.OPEN, takes=None),
]
