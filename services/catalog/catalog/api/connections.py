"""The connections between merchants and Clover: connect one, read it, and its contact for other services."""

from pydantic import SecretStr

from catalog.api.connecting import Wanted, connect_with_code, connect_with_token
from catalog.api.connection_schemas import (
    CONNECTIONS,
    MERCHANT,
    AfterMerchant,
    ConnectionInput,
    ContactView,
    Disconnection,
    MerchantChange,
    MerchantView,
)
from catalog.deps import Deps
from catalog.kinds import ALL_ITEMS, CHECK_SETUP, SETUP, SWEEP_ITEMS
from catalog.sealing import Secret, open_sealed, seal
from catalog.store import choices, connections
from common.catalog_client import MerchantProfile, MerchantStates
from common.contracts.catalog import ContactChanged
from common.http.paging import part
from common.http.problems import Refused
from common.http.routes import Access, Answer, Call, Nothing, Route


async def connect_merchant(call: Call[Deps, ConnectionInput]) -> Answer:
    # Waits for Clover, unlike other handlers: the person who typed the token waits for the result.
    given = call.input
    if not call.claims.covers(given.merchant_id):
        raise Refused(403, "forbidden", "The token does not cover this merchant.")
    wanted = Wanted(given.merchant_id, given.region, given.account_id, given.account_email)
    if given.oauth_code is None:
        connected = await connect_with_token(call.deps, wanted, given.api_token or SecretStr(""))
    else:
        verifier = given.code_verifier.get_secret_value() if given.code_verifier else None
        connected = await connect_with_code(call.deps, wanted, given.oauth_code.get_secret_value(), verifier)
    async with call.deps.database.connection() as conn:
        view = await MerchantView.read(conn, given.merchant_id)
    return Answer(201 if connected.is_new else 200, view)


async def get_merchant(call: Call[Deps, Nothing]) -> MerchantView:
    async with call.deps.database.connection() as conn:
        return await MerchantView.read(conn, call.merchant_id)


async def change_merchant(call: Call[Deps, MerchantChange]) -> MerchantView:
    change = call.input
    async with call.deps.database.unit() as unit:
        await connections.find(unit.conn, call.merchant_id)
        if change.account_email is not None:
            sealed = seal(call.deps.sealer, Secret.EMAIL, call.merchant_id, change.account_email)
            await connections.save_email(unit.conn, call.merchant_id, sealed)
            unit.emit(ContactChanged(merchant_id=call.merchant_id))
        if change.settings is not None:
            await choices.merge(unit.conn, call.merchant_id, change.settings.model_dump(exclude_unset=True))
        return await MerchantView.read(unit.conn, call.merchant_id)


async def disconnect_merchant(call: Call[Deps, Disconnection]) -> Answer:
    async with call.deps.database.unit() as unit:
        unit.emit(await connections.disconnect(unit.conn, call.merchant_id, unit.now, erase=call.input.erase))
        # they find the merchant disconnected, and end
        unit.mark(SWEEP_ITEMS, call.merchant_id, ALL_ITEMS)
        unit.mark(CHECK_SETUP, call.merchant_id, SETUP)
    return Answer(204)


async def list_merchant_states(call: Call[Deps, AfterMerchant]) -> MerchantStates:
    async with call.deps.database.connection() as conn:
        found = await connections.states(conn, call.input.after, call.input.limit + 1)
    page, last = part(found, call.input.limit)
    return MerchantStates(merchants=list(page), next=last.merchant_id if last else None)


async def get_profile(call: Call[Deps, Nothing]) -> MerchantProfile:
    async with call.deps.database.connection() as conn:
        return MerchantProfile.model_validate(await connections.find(conn, call.merchant_id), from_attributes=True)


