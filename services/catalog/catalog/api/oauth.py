"""Connecting by OAuth: a person is sent to Clover, allows us the access there, and comes back with a code."""

import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, Field

from catalog.api.connecting import Connected, Wanted, app_of, connect_with_code
from catalog.api.connection_schemas import CONNECTIONS, AccountId, Region
from catalog.api.pages import page
from catalog.deps import Deps
from catalog.domain.oauth import EVERY_MERCHANT, STATE_LASTS, StartedConnection, masked
from catalog.sealing import Secret, open_sealed, seal
from catalog.store import connections, oauth
from catalog.store.oauth import StartedRow
from common.db.unit import Unit
from common.errors import Invalid, NotFound, Transient
from common.http.problems import Refused
from common.http.routes import Access, Answer, Call, Input, Route
from common.ids import MerchantId
from common.seal import NotOpened
from common.text import Email

FOUND = 302
MERCHANT_ID = re.compile(r"[0-9A-Z]{13}")


class StartInput(Input):
    """The person who wants to connect a merchant."""

    account_id: Annotated[AccountId, Field(description="The id of the QuickSync account that is to own the merchant.")]
    account_email: Annotated[
        Email, Field(description="The address that receives e-mails about problems. Stored encrypted, never returned.")
    ]
    region: Region
    merchant_id: Annotated[
        MerchantId | None,
        Field(description="The merchant to connect, if it is known. Without it the person chooses one in Clover."),
    ] = None


class StartedView(BaseModel):
    """Where to send the person."""

    authorize_url: Annotated[str, Field(description="The address at Clover, as in the header `Location`.")]
    expires_at: Annotated[datetime, Field(description="Until when the person may come back from there.")]


async def start_connection(call: Call[Deps, StartInput]) -> Answer:
    wanted = call.input
    if wanted.merchant_id is not None and not call.claims.covers(wanted.merchant_id):
        raise Refused(403, "forbidden", "The token does not cover this merchant.")
    merchants = tuple(sorted(call.claims.merchants))
    started = StartedConnection(wanted.account_id, wanted.region, wanted.merchant_id, merchants)
    async with call.deps.database.unit() as unit:
        view = await _start(call.deps, unit, started, wanted.account_email)
    return Answer(FOUND, view, {"Location": view.authorize_url})


async def launch(call: Call[Deps, None]) -> web.StreamResponse:
    """Send the browser to Clover again: from the App Market, which sends no code, or by the link in an e-mail.

    The account is the one that has connected the merchant, so that nothing in the address has to be believed.
    """
    merchant_id = call.request.query.get("merchant_id", "")
    if not MERCHANT_ID.fullmatch(merchant_id):
        return page("unknown", 404)
    try:
        async with call.deps.database.unit() as unit:
            known = await connections.find(unit.conn, merchant_id)
            email = open_sealed(call.deps.sealer, Secret.EMAIL, merchant_id, known.sealed_email)
            started = StartedConnection(known.account_id, known.region, merchant_id, (EVERY_MERCHANT,))
            view = await _start(call.deps, unit, started, email)
    except NotFound:
        return page("unknown", 404)
    except Invalid:
        return page("no_oauth", 404)
    return web.Response(status=FOUND, headers={"Location": view.authorize_url})


async def call_back(call: Call[Deps, None]) -> web.StreamResponse:
    """Take the person back from Clover. Waits for Clover, as the person does."""
    query = call.request.query
    if "state" not in query and "error" not in query:  # the App Market launches the app without a state of ours
        return await launch(call)
    try:
        connected, email = await _come_back(call.deps, query)
    except _NotTaken as refused:
        return page(refused.page, refused.status)
    # names the account: a link to Clover's page may have come from somebody else
    return page("connected", 200, store=connected.connection.name, account=masked(email))


class _NotTaken(Exception):
    """The person is not taken back; this page says why."""

    def __init__(self, page: str, status: int) -> None:
        super().__init__(page)
        self.page = page
        self.status = status


