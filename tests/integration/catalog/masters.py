"""Merchants with a master of their catalogue, and edits at the till, for the tests of both."""

from typing import Any

import pytest
from tests.integration.catalog.conftest import Catalog, Shop

from common.contracts.catalog import (
    EditReverted,
    FieldEdit,
    ItemCreated,
    ItemDeleted,
    ProductChanged,
)

MASTERS = pytest.mark.parametrize("master", ["quicksync", "clover"])


async def choose(catalog: Catalog, shop: Shop, master: str | None) -> None:
    change = {"settings": {"catalog_master": master}}
    status, body = await catalog.call("PATCH", f"/v1/merchants/{shop.id}", change)
    assert (status, body["settings"]["catalog_master"]) == (200, master or "quicksync")


async def synced_shop(catalog: Catalog, master: str = "clover", **product: Any) -> tuple[Shop, str]:
    """A merchant with this master, and the item of its one product."""
    shop = await catalog.connected()
    await choose(catalog, shop, master)
    await catalog.put(shop, **product)
    await catalog.run_until_idle()
    [item] = catalog.items(shop)
    return shop, item["id"]


async def edit(catalog: Catalog, shop: Shop, item_id: str, **fields: Any) -> None:
    """Edit the item at the till, and let its webhook arrive twice."""
    catalog.till(shop, "edit_item", item=item_id, **fields)
    catalog.clover.world.merchants[shop.id].shared.clock.advance(1)
    await catalog.hear(shop, item_id)
    await catalog.hear(shop, item_id)


async def events(catalog: Catalog) -> list[Any]:
    """Return the edits that were emitted."""
    every: list[Any] = []
    for each in (ProductChanged, EditReverted, ItemCreated, ItemDeleted):
        every += await catalog.emitted(each)
    return every


def change(field: str, before: object, after: object, *, is_conflict: bool = False) -> FieldEdit:
    return FieldEdit(field=field, before=before, after=after, is_conflict=is_conflict)
