"""The client of catalog's internal routes for merchants, contacts and links, and the models that both sides share.

The other services learn of merchants and links by catalog's events. They ask when a request names a merchant or a SKU
that their own tables do not know yet, and compare their tables with catalog's from time to time.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, TypeVar

from pydantic import BaseModel, Field, StringConstraints

from common.errors import Forbidden, NotFound, Rejected, Unavailable
from common.http.client import InternalClient
from common.http.routes import Input
from common.ids import ItemId, MerchantId
from common.money import Currency
from common.settings import CommonSettings

M = TypeVar("M", bound=BaseModel)

ASK_SECONDS = 2.0
"""The time limit of one question. A caller of ours waits for it, and gets its own answer within five seconds."""

MOST_SKUS = 500
"""SKUs in one question."""

PAGE = 500
"""Rows in one page of a comparison."""


class MerchantProfile(BaseModel):
    """A connected merchant, as the event MerchantConnected describes it."""

    merchant_id: MerchantId
    version: int
    account_id: str
    region: str
    currency: Currency
    timezone: str


class MerchantState(MerchantProfile):
    """A merchant that is or was connected. `links_version` is the version of its last change of a link."""

    connected: bool
    erase_before: datetime | None
    links_version: int


class MerchantStates(BaseModel):
    """A page of all merchants, sorted by id; `next` is None on the last page."""

    merchants: list[MerchantState]
    next: str | None


class ItemLink(BaseModel):
    """The last link of a Clover item. An item that is not `linked` any more may be `replaced_by` another."""

    item_id: ItemId
    sku: str
    product_id: str
    version: int
    linked: bool
    replaced_by: ItemId | None = None


class ItemLinks(BaseModel):
    """A page of a merchant's links, sorted by version; `next` is None on the last page."""

    links: list[ItemLink]
    next: int | None


class Contact(BaseModel):
    """The address to write to about a merchant, and the name of its store."""

    account_email: Annotated[str, StringConstraints(min_length=3, max_length=254), Field(repr=False)]
    name: Annotated[str, StringConstraints(max_length=1000)] = ""


class LinkState(StrEnum):
    """The state of a SKU in catalog."""

    LINKED = "linked"
    """A product with this SKU is linked to an item in Clover."""

    PENDING = "pending"
    """A product with this SKU was accepted, and Clover has no item for it yet."""

    UNKNOWN = "unknown"
    """No product has this SKU."""


class SkuLink(BaseModel):
    """The state of one SKU in catalog. `link` is set for a linked SKU."""

    sku: str
    state: LinkState
    link: ItemLink | None = None
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
            return await self._ask("GET", f"/internal/merchants/{merchant_id}", MerchantProfile)
        except NotFound:
            raise NotFound(f"There is no merchant {merchant_id} here.") from None

    async def contact(self, merchant_id: str) -> Contact:
        """Return the contact of the merchant's account. Raises NotFound for an unknown merchant, and Unavailable."""
        return await self.call("GET", f"/internal/merchants/{merchant_id}/contact", Contact)

    async def links(self, merchant_id: str, skus: Iterable[str]) -> dict[str, SkuLink]:
        """Return the link of each of these SKUs, by SKU. Raises NotFound for an unknown merchant, and Unavailable."""
        found: dict[str, SkuLink] = {}
        path = f"/internal/merchants/{merchant_id}/links:lookup"
        for some in _portions(sorted(set(skus))):
            answer = await self._ask("POST", path, SkuLinks, LinkLookup(skus=some))
            found |= {each.sku: each for each in answer.links}
        return found

    async def merchants_after(self, merchant_id: str) -> MerchantStates:
        """Return a page of all merchants with an id after this one. Raises Unavailable."""
        return await self._ask("GET", f"/internal/merchants?after={merchant_id}&limit={PAGE}", MerchantStates)

    async def links_after(self, merchant_id: str, version: int) -> ItemLinks:
        """Return a page of the merchant's links that changed after this version. Raises NotFound and Unavailable."""
        path = f"/internal/merchants/{merchant_id}/links?after={version}&limit={PAGE}"
        return await self._ask("GET", path, ItemLinks)

    async def _ask(self, method: str, path: str, answer: type[M], body: BaseModel | None = None) -> M:
        """Call catalog. A refusal is a fault of our own configuration, and nothing that the merchant can mend."""
        try:
            return await self.call(method, path, answer, body=body)
        except (Forbidden, Rejected) as error:
            raise Unavailable(str(error)) from error


def _portions(skus: list[str]) -> list[list[str]]:
    return [skus[start : start + MOST_SKUS] for start in range(0, len(skus), MOST_SKUS)]
