"""Links and merchants whose events arrive in another order, late or twice."""

from typing import Any

from tests.integration.inventory.conftest import Inventory
from tests.support.clover import Shop

from common.contracts.catalog import MerchantConnected, ProductLinked, ProductUnlinked


def linked(shop: Shop, item_id: str, version: int, sku: str = "SKU-1") -> ProductLinked:
    return ProductLinked(merchant_id=shop.merchant.id, product_id="p-1", sku=sku, item_id=item_id, version=version)


def unlinked(shop: Shop, item_id: str, version: int, replaced_by: str | None = None) -> ProductUnlinked:
    link: dict[str, Any] = {"merchant_id": shop.merchant.id, "product_id": "p-1", "sku": "SKU-1", "item_id": item_id}
    return ProductUnlinked(**link, version=version, replaced_by=replaced_by)


async def two_items(inventory: Inventory) -> tuple[Shop, str, str]:
    """An item with a count of 7, and one that nobody counted."""
    shop = await inventory.connect()
    counted = await inventory.item(shop, 7)
    other = await inventory.item(shop)
    await inventory.deliver(linked(shop, counted, 1))
    await inventory.run_until_idle()
    return shop, counted, other


async def test_stock_moves_to_the_item_that_replaces_another(inventory: Inventory) -> None:
    """Also when the new item has another SKU, as when a product is revived with one."""
    shop, old, new = await two_items(inventory)

    await inventory.deliver(unlinked(shop, old, 2, replaced_by=new), linked(shop, new, 3, sku="SKU-2"))
    await inventory.run_until_idle()

    assert await inventory.stock(shop, "SKU-2") == (7, 7)
    assert (await inventory.ask("GET", shop, "/stock/SKU-1"))[0] == 404


async def test_stock_moves_once_whichever_event_is_first(inventory: Inventory) -> None:
    """The new link arrives before the end of the old one, which arrives twice, with a sale in between."""
    shop, old, new = await two_items(inventory)

    await inventory.deliver(linked(shop, new, 3))
    await inventory.run_until_idle()
    await inventory.deliver(unlinked(shop, old, 2, replaced_by=new))
    await inventory.run_until_idle()
    await inventory.adjust(shop, "SKU-1", -1)
    await inventory.deliver(unlinked(shop, old, 2, replaced_by=new))
    await inventory.run_until_idle()

    assert await inventory.stock(shop, "SKU-1") == (6, 6)
    assert (await inventory.stock(shop, old))[0] == 7


async def test_a_late_link_takes_no_sku(inventory: Inventory) -> None:
    """Of two items with one SKU the one that was linked last has it, known or not that the other was unlinked."""
    shop, old, new = await two_items(inventory)

    await inventory.deliver(linked(shop, new, 3))
    await inventory.deliver(linked(shop, old, 2))

    _, level = await inventory.ask("GET", shop, "/stock/SKU-1")
    assert level["item_id"] == new


async def test_a_renamed_item_gives_its_sku_free_without_its_stock(inventory: Inventory) -> None:
    """Another item gets the SKU before we hear that the first one has another; each keeps its own count."""
    shop, first, second = await two_items(inventory)

    await inventory.deliver(linked(shop, second, 3))
    await inventory.deliver(linked(shop, first, 2, sku="SKU-2"))
    await inventory.run_until_idle()

    assert await inventory.stock(shop, "SKU-2") == (7, 7)
    assert await inventory.stock(shop, "SKU-1") == (None, None)


async def test_an_unlinked_item_waits_for_nothing(inventory: Inventory) -> None:
    """What is held for it is dropped, and its problem closes."""
    shop, item, _ = await two_items(inventory)
    shop.till("delete_item", item=item)
    await inventory.adjust(shop, "SKU-1", -1)
    await inventory.run_until_idle()
    assert list(await inventory.held()) == [item]

    await inventory.deliver(unlinked(shop, item, 2))

    assert await inventory.held() == {}


async def sweeps(inventory: Inventory) -> int:
    return len(await inventory.fetch("SELECT FROM work WHERE kind = 'sweep'"))


async def test_the_sweep_ends_with_the_connection_and_starts_with_the_next(inventory: Inventory) -> None:
    """A disconnected merchant has no recurring work and no problem about it; reconnecting needs nobody's help."""
    shop = await inventory.connect()
    await inventory.connected(shop)
    await inventory.run_until_idle()
    assert await sweeps(inventory) == 1

    await inventory.disconnected(shop)
    await inventory.run_until_idle()
    assert (await sweeps(inventory), await inventory.held()) == (0, {})

    await inventory.connected(shop)
    await inventory.run_until_idle()
    assert await sweeps(inventory) == 1


async def test_the_event_of_a_fetched_merchant_still_starts_its_sweep(inventory: Inventory) -> None:
    """A merchant that a request fetched from catalog is known, and its event has its effects, once."""
    shop = inventory.clover.open_shop("us")
    inventory.grants.shops[shop.merchant.id] = shop
    inventory.catalog.connect(shop.merchant.id)
    assert (await inventory.ask("GET", shop, "/stock"))[0] == 200
    assert await sweeps(inventory) == 0
    profile = inventory.catalog.merchants[shop.merchant.id]

    await inventory.deliver(MerchantConnected(**profile.model_dump()))
    assert await sweeps(inventory) == 1
    await inventory.fetch("DELETE FROM work")
    await inventory.deliver(MerchantConnected(**profile.model_dump()))
    assert await sweeps(inventory) == 0
