"""Connects merchants, and says who they are and what we can do for them."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, SecretStr, StringConstraints

from catalog import clover, store
from catalog.domain import capabilities
from catalog.sync import Deps, TrialGrants, email_context, token_context
from common.contracts.catalog import MerchantConnected
from common.db import merchants
from common.db.unit import Unit
from common.errors import Forbidden, Invalid, NotFound, Rejected, Undecodable
from common.http.problems import Refused
from common.http.routes import Answer, Call, Input, Nothing
from common.ids import MerchantId
from common.money import Currency
from common.text import Email

CONNECTING = (
    "Copy the API token again from Clover under Account & Setup → API Tokens, of this merchant and region, with "
    "permission to read the merchant and to read and write inventory, orders, payments and customers."
)
NUMBERS = "Correct it; Clover shows it in the address of its dashboard after /m/."


def _sendable(token: SecretStr) -> SecretStr:
    if not all("!" <= character <= "~" for character in token.get_secret_value()):
        raise ValueError("must be of visible ASCII characters without spaces")
    return token


ApiToken = Annotated[SecretStr, Field(min_length=1, max_length=500), AfterValidator(_sendable)]
Label = Annotated[str, StringConstraints(min_length=1, max_length=120)]


class ConnectionIn(Input):
    """A merchant's Clover to connect, or to connect again with another token."""

    merchant_id: Annotated[MerchantId, Field(description="Clover's id of the merchant.")]
    region: Annotated[
        Literal["us", "eu", "la", "sandbox"],
        Field(description="Where Clover keeps the merchant; `sandbox` is Clover's environment for developers."),
    ]
    account_id: Annotated[Label, Field(description="The QuickSync account the merchant belongs to.")]
    account_email: Annotated[Email, Field(description="Where problems are told. Kept sealed, never shown.")]
    api_token: Annotated[ApiToken, Field(description="Clover's API token. Kept sealed, never shown.")]


class MerchantView(BaseModel):
    """A connected merchant, as Clover describes it."""

    merchant_id: MerchantId
    account_id: str
    region: str
    name: str
    currency: Currency
    timezone: str
    connected_at: datetime

    @classmethod
    def of(cls, known: store.CloverConnection) -> Self:
        return cls.model_validate(known, from_attributes=True)


class ContactView(BaseModel):
    """Whom to write to about a merchant, for our own services only."""

    account_id: str
    account_email: str
    name: str
    region: str
    timezone: str
    currency: Currency


class CapabilityView(BaseModel):
    """One thing the integration does or does not do."""

    code: str
    supported: bool
    explanation: str


class CapabilitiesView(BaseModel):
    """What the integration does for this merchant."""

    region: str
    capabilities: list[CapabilityView]


async def connect_merchant(call: Call[Deps, ConnectionIn]) -> Answer:
    """Retry for Clover, as no other handler does: a person who has just typed the token waits for the answer."""
    wanted = call.input
    if not call.claims.covers(wanted.merchant_id):
        raise Refused(403, "forbidden", "The token does not cover this merchant.")
    found, properties = await _tried(call.deps, wanted)
    connected = MerchantConnected(
        merchant_id=wanted.merchant_id,
        account_id=wanted.account_id,
        region=wanted.region,
        currency=properties.currency,
        timezone=properties.timezone,
    )
    async with call.deps.database.unit() as unit:
        is_new = await _keep_connection(call.deps, unit, wanted, found.name, connected)
        known = await store.find_connection(unit.conn, wanted.merchant_id)
    return Answer(201 if is_new else 200, MerchantView.of(known))


async def _tried(deps: Deps, wanted: ConnectionIn) -> tuple[clover.Merchant, clover.Properties]:
    """What the token opens in Clover. Raises Invalid when that is not this merchant."""
    grants = TrialGrants(deps.grants, wanted.api_token, wanted.region)
    try:
        async with deps.trial(grants) as session, session.session(wanted.merchant_id) as api:
            found = await clover.merchant(api)
    except Forbidden:
        raise Invalid.field("api_token", "is not accepted by Clover for this merchant", CONNECTING) from None
    except NotFound:
        raise Invalid.field("merchant_id", "is not known to Clover in this region", NUMBERS) from None
    except (Rejected, Undecodable) as error:
        raise Invalid.field("api_token", f"opens nothing we can read: {error}", CONNECTING) from None
    if found[0].id != wanted.merchant_id:
        raise Invalid.field("merchant_id", "is not the merchant this token belongs to", NUMBERS)
    return found


async def _keep_connection(
    deps: Deps, unit: Unit, wanted: ConnectionIn, name: str, connected: MerchantConnected
) -> bool:
    """Keep the connection and tell everybody; whether it is new. What waited here for it is taken again."""
    merchant_id = wanted.merchant_id
    if await store.owning_account(unit.conn, merchant_id) not in {None, wanted.account_id}:
        raise Invalid.field(
            "account_id", "is not the account this merchant is connected to", "Disconnect it there first."
        )
    await merchants.on_merchant_connected(connected, unit)
    token = deps.sealer.seal(wanted.api_token.get_secret_value().encode(), context=token_context(merchant_id))
    email = deps.sealer.seal(wanted.account_email.encode(), context=email_context(merchant_id))
    unit.emit(connected)
    return await store.save_connection(unit.conn, merchant_id, name, token, email, unit.now)


async def get_merchant(call: Call[Deps, Nothing]) -> MerchantView:
    async with call.deps.database.connection() as conn:
        return MerchantView.of(await store.find_connection(conn, call.merchant_id))


async def get_contact(call: Call[Deps, Nothing]) -> ContactView:
    async with call.deps.database.connection() as conn:
        known = await store.find_connection(conn, call.merchant_id)
    email = call.deps.sealer.open(known.email, context=email_context(known.merchant_id)).decode()
    return ContactView(
        account_id=known.account_id,
        account_email=email,
        name=known.name,
        region=known.region,
        timezone=known.timezone,
        currency=known.currency,
    )


async def get_capabilities(call: Call[Deps, Nothing]) -> CapabilitiesView:
    async with call.deps.database.connection() as conn:
        merchant = await merchants.find(conn, call.merchant_id)
    listed = [CapabilityView(**asdict(each)) for each in capabilities.capabilities(merchant.region)]
    return CapabilitiesView(region=merchant.region, capabilities=listed)