async def get_contact(call: Call[Deps, Nothing]) -> ContactView:
    async with call.deps.database.connection() as conn:
        connection = await connections.find(conn, call.merchant_id)
    return ContactView(
        account_id=connection.account_id,
        account_email=open_sealed(call.deps.sealer, Secret.EMAIL, connection.merchant_id, connection.sealed_email),
        name=connection.name,
        region=connection.region,
        timezone=connection.timezone,
        currency=connection.currency,
    )


EXAMPLE = {
    "merchant_id": "ABCD1234EFGH5",
    "account_id": "acc-1001",
    "region": "us",
    "name": "Ada's Kitchen",
    "currency": "USD",
    "timezone": "America/New_York",
    "connected_at": "2026-11-23T09:30:00Z",
    "access": "api_token",
    "access_lost_at": None,
    "settings": {"provoke_webhooks": True, "catalog_master": "quicksync"},
}

ROUTES = [
    Route(
        "POST",
        "/v1/merchants",
        connect_merchant,
        "merchants:write",
        takes=ConnectionInput,
        gives=MerchantView,
        status=201,
        also=(200, 409, 429),
        within=None,
        summary="Connect a merchant",
        description=(
            "Checks the API token against Clover, then stores it. Connect a merchant again to replace its token: the "
            "answer is then 200, and all work that waited for the connection resumes. When Clover does not answer "
            "within 5 seconds the answer is 503 and nothing is stored; send the request again."
        ),
        tags=(CONNECTIONS,),
        example={
            "merchant_id": "ABCD1234EFGH5",
            "region": "us",
            "account_id": "acc-1001",
            "account_email": "owner@example.com",
            "api_token": "b9a1c0de-2f64-4f0e-8a37-5d1f6f0f7c11",
        },
        gives_example=EXAMPLE,
    ),
    Route(
        "GET",
        MERCHANT,
        get_merchant,
        "merchants:read",
        gives=MerchantView,
        summary="Get a merchant",
        description="Returns a connected merchant as Clover described it when it was last connected.",
        tags=(CONNECTIONS,),
        gives_example=EXAMPLE,
    ),
    Route(
        "PATCH",
        MERCHANT,
        change_merchant,
        "merchants:write",
        takes=MerchantChange,
        gives=MerchantView,
        summary="Change the settings of a merchant",
        description=(
            "Changes the settings in the request and leaves the others, as a JSON merge patch does: null restores the "
            "default of a setting. The connection to Clover stays. Settings outlast a disconnection."
        ),
        tags=(CONNECTIONS,),
        example={"account_email": "new-owner@example.com", "settings": {"catalog_master": "quicksync"}},
        gives_example=EXAMPLE,
    ),
    Route(
        "DELETE",
        MERCHANT,
        disconnect_merchant,
        "merchants:write",
        takes=Disconnection,
        status=204,
        summary="Disconnect a merchant",
        description=(
            "Erases the merchant's API token and the account's e-mail address. No call to Clover begins after the "
            "grants that are out end, within twenty seconds. The merchant's products, stock and orders stay. All that "
            "is not in Clover yet waits under the problem `connection_lost`, as does what is accepted from now on, "
            "until this or another account connects the merchant again. With `erase`, the details of customers that "
            "are stored with orders are erased as well; products, stock and the orders themselves stay."
        ),
        tags=(CONNECTIONS,),
        example={"erase": False},
    ),
    Route(
        "GET",
        "/internal/merchants",
        list_merchant_states,
        Access.INTERNAL,
        takes=AfterMerchant,
        gives=MerchantStates,
        summary="List all merchants with the versions of their rows",
    ),
    Route(
        "GET",
        "/internal/merchants/{merchant_id}",
        get_profile,
        Access.INTERNAL,
        gives=MerchantProfile,
        summary="Get the account, region, currency and time zone of a merchant",
    ),
    Route(
        "GET",
        "/internal/merchants/{merchant_id}/contact",
        get_contact,
        Access.INTERNAL,
        gives=ContactView,
        summary="Get the contact of a merchant",
    ),
]
