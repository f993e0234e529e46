"""What catalog answers over HTTP: connections, products, capabilities, and grants for our own services."""

from dataclasses import asdict, replace
from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, SecretStr, StringConstraints

from catalog import clover, domain, store
from catalog.domain import Entry, Product, Status, Sync
from catalog.sync import Deps, TrialGrants, email_context, token_context
from common import merchants
from common.clover.grants import GrantAnswer, GrantRequest
from common.contracts.catalog import MerchantConnected, Sku
from common.contracts.problems import Code
from common.db.unit import Unit
from common.errors import Forbidden, Invalid, NotFound, Rejected, Undecodable
from common.http.paging import PageByName, part
from common.http.problems import Refused
from common.http.routes import Access, Answer, Call, Input, Nothing, Route
from common.ids import MerchantId
from common.money import Currency, Money
from common.text import Email
from common.work import table

CONNECTING = (
    "Copy the API token again from Clover under Account & Setup → API Tokens, of this merchant and region, with "
    "permission to read the merchant and to read and write inventory, orders, payments and customers."
)
NUMBERS = "Correct it; Clover shows it in the address of its dashboard after /m/."


def _sendable(token: SecretStr) -> SecretStr:
    if not all("!" <= character <= "~" for character in token.get_secret_value()):
        raise ValueError("must be of visible ASCII characters without spaces")
    return token


def _plain(text: str) -> str:
    if text != text.strip() or not text.isprintable():
        raise ValueError("must be printable, without spaces around it")
    return text


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


class ProductIn(Input):
    """A product as it is to be."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=127)]
    sku: Annotated[Sku, AfterValidator(_plain), Field(description="Unique in the merchant; finds the item in Clover.")]
    price: Annotated[Money, Field(description="In the merchant's currency, in minor units.")]
    status: Annotated[
        Literal["active", "draft", "inactive", "archived"],
        Field(description="Only active products are visible in Clover."),
    ]
    barcode: Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_plain)] | None = None


class SyncView(BaseModel):
    """Whether Clover has the product like this; when held, which problem it waits for and what Clover said."""

    state: Sync
    problem: Code | None = None
    reason: str | None = None


class ProductView(BaseModel):
    """A product and how far it is on its way to Clover."""

    product_id: str
    name: str
    sku: str
    price: Money
    status: Status
    barcode: str | None
    item_id: Annotated[str | None, Field(description="The item in Clover, once there is one.")]
    updated_at: datetime
    sync: SyncView

    @classmethod
    def of(cls, entry: Entry) -> Self:
        held = entry.held if entry.sync is Sync.HELD else None
        return cls(
            product_id=entry.product.product_id,
            name=entry.product.name,
            sku=entry.product.sku,
            price=entry.product.price,
            status=entry.product.status,
            barcode=entry.product.barcode,
            item_id=entry.item_id,
            updated_at=entry.updated_at,
            sync=SyncView(
                state=entry.sync, problem=held.problem if held else None, reason=held.reason if held else None
            ),
        )


class ProductsView(BaseModel):
    """A page of products, in the order of their ids; `next` is null on the last."""

    products: list[ProductView]
    next: str | None


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
    """Waits for Clover, as no other handler does: a person who has just typed the token waits for the answer."""
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
        async with deps.trial(grants) as session, session.speak(wanted.merchant_id) as api:
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
    listed = [CapabilityView(**asdict(each)) for each in domain.capabilities(merchant.region)]
    return CapabilitiesView(region=merchant.region, capabilities=listed)


async def put_product(call: Call[Deps, ProductIn]) -> Answer:
    wanted = call.input
    product = Product(
        product_id=call.path["product_id"],
        name=wanted.name,
        sku=wanted.sku,
        price=wanted.price,
        status=Status(wanted.status),
        barcode=wanted.barcode,
    )
    async with call.deps.database.unit() as unit:
        merchant = await merchants.find(unit.conn, call.merchant_id)
        if product.price.currency != merchant.currency:
            raise Invalid.field("price.currency", f"is not {merchant.currency}", "Send the merchant's own currency.")
        entry = await store.save_product(unit.conn, call.merchant_id, product, unit.now)
        if entry.held:  # what Clover refused before is tried again, with what was corrected
            await table.retry(unit, call.merchant_id, store.PUSH_PRODUCT, product.product_id)
        elif entry.is_due:
            unit.mark(store.PUSH_PRODUCT, call.merchant_id, product.product_id)
    return Answer(202 if entry.is_due else 200, ProductView.of(replace(entry, held=None)))


async def get_product(call: Call[Deps, Nothing]) -> ProductView:
    async with call.deps.database.connection() as conn:
        await merchants.find(conn, call.merchant_id)
        return ProductView.of(await store.find_product(conn, call.merchant_id, call.path["product_id"]))


async def list_products(call: Call[Deps, PageByName]) -> ProductsView:
    async with call.deps.database.connection() as conn:
        await merchants.find(conn, call.merchant_id)
        entries = await store.list_products(conn, call.merchant_id, call.input.cursor, call.input.limit + 1)
    shown, last = part(entries, call.input.limit)
    return ProductsView(
        products=[ProductView.of(entry) for entry in shown], next=last.product.product_id if last else None
    )


async def take_grant(call: Call[Deps, GrantRequest]) -> GrantAnswer:
    wanted = call.input
    grant = await call.deps.grants.lease(wanted.merchant_id, wanted.holder, wanted.service)
    return GrantAnswer(**asdict(grant))


async def give_back_grant(call: Call[Deps, Nothing]) -> Answer:
    try:
        grant_id = UUID(call.path["grant_id"])
    except ValueError:
        raise NotFound("There is no such grant.") from None
    await call.deps.grants.end(grant_id)
    return Answer(204)


MERCHANT = "/v1/merchants/{merchant_id}"
PRODUCT = f"{MERCHANT}/products/{{product_id}}"
ROUTES = [
    Route(
        "POST",
        "/v1/merchants",
        connect_merchant,
        "merchants:write",
        takes=ConnectionIn,
        gives=MerchantView,
        status=201,
        also=(200, 429),
        summary="Connect a merchant's Clover, or connect it again",
    ),
    Route("GET", MERCHANT, get_merchant, "merchants:read", gives=MerchantView, summary="Show a connected merchant"),
    Route(
        "GET",
        f"{MERCHANT}/capabilities",
        get_capabilities,
        "merchants:read",
        gives=CapabilitiesView,
        summary="Say what the integration does for this merchant",
    ),
    Route(
        "GET",
        f"{MERCHANT}/products",
        list_products,
        "products:read",
        takes=PageByName,
        gives=ProductsView,
        summary="List products",
    ),
    Route("GET", PRODUCT, get_product, "products:read", gives=ProductView, summary="Show a product"),
    Route(
        "PUT",
        PRODUCT,
        put_product,
        "products:write",
        takes=ProductIn,
        gives=ProductView,
        status=202,
        also=(200,),
        summary="Have a product in Clover like this",
    ),
    Route(
        "GET",
        "/internal/merchants/{merchant_id}/contact",
        get_contact,
        Access.INTERNAL,
        gives=ContactView,
        summary="Say whom to write to about a merchant",
    ),
    Route(
        "POST",
        "/internal/grants",
        take_grant,
        Access.INTERNAL,
        takes=GrantRequest,
        gives=GrantAnswer,
        also=(403, 404, 429),
        summary="Take or renew a grant to call Clover",
    ),
    Route(
        "DELETE",
        "/internal/grants/{grant_id}",
        give_back_grant,
        Access.INTERNAL,
        status=204,
        summary="Give a grant back",
    ),
]
