"""Asks catalog about merchants and SKUs whose events have not arrived yet."""

from collections.abc import Collection, Sequence
from typing import Any

from common.catalog_client import LinkState
from common.db import merchants
from common.errors import Problem
from common.http.problems import RETRY_AFTER, Refused
from common.http.routes import Call
from inventory.deps import Deps
from inventory.domain.levels import Level
from inventory.links import apply_links
from inventory.store import levels

PENDING = "The product {sku} was accepted and is not in Clover yet. Send the same request again in a few seconds."


async def require_merchant(call: Call[Deps, Any]) -> None:
    """Raise NotFound unless the merchant is connected, and Unavailable if only catalog could say so."""
    await merchants.find_or_fetch(call.deps.database, call.deps.catalog, call.merchant_id)


async def find_level(call: Call[Deps, Any]) -> Level:
    """Return the level of the SKU or item in the path, for a connected merchant.

    Raises NotFound for an unknown name, Refused (409) for a SKU whose product is not in Clover yet, and Unavailable.
    """
    await require_merchant(call)
    name = call.path["sku"]
    async with call.deps.database.connection() as conn:
        known = await levels.named_levels(conn, call.merchant_id, [name], [name])
    if not known and await fetch_links(call.deps, call.merchant_id, [name]):
        raise product_pending(PENDING.format(sku=name))
    async with call.deps.database.connection() as conn:
        return await levels.find_level(conn, call.merchant_id, name)


async def fetch_links(deps: Deps, merchant_id: str, skus: Collection[str]) -> set[str]:
    """Save the links that catalog has for these unknown SKUs; return the SKUs whose products are not in Clover yet."""
    if not skus:
        return set()
    found = await deps.catalog.links(merchant_id, skus)
    if linked := [each.link for each in found.values() if each.link]:
        async with deps.database.unit() as unit:
            await apply_links(unit, merchant_id, linked)
    return {sku for sku, each in found.items() if each.state is LinkState.PENDING}


def product_pending(detail: str, problems: Sequence[Problem] = ()) -> Refused:
    """Return the refusal of a request that works as soon as a product has reached Clover."""
    return Refused(409, "product_pending", detail, problems, headers={"Retry-After": str(RETRY_AFTER)})
