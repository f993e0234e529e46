"""The links of SKUs, for QuickSync's own services."""

from catalog.deps import Deps
from catalog.store import links
from common.catalog_client import LinkLookup, SkuLinks
from common.db import merchants
from common.http.routes import Access, Call, Route


async def look_up_links(call: Call[Deps, LinkLookup]) -> SkuLinks:
    async with call.deps.database.connection() as conn:
        await merchants.find(conn, call.merchant_id)
        return SkuLinks(links=await links.by_sku(conn, call.merchant_id, call.input.skus))


ROUTES = [
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
