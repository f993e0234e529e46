"""Connects a merchant with an API token or an OAuth code, for the API and for the browser that comes from Clover."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from pydantic import SecretStr

from catalog.clover import connections as clover
from catalog.clover.oauth import TokenRefused
from catalog.deps import Deps
from catalog.domain.oauth import OAuthApp, Tokens
from catalog.grants import UnsavedTokenGrants
from catalog.kinds import ALL_ITEMS, CHECK_SETUP, REFRESH_TOKENS, SETUP, SWEEP_ITEMS, TOKENS
from catalog.sealing import Secret, seal, sealed_tokens
from catalog.store import connections
from catalog.store.connections import CloverConnection
from common.contracts.problems import Code
from common.db.unit import Priority, Unit
from common.errors import (
    Ambiguous,
    Forbidden,
    Invalid,
    NotFound,
    Rejected,
    Unavailable,
    Undecodable,
)
from common.http.problems import Refused
from common.http.routes import ANSWER_SECONDS
from common.work import table

CLOVER_SECONDS = 5.0
"""The time Clover has to answer while a merchant is connected: callers commonly give up after five seconds."""

PERMISSIONS_REMEDY = (
    "Copy the API token again from Clover under Account & Setup → API Tokens, of this merchant and region, with "
    "permission to read the merchant and to read and write inventory, orders, payments and customers."
)
BEFORE_SETUP = timedelta(milliseconds=1)
"""The first sync begins before the setup is checked: products wait for the items, and the checks are a second of the
merchant's calls."""

CODE_REMEDY = "Send the person to Clover again by GET /oauth/clover/start; a code works once and for a few minutes."
MERCHANT_ID_REMEDY = "Correct it; Clover shows it in the address of its dashboard after /m/."
CONNECTED_ELSEWHERE = (
    "The merchant is connected to another QuickSync account. Disconnect it there first: send "
    "DELETE /v1/merchants/{merchant_id} with a token of that account."
)
NO_OAUTH = "Merchants of this region cannot be connected by OAuth: QuickSync has no app there. Send an API token."
LATE = "Clover did not answer in time. Nothing was stored; send the request again."
CODE_IS_LOST = "Clover did not answer in time. Nothing was stored, and the code may be used up; start again."


@dataclass(frozen=True)
class Wanted:
    """A merchant to connect, and the account that is to own it."""

    merchant_id: str
    region: str
    account_id: str
    account_email: str


@dataclass(frozen=True)
class Connected:
    """A saved connection, and whether it is new."""

    is_new: bool
    connection: CloverConnection


@dataclass(frozen=True)
class _Credential:
    """The source of the tokens: the field of the request, and the remedy when Clover refuses it."""

    issue: Callable[[], Awaitable[Tokens]]
    field: str
    remedy: str
    late: str


async def connect_with_token(deps: Deps, wanted: Wanted, api_token: SecretStr) -> Connected:
    """Check the API token against Clover and save it. Raises Invalid, Refused, Throttled and Unavailable."""

    async def issue() -> Tokens:
        return Tokens(api_token.get_secret_value())

    return await _connect(deps, wanted, _Credential(issue, "api_token", PERMISSIONS_REMEDY, LATE))


async def connect_with_code(deps: Deps, wanted: Wanted, code: str, verifier: str | None) -> Connected:
    """Exchange the code for tokens and save them. Raises Invalid, Refused, Throttled and Unavailable."""
    app = app_of(deps, wanted.region)

    async def issue() -> Tokens:
        return await deps.oauth.exchange(app, code, verifier)

    return await _connect(deps, wanted, _Credential(issue, "oauth_code", CODE_REMEDY, CODE_IS_LOST))


def app_of(deps: Deps, region: str) -> OAuthApp:
    """Return our app in this region. Raises Invalid where people cannot connect by OAuth."""
    app = deps.oauth_apps.get(region)
    if app is None:
        raise Invalid.field("region", "has no OAuth", NO_OAUTH)
    return app


async def _connect(deps: Deps, wanted: Wanted, credential: _Credential) -> Connected:
    try:
        async with deps.database.clock.timeout(CLOVER_SECONDS):
            tokens = await credential.issue()
            profile = await _probe(deps, wanted, credential, tokens)
    except (TimeoutError, Ambiguous):
        raise Unavailable(credential.late) from None
    except TokenRefused as error:
        raise Invalid.field(credential.field, f"is not accepted by Clover: {error}", credential.remedy) from None
    async with deps.database.unit(within=ANSWER_SECONDS) as unit:
        is_new = await _save(deps, unit, wanted, profile, tokens)
        return Connected(is_new, await connections.find(unit.conn, wanted.merchant_id))


async def _probe(deps: Deps, wanted: Wanted, credential: _Credential, tokens: Tokens) -> clover.Profile:
    """Read the merchant's profile with the new token. Raises Invalid when the token is not this merchant's."""
    grants, field = UnsavedTokenGrants(SecretStr(tokens.access), wanted.region), credential.field
    try:
        async with deps.probe(grants) as client, client.session(wanted.merchant_id) as api:
            profile = await clover.profile(api)
    except Forbidden:
        raise Invalid.field(field, "is not accepted by Clover for this merchant", credential.remedy) from None
    except NotFound:
        raise Invalid.field("merchant_id", "is not known to Clover in this region", MERCHANT_ID_REMEDY) from None
    except (Rejected, Undecodable) as error:
        raise Invalid.field(field, f"does not open the merchant: {error}", credential.remedy) from None
    if profile.merchant_id != wanted.merchant_id:
        raise Invalid.field("merchant_id", "is not the merchant this token belongs to", MERCHANT_ID_REMEDY)
    return profile


async def _save(deps: Deps, unit: Unit, wanted: Wanted, profile: clover.Profile, tokens: Tokens) -> bool:
    """Save the connection, publish it and release the work that waited for it. Return whether it is new."""
    merchant_id = wanted.merchant_id
    if not await connections.claim(unit.conn, merchant_id, wanted.account_id):
        raise Refused(409, "connected_elsewhere", CONNECTED_ELSEWHERE.format(merchant_id=merchant_id))
    connected = await connections.save_merchant(
        unit.conn, merchant_id, wanted.account_id, wanted.region, profile.currency, profile.timezone, unit.now
    )
    unit.emit(connected)
    await table.release(unit, merchant_id, Code.CONNECTION_LOST)
    unit.mark(SWEEP_ITEMS, merchant_id, ALL_ITEMS, priority=Priority.BULK, due=unit.now - BEFORE_SETUP)
    unit.mark(CHECK_SETUP, merchant_id, SETUP, priority=Priority.BULK)
    email = seal(deps.sealer, Secret.EMAIL, merchant_id, wanted.account_email)
    if tokens.refresh_at:
        unit.mark(REFRESH_TOKENS, merchant_id, TOKENS, priority=Priority.LIVE, due=tokens.refresh_at)
    stored = sealed_tokens(deps.sealer, merchant_id, tokens)
    return await connections.save(unit.conn, merchant_id, profile.name, email, stored, unit.now)
