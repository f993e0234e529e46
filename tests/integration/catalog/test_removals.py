"""A deleted product leaves its item hidden or deleted in Clover, and nothing of it comes back."""

from typing import Any

import pytest
from tests.integration.catalog.conftest import Catalog, Shop
from tests.integration.catalog.test_bulk import MANY, rows, send, writes

from common.contracts.catalog import ProductUnlinked


async def delete(catalog: Catalog, shop: Shop, query: str = "", product_id: str = "p-1") -> tuple[int, Any]:
    return await catalog.call("DELETE", f"/v1/merchants/{shop.id}/products/{product_id}{query}")


async def status(catalog: Catalog, shop: Shop) -> int:
    return (await catalog.call("GET", f"/v1/merchants/{shop.id}/products/p-1"))[0]


async def synced(catalog: Catalog) -> Shop:
    shop = await catalog.connected()
    await catalog.put(shop)
    await catalog.run_until_idle()
    return shop


@pytest.mark.parametrize(("query", "removal"), [("", "hide"), ("?purge=true", "purge")])
async def test_a_deleted_product_leaves_no_link(catalog: Catalog, query: str, removal: str) -> None:
    """Its item is hidden, or deleted on request; others learn that the link is gone, and the product is not found."""
    shop = await synced(catalog)
    answered, body = await delete(catalog, shop, query)
    assert (answered, body["removal"], body["sync"]["state"]) == (202, removal, "pending")
    await catalog.run_until_idle()
    assert await status(catalog, shop) == 404
    [item] = catalog.items(shop)
    assert (item.get("deleted", False), item["hidden"]) == (removal == "purge", removal == "hide")
    assert [each.item_id for each in await catalog.emitted(ProductUnlinked)] == [item["id"]]
    await catalog.hear(shop, item["id"])
    await catalog.sweep()
    assert await status(catalog, shop) == 404


async def test_a_new_product_takes_over_the_hidden_item(catalog: Catalog) -> None:
    """The SKU is free, and the item with it is linked and shown again instead of creating another."""
    shop = await synced(catalog)
    await delete(catalog, shop)
    await catalog.run_until_idle()
    await catalog.put(shop, "p-2", sku="SKU-p-1")
    assert await catalog.synced(shop, "p-2")
    [item] = catalog.items(shop)
    assert not item["hidden"]


async def test_a_product_saved_again_is_kept(catalog: Catalog) -> None:
    """A PUT before the deletion is done takes it back."""
    shop = await synced(catalog)
    await delete(catalog, shop)
    await catalog.put(shop)
    assert await catalog.synced(shop)
    [item] = catalog.items(shop)
    assert not item["hidden"]


async def test_a_product_that_is_not_in_clover_yet(catalog: Catalog) -> None:
    """It is forgotten, and no item is made."""
    shop = await catalog.connected()
    await catalog.put(shop)
    await delete(catalog, shop)
    await catalog.run_until_idle()
    assert (await status(catalog, shop), catalog.items(shop)) == (404, [])
    assert (await delete(catalog, shop))[0] == 404


@pytest.mark.parametrize("kind", ["apply_then_drop", "drop_before_apply"])
@pytest.mark.parametrize("changed", [{"create_settles_seconds": 60.0}])
async def test_deleted_while_a_create_is_in_doubt(catalog: Catalog, kind: str) -> None:
    """The item that the create may have made is looked for, and hidden; nothing else is created."""
    shop = await catalog.connected()
    catalog.clover.faults.add({"kind": kind, "method": "POST", "path": "items$", "times": 1})
    await catalog.put(shop)
    await catalog.run_until_idle()
    await delete(catalog, shop)
    for _ in range(3):
        await catalog.run_until_idle()
        catalog.clock.advance(60)
    await catalog.run_until_idle()
    assert await status(catalog, shop) == 404
    assert [item["hidden"] for item in catalog.items(shop)] == [True] * (kind == "apply_then_drop")


@pytest.mark.parametrize(("query", "call"), [("", "PUT bulk_items"), ("?purge=true", "DELETE items")])
@pytest.mark.parametrize("invalid", ["refuse_all", "skip_row"])
async def test_many_products_are_deleted_in_one_call(catalog: Catalog, query: str, call: str, invalid: str) -> None:
    """Also if an item of them is gone, which is no obstacle for the others."""
    catalog.clover.switches.set({"bulk_invalid_row": invalid})
    shop = await catalog.connected()
    await send(catalog, shop, rows())
    await catalog.run_until_idle()
    catalog.clover.journal.forget()
    for number in range(MANY):
        await delete(catalog, shop, query, f"p-{number}")
    await catalog.run_until_idle()
    assert writes(catalog) == [call]
    assert {(item.get("deleted", False), item["hidden"]) for item in catalog.items(shop)} == {(bool(query), not query)}
    assert len(await catalog.emitted(ProductUnlinked)) == MANY
    assert await catalog.fetch("SELECT FROM product") == []

    await send(catalog, shop, rows())
    await catalog.run_until_idle()
    catalog.till(shop, "delete_item", item=next(each["id"] for each in catalog.items(shop) if not each.get("deleted")))
    for number in range(MANY):
        await delete(catalog, shop, query, f"p-{number}")
    await catalog.run_until_idle()
    assert await catalog.fetch("SELECT FROM product") == []
    assert {each.get("deleted", False) or each["hidden"] for each in catalog.items(shop)} == {True}


@pytest.mark.parametrize("query", ["", "?purge=true"])
async def test_an_item_that_is_gone_already_is_no_obstacle(catalog: Catalog, query: str) -> None:
    """It was deleted at the till; the product is deleted all the same."""
    shop = await synced(catalog)
    [item] = catalog.items(shop)
    catalog.till(shop, "delete_item", item=item["id"])
    await delete(catalog, shop, query)
    await catalog.run_until_idle()
    assert await status(catalog, shop) == 404
