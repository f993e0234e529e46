"""Items created and deleted in Clover are events, once each."""

import pytest
from tests.integration.catalog.conftest import Catalog
from tests.integration.catalog.masters import MASTERS, choose, events, synced_shop

from clover_sandbox.rest.inventory_kinds import ITEMS
from clover_sandbox.rest.objects import drop, make
from common.contracts.catalog import (
    ItemCreated,
    ItemDeleted,
)


async def test_items_created_and_deleted_in_clover_are_events(catalog: Catalog) -> None:
    """Only those that no product matches, and once each; what the first sync finds is no news."""
    shop = catalog.shop()
    catalog.add_item(shop, sku="OLD")
    await catalog.connect(shop)
    await choose(catalog, shop, "clover")
    await catalog.run_until_idle()
    assert await events(catalog) == []

    merchant = catalog.clover.world.merchants[shop.id]
    with merchant.silent():
        cup = make(merchant, ITEMS, {"name": "Cup", "sku": "CUP", "price": 300, "code": "1234"})["id"]
    await catalog.hear(shop, cup, "CREATE")
    await catalog.hear(shop, cup, "CREATE")
    with merchant.silent():
        pot = make(merchant, ITEMS, {"name": "Pot", "price": 1, "hidden": True})["id"]
    await catalog.sweep()
    await catalog.put(shop)
    await catalog.run_until_idle()  # our own item
    await catalog.sweep()
    assert [(each.item_id, each.sku, each.price, each.status) for each in await catalog.emitted(ItemCreated)] == [
        (cup, "CUP", 300, "active"),
        (pot, "", 1, "inactive"),
    ]
    with merchant.silent():
        drop(merchant, ITEMS, pot)
    await catalog.sweep()
    await catalog.hear(shop, pot, "DELETE")
    assert [(each.item_id, each.product_id) for each in await catalog.emitted(ItemDeleted)] == [(pot, None)]


@MASTERS
async def test_the_item_of_a_product_is_not_created_again(catalog: Catalog, master: str) -> None:
    """Its deletion is one event, and the product waits."""
    shop, item_id = await synced_shop(catalog, master)
    catalog.clover.journal.forget()
    catalog.till(shop, "delete_item", item=item_id)
    await catalog.hear(shop, item_id, "DELETE")
    await catalog.sweep()
    assert [(each.item_id, each.product_id) for each in await catalog.emitted(ItemDeleted)] == [(item_id, "p-1")]
    assert {call.split()[0] for call in catalog.calls()} == {"GET"}
    assert (await catalog.product(shop))["sync"]["state"] == "held"


@MASTERS
async def test_an_item_without_a_product_is_no_news_for_quicksync(catalog: Catalog, master: str) -> None:
    """Where QuickSync is the master, items that it does not know are nobody's."""
    shop, _ = await synced_shop(catalog, master)
    other = catalog.add_item(shop, name="Pot")
    await catalog.hear(shop, other, "CREATE")
    catalog.till(shop, "delete_item", item=other)
    await catalog.hear(shop, other, "DELETE")
    assert len(await events(catalog)) == (2 if master == "clover" else 0)


@pytest.mark.parametrize(
    ("product", "item"),
    [({"sku": "\uff2d\uff35\uff27 2"}, {"sku": "mug2"}), ({"barcode": "0 36000 29145 2"}, {"code": "036000291452"})],
)
async def test_an_item_that_a_product_matches_is_no_news(
    catalog: Catalog, product: dict[str, str], item: dict[str, str]
) -> None:
    """It is compared by the keys that link it."""
    shop, _ = await synced_shop(catalog)
    await catalog.put(shop, "p-2", **product)
    await catalog.hear(shop, catalog.add_item(shop, **item), "CREATE")
    assert await catalog.emitted(ItemCreated) == []
