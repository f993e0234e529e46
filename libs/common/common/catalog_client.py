"""The client of catalog's internal routes for merchants, contacts and links, and the models that both sides share.

The other services learn both from catalog's events. They ask only when a request names a merchant or a SKU that their
own tables do not know yet.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from common.errors import Forbidden, NotFound, Rejected, Unavailable
from common.http.client import InternalClient
from common.http.routes import Input
from common.ids import ItemId, MerchantId
from common.money import Currency
from common.settings import CommonSettings

ASK_SECONDS = 2.0
"""The time limit of one question. A caller of ours waits for it, and gets its own answer within five seconds."""

MOST_SKUS = 500
"""SKUs in one question."""


class MerchantProfile(BaseModel):
    """A connected merchant, as the event MerchantConnected describes it."""

    merchant_id: MerchantId
    account_id: str
    region: str
    currency: Currency
    timezone: str


class Contact(BaseModel):
    """The address to write to about a merchant, and the name of its store."""

    account_email: Annotated[str, StringConstraints(min_length=3, max_length=254), Field(repr=False)]
    name: Annotated[str, StringConstraints(max_length=1000)] = ""


class LinkState(StrEnum):
    """What catalog knows of a SKU."""

    LINKED = "linked"
    """A product with this SKU is linked to an item in Clover."""

    PENDING = "pending"
    """A product with this SKU was accepted, and Clover has no item for it yet."""

    UNKNOWN = "unknown"
    """No product has this SKU."""


class SkuLink(BaseModel):
    """The link of one SKU. `item_id` is set for a linked SKU, `product_id` for a linked and a pending one."""

    sku: str
    state: LinkState
    item_id: ItemId | None = None
    product_id: str | None = None
    was_deleted: bool = False
    """Whether a pending SKU had an item that was deleted in Clover: only a person brings another one there."""


class SkuLinks(BaseModel):
    """The links of the SKUs in the question, in its order."""

    links: list[SkuLink]


class LinkLookup(Input):
    """The SKUs to look up."""

    skus: Annotated[list[Annotated[str, StringConstraints(max_length=200)]], Field(max_length=MOST_SKUS)]


class CatalogClient(InternalClient):
    """Asks catalog about merchants and links, for the service `caller`; an async context manager."""

    def __init__(self, settings: CommonSettings, caller: str, timeout: float = ASK_SECONDS) -> None:
        super().__init__(settings, caller, "catalog", settings.catalog_url, timeout)

    async def merchant(self, merchant_id: str) -> MerchantProfile:
        """Return the merchant. Raises NotFound when catalog has no such merchant, and Unavailable."""
        try:
            return await self.call("GET", f"/internal/merchants/{merchant_id}", MerchantProfile)
        except NotFound:
            raise NotFound(f"There is no merchant {merchant_id} here.") from None
        except (Forbidden, Rejected) as error:
            raise Unavailable(str(error)) from error

    async def contact(self, merchant_id: str) -> Contact:
        """Return the contact of the merchant's account. Raises NotFound for an unknown merchant, and Unavailable."""
        return await self.call("GET", f"/internal/merchants/{merchant_id}/contact", Contact)

    async def links(self, merchant_id: str, skus: Iterable[str]) -> dict[str, SkuLink]:
        """Return the link of each of these SKUs, by SKU. Raises NotFound for an unknown merchant, and Unavailable."""
        found: dict[str, SkuLink] = {}
        path = f"/internal/merchants/{merchant_id}/links:lookup"
        for some in _portions(sorted(set(skus))):
            try:
                answer = await self.call("POST", path, SkuLinks, body=LinkLookup(skus=some))
            except (Forbidden, Rejected) as error:
                raise Unavailable(str(error)) from error
            found |= {each.sku: each for each in answer.links}
        return found


def _portions(skus: list[str]) -> list[list[str]]:
    return [skus[start : start + MOST_SKUS] for start in range(0, len(skus), MOST_SKUS)]