async def _come_back(deps: Deps, query: Mapping[str, str]) -> tuple[Connected, str]:
    """Connect the merchant that Clover names; return also the address of the account."""
    state, merchant_id = query.get("state", ""), query.get("merchant_id", "")
    taken = await _take(deps, state)
    if taken is None:
        raise _NotTaken("expired", 400)
    if not query.get("code"):
        raise _NotTaken("denied", 400)
    if not MERCHANT_ID.fullmatch(merchant_id) or not taken.started.allows(merchant_id):
        raise _NotTaken("other_merchant", 403)
    try:
        return await _connect(deps, taken, state, merchant_id, query["code"])
    except NotOpened:  # a master key was taken away while the person was at Clover
        raise _NotTaken("expired", 400) from None
    except Refused:
        raise _NotTaken("elsewhere", 409) from None
    except Invalid:
        raise _NotTaken("refused", 422) from None
    except Transient:
        raise _NotTaken("busy", 503) from None


async def _start(deps: Deps, unit: Unit, started: StartedConnection, email: str) -> StartedView:
    app = app_of(deps, started.region)
    state, verifier = secrets.token_urlsafe(32), None if app.secret else secrets.token_urlsafe(48)
    digest = _digest(state)
    sealed_verifier = seal(deps.sealer, Secret.OAUTH_VERIFIER, digest.hex(), verifier) if verifier else None
    row = StartedRow(started, seal(deps.sealer, Secret.OAUTH_EMAIL, digest.hex(), email), sealed_verifier)
    expires_at = unit.now + STATE_LASTS
    await oauth.start(unit.conn, digest, row, expires_at)
    url = app.authorize_url(state, started.merchant_id, verifier)
    return StartedView(authorize_url=url, expires_at=expires_at)


async def _take(deps: Deps, state: str) -> StartedRow | None:
    async with deps.database.unit() as unit:
        return await oauth.take(unit.conn, _digest(state), unit.now)


async def _connect(deps: Deps, taken: StartedRow, state: str, merchant_id: str, code: str) -> tuple[Connected, str]:
    """Connect the merchant; return also the address of the account."""
    owner, started = _digest(state).hex(), taken.started
    email = open_sealed(deps.sealer, Secret.OAUTH_EMAIL, owner, taken.sealed_email)
    sealed = taken.sealed_verifier
    verifier = open_sealed(deps.sealer, Secret.OAUTH_VERIFIER, owner, sealed) if sealed else None
    wanted = Wanted(merchant_id, started.region, started.account_id, email)
    return await connect_with_code(deps, wanted, code, verifier), email


def _digest(state: str) -> bytes:
    """Return the hash under which a state is stored, so that the table alone serves nobody."""
    return sha256(state.encode("utf-8", "surrogateescape")).digest()


ROUTES = [
    Route(
        "GET",
        "/oauth/clover/start",
        start_connection,
        "merchants:write",
        takes=StartInput,
        gives=StartedView,
        status=FOUND,
        summary="Begin to connect a merchant by OAuth",
        description=(
            "Redirects to Clover, where a person signs in and allows QuickSync the access. Call it from your server, "
            "and send the person's browser to `Location`. Clover sends the browser back to QuickSync, which connects "
            "the merchant to the account of this request and says so on a page. The address serves once, for fifteen "
            "minutes."
        ),
        tags=(CONNECTIONS,),
        example={"account_id": "acc-1001", "account_email": "owner@example.com", "region": "us"},
        gives_example={
            "authorize_url": "https://www.clover.com/oauth/v2/authorize?client_id=…&redirect_uri=…&state=…",
            "expires_at": "2026-11-23T09:45:00Z",
        },
    ),
    Route("GET", "/oauth/clover/launch", launch, Access.OPEN, takes=None),
    Route("GET", "/oauth/clover/callback", call_back, Access.OPEN, takes=None, within=None),
]
