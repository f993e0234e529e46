"""Batches and their undos, as the API answers them, for the tests of changes."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from tests.integration.catalog.conftest import Catalog, Shop

few = st.sampled_from("abc")
"""Ids of products, and SKUs, that meet often."""


async def send(catalog: Catalog, shop: Shop, rows: Sequence[Any], *, dry_run: bool = False) -> list[dict[str, Any]]:
    query = "?dry_run=true" if dry_run else ""
    status, outcomes = await catalog.call("POST", f"/v1/merchants/{shop.id}/products:batch{query}", rows)
    assert status == 200, outcomes
    return list(outcomes)


def change_id(outcomes: Sequence[dict[str, Any]]) -> str:
    """The id of the changes of a batch."""
    [found] = {each["change_id"] for each in outcomes} - {None}
    return str(found)


async def undo(catalog: Catalog, shop: Shop, change: str) -> dict[str, Any]:
    """Undo these changes, and do all work; return the undo with its products."""
    status, begun = await catalog.call("POST", f"/v1/merchants/{shop.id}/changes/{change}:undo")
    assert status == 202, begun
    await catalog.run_until_idle()
    return await details(catalog, shop, begun["change_id"])


async def details(catalog: Catalog, shop: Shop, change: str) -> dict[str, Any]:
    status, found = await catalog.call("GET", f"/v1/merchants/{shop.id}/changes/{change}")
    assert status == 200, found
    return dict(found)


async def stored(catalog: Catalog, shop: Shop) -> dict[str, Any]:
    _, page = await catalog.call("GET", f"/v1/merchants/{shop.id}/products")
    return {
        each["product_id"]: {name: each[name] for name in ("name", "sku", "price", "status")}
        for each in page["products"]
    }


def shown(catalog: Catalog, shop: Shop) -> dict[str, Any]:
    """The items that Clover has, by id."""
    names = ("name", "sku", "price", "hidden", "code", "alternateName", "priceType", "unitName")
    there = [each for each in catalog.items(shop) if not each.get("deleted")]
    return {each["id"]: {name: each.get(name) or None for name in names} for each in there}
