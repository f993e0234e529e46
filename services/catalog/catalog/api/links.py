"""The links of SKUs, for QuickSync's own services."""

from typing import Annotated

from pydantic import Field

from catalog.deps import Deps
from catalog.store import links
from common.catalog_client import ItemLinks, LinkLookup, SkuLinks
from common.db import merchants
from common.http.paging import Page, part
from common.http.routes import Access, Call, Route


class AfterVersion(Page):
    """The links to list: those that changed after this version."""

    after: Annotated[int, Field(ge=0, le=2**53)] = 0


async def look_up_links(call: Call[Deps, LinkLookup]) -> SkuLinks:
    async with call.deps.database.connection() as conn:
        await merchants.find(conn, call.merchant_id)
        return SkuLinks(links=await links.by_sku(conn, call.merchant_id, call.input.skus))


async def list_changed_links(call: Call[Deps, AfterVersion]) -> ItemLinks:
    async with call.deps.database.connection() as conn:
        await merchants.find(conn, call.merchant_id)
        found = await links.changed_after(conn, call.merchant_id, call.input.after, call.input.limit + 1)
    page, last = part(found, call.input.limit)
    return ItemLinks(links=list(page), next=last.version if last else None)


ROUTES = [
    Route(
        "GET",
        "/internal/merchants/{merchant_id}/links",
        list_changed_links,
        Access.INTERNAL,
        takes=AfterVersion,
        gives=ItemLinks,
        also=(404,),
        summary="List the links that changed after a version",
    ),
    Route(
        "POST",
        "/internal/merchants/{merchant_id}/links:lookup",
        look_up_links,
        Access.INTERNAL,
        takes=LinkLookup,
        gives=SkuLinks,
        also=(404,),
        summary="Look up the Clover items of SKUs",
    ),
]
