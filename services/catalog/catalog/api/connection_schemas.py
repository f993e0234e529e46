"""The shapes of connections and merchants in requests and answers."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, SecretStr, StringConstraints, model_validator

from catalog.domain.choices import Master
from catalog.store import choices, connections
from common.db.unit import Connection
from common.http.paging import Page
from common.http.routes import Input, Tag
from common.ids import MerchantId
from common.money import Currency
from common.text import Email

MERCHANT = "/v1/merchants/{merchant_id}"
PROVOKE_WEBHOOKS = (
    "Whether QuickSync may find out if Clover's webhooks arrive by making a modifier group of no item, and deleting it "
    "at once. The default is true."
)
CATALOG_MASTER = (
    "The side whose values count where both were edited. `quicksync`, the default: an edit made in Clover of a field "
    "that the product states is put back, and shown in the activity. `clover`: such an edit changes the product, which "
    "is shown in the activity too. A field that a product does not state is never overwritten."
)
CONNECTIONS = Tag("Connections", "Merchants and their connection to Clover.")


def _header_safe(token: SecretStr) -> SecretStr:
    # The token travels in an HTTP header.
    if not all("!" <= character <= "~" for character in token.get_secret_value()):
        raise ValueError("must be of visible ASCII characters without spaces")
    return token


ApiToken = Annotated[SecretStr, Field(min_length=1, max_length=500), AfterValidator(_header_safe)]
OAuthCode = Annotated[SecretStr, Field(min_length=1, max_length=500)]
Verifier = Annotated[SecretStr, Field(min_length=1, max_length=200)]
Region = Annotated[
    Literal["us", "eu", "la", "sandbox"],
    Field(
        description="The Clover region that hosts the merchant: United States, Europe, Latin America, or Clover's "
        "sandbox for developers."
    ),
]
AccountId = Annotated[str, StringConstraints(min_length=1, max_length=120)]


class ConnectionInput(Input):
    """A merchant and the credential for its Clover: an API token, or the code of an OAuth authorization."""

    merchant_id: Annotated[MerchantId, Field(description="The id Clover gave the merchant.")]
    region: Region
    account_id: Annotated[AccountId, Field(description="The id of the QuickSync account that owns the merchant.")]
    account_email: Annotated[
        Email, Field(description="The address that receives e-mails about problems. Stored encrypted, never returned.")
    ]
    api_token: Annotated[
        ApiToken | None, Field(description="The merchant's Clover API token. Stored encrypted, never returned.")
    ] = None
    oauth_code: Annotated[
        OAuthCode | None,
        Field(
            description="The `code` with which Clover sent a browser back to you. It is exchanged for tokens, which "
            "are stored encrypted, refreshed in time and never returned."
        ),
    ] = None
    code_verifier: Annotated[
        Verifier | None, Field(description="The PKCE verifier, if the authorization was begun with a code challenge.")
    ] = None

    @model_validator(mode="after")
    def _has_one_credential(self) -> Self:
        if (self.api_token is None) == (self.oauth_code is None):
            raise ValueError("needs exactly one of api_token and oauth_code")
        return self


class ChoicesChange(Input):
    """The choices to change. Fields left out stay, and null restores the default."""

    provoke_webhooks: Annotated[bool | None, Field(description=PROVOKE_WEBHOOKS)] = None
    catalog_master: Annotated[Master | None, Field(description=CATALOG_MASTER)] = None


class MerchantChange(Input):
    """The settings of a merchant to change. Fields left out stay."""

    account_email: Annotated[
        Email | None,
        Field(description="The address that receives e-mails about problems. Stored encrypted, never returned."),
    ] = None
    settings: Annotated[ChoicesChange | None, Field(description="The choices to change.")] = None


class Disconnection(Input):
    """How to disconnect a merchant."""

    erase: Annotated[
        bool,
        Field(
            description="Also erase the personal data of the merchant's customers in all of QuickSync. It can be sent "
            "for a merchant that is disconnected already."
        ),
    ] = False


class AfterMerchant(Page):
    """The merchants to list: those with a higher id."""

    after: Annotated[str, StringConstraints(max_length=20)] = ""


class ChoicesView(BaseModel):
    """The choices of a merchant, with defaults for those not made."""

    provoke_webhooks: Annotated[bool, Field(description=PROVOKE_WEBHOOKS)]
    catalog_master: Annotated[Master, Field(description=CATALOG_MASTER)]


class MerchantView(BaseModel):
    """A connected merchant, as Clover describes it."""

    merchant_id: Annotated[MerchantId, Field(description="The id Clover gave the merchant.")]
    account_id: Annotated[str, Field(description="The id of the QuickSync account that owns the merchant.")]
    region: Annotated[str, Field(description="The Clover region that hosts the merchant.")]
    name: Annotated[str, Field(description="The merchant's name in Clover.")]
    currency: Annotated[Currency, Field(description="The merchant's currency, as an ISO 4217 code.")]
    timezone: Annotated[str, Field(description="The merchant's time zone, as an IANA name.")]
    connected_at: Annotated[datetime, Field(description="When the merchant was last connected.")]
    access: Annotated[
        Literal["api_token", "oauth"],
        Field(description="How QuickSync calls Clover: by the merchant's API token, or by tokens of OAuth."),
    ]
    access_lost_at: Annotated[
        datetime | None,
        Field(
            description="Since when Clover does not accept the access any more; null while it does. The problem "
            "`connection_lost` then says what to do, and all work waits until the merchant is connected again."
        ),
    ]

    settings: Annotated[ChoicesView, Field(description="What the merchant chose.")]

    @classmethod
    async def read(cls, conn: Connection, merchant_id: str) -> Self:
        """Return the public part of the connection. Raises NotFound when the merchant is not connected."""
        connection = await connections.find(conn, merchant_id)
        chosen = await choices.find(conn, merchant_id)
        return cls.model_validate(vars(connection) | {"access": connection.access, "settings": asdict(chosen)})


class ContactView(BaseModel):
    """The contact of a merchant, for QuickSync's own services."""

    account_id: str
    account_email: str
    name: str
    region: str
    timezone: str
    currency: Currency
