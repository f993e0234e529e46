"""Links and merchants whose events arrive in another order, late or twice."""

from typing import Any

import pytest
from tests.integration.inventory.conftest import WRITE, Inventory
from tests.integration.inventory.test_till_sales import returned, sale
from tests.support.clover import Shop

from common.contracts.catalog import MerchantConnected, ProductLinked, ProductUnlinked
from common.contracts.orders import PosSaleRecorded, ReturnCause


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


async def wrongly_linked(inventory: Inventory) -> tuple[Shop, str, str]:
    """Ten cups, which a product has by mistake, and five mugs; three mugs were sold online, and Clover knows."""
    shop = await inventory.connect()
    cups, mugs = await inventory.item(shop, 10), await inventory.item(shop, 5)
    await inventory.deliver(linked(shop, cups, 1))
    await inventory.run_until_idle()
    await inventory.adjust(shop, "SKU-1", -3)
    await inventory.run_until_idle()
    assert (shop.count(cups), shop.count(mugs)) == (7, 5)
    return shop, cups, mugs


async def relink(inventory: Inventory, shop: Shop, old: str, new: str, version: int) -> None:
    await inventory.deliver(unlinked(shop, old, version, replaced_by=new), linked(shop, new, version + 1))
    await inventory.run_until_idle()


async def test_what_was_sold_goes_to_the_right_item_and_back(inventory: Inventory) -> None:
    """However often the SKU moves, the three are taken from the item that has it, once."""
    shop, cups, mugs = await wrongly_linked(inventory)

    for version in (2, 6):
        await relink(inventory, shop, cups, mugs, version)
        assert (shop.count(cups), shop.count(mugs)) == (10, 2)
        await relink(inventory, shop, mugs, cups, version + 2)
        assert (shop.count(cups), shop.count(mugs)) == (7, 5)

    assert await inventory.stock(shop, "SKU-1") == (7, 7)


@pytest.mark.parametrize("of_cups", [True, False])
async def test_what_a_person_counted_since_is_not_changed(inventory: Inventory, of_cups: bool) -> None:
    """The counted item keeps its count, and the other one has the count that it had with the right link."""
    shop, cups, mugs = await wrongly_linked(inventory)
    inventory.clock.advance(60)
    shop.till("recount", item=cups if of_cups else mugs, quantity=8)
    await inventory.changed(shop, cups if of_cups else mugs)
    await inventory.run_until_idle()

    await relink(inventory, shop, cups, mugs, 2)

    assert (shop.count(cups), shop.count(mugs)) == ((8, 2) if of_cups else (10, 8))


async def sell_each(inventory: Inventory, shop: Shop, *items: str) -> list[PosSaleRecorded]:
    """Sell one of each item at the till, read the counts and return the reports of the sales."""
    sold = [shop.till("sell", lines=[{"item": item}]) for item in items]
    for item in items:
        await inventory.changed(shop, item)
    await inventory.run_until_idle()
    return [sale(shop, each).model_copy(update={"sold_at": inventory.clock.now()}) for each in sold]


@pytest.mark.parametrize("is_late", [False, True])
async def test_a_sale_at_the_till_is_no_count(inventory: Inventory, is_late: bool) -> None:
    """A cup and a mug were sold at the till since: both count, also when orders reports the sales after the relink."""
    shop, cups, mugs = await wrongly_linked(inventory)
    reports = await sell_each(inventory, shop, cups, mugs)
    if not is_late:
        await inventory.deliver(*reports)
        await inventory.run_until_idle()

    await relink(inventory, shop, cups, mugs, 2)
    await inventory.adjust(shop, "SKU-1", -1)
    await inventory.run_until_idle()
    for each in reports if is_late else []:
        await inventory.deliver(each)
        await inventory.run_until_idle()

    assert (shop.count(cups), shop.count(mugs)) == (9, 0)
    assert await inventory.stock(shop, "SKU-1") == (0, 0)


async def test_a_return_at_the_till_is_no_count(inventory: Inventory) -> None:
    """Nor is the exchange of a cup for a mug."""
    shop, cups, mugs = await wrongly_linked(inventory)
    sold = shop.till("sell", lines=[{"item": cups}])
    await inventory.deliver(sale(shop, sold).model_copy(update={"sold_at": inventory.clock.now()}))
    await inventory.run_until_idle()
    shop.till("refund", order=sold["order"], lines=sold["lines"], restock=True)
    event = returned(shop, sold, sold["lines"], ReturnCause.REFUNDED)
    await inventory.deliver(event.model_copy(update={"returned_at": inventory.clock.now()}))
    await inventory.run_until_idle()
    assert shop.count(cups) == 7

    await relink(inventory, shop, cups, mugs, 2)

    assert (shop.count(cups), shop.count(mugs)) == (10, 2)


async def test_a_count_of_the_product_is_lowered_by_what_the_till_sold_of_the_right_item(inventory: Inventory) -> None:
    """Twenty mugs were counted in QuickSync while it had them as cups; a cup and a mug were sold at the till."""
    shop, cups, mugs = await wrongly_linked(inventory)
    assert (await inventory.ask("PUT", shop, "/stock/SKU-1", {"quantity": 20}))[0] == 200
    await inventory.run_until_idle()
    await inventory.deliver(*await sell_each(inventory, shop, cups, mugs))
    await inventory.run_until_idle()
    assert (shop.count(cups), shop.count(mugs)) == (19, 4)

    await relink(inventory, shop, cups, mugs, 2)

    assert (shop.count(cups), shop.count(mugs)) == (9, 19)


async def test_an_item_that_was_counted_meanwhile_keeps_that_count_when_the_sku_returns(inventory: Inventory) -> None:
    """The SKU goes to the mugs and back to the cups, which were right: its sales since their count are theirs."""
    shop, cups, mugs = await wrongly_linked(inventory)
    shop.till("recount", item=mugs, quantity=4)
    await inventory.changed(shop, mugs)
    await inventory.run_until_idle()

    await relink(inventory, shop, cups, mugs, 2)
    assert (shop.count(cups), shop.count(mugs)) == (10, 4)
    await relink(inventory, shop, mugs, cups, 4)

    assert (shop.count(cups), shop.count(mugs)) == (7, 4)


async def test_a_change_that_clover_lacks_goes_to_the_right_item(inventory: Inventory) -> None:
    """Also when the till counted the wrong item since: nothing of it reaches that one."""
    shop, cups, mugs = await wrongly_linked(inventory)
    inventory.clover.fail("fail_before", method="POST", times=100)
    await inventory.adjust(shop, "SKU-1", -1, key="later")
    await inventory.run_until_idle()
    shop.till("recount", item=cups, quantity=9)
    await inventory.later(60)  # the attempt to write that follows reads the count
    inventory.clover.sandbox.faults.clear()

    await relink(inventory, shop, cups, mugs, 2)
    await inventory.later(60)

    assert (shop.count(cups), shop.count(mugs)) == (9, 1)
    assert await inventory.stock(shop, "SKU-1") == (1, 1)


async def test_what_is_not_written_back_yet_stays_when_another_sku_leaves(inventory: Inventory) -> None:
    """The cups get another SKU and lose it before Clover has what they got back of the first one."""
    shop, cups, mugs = await wrongly_linked(inventory)
    jugs = await inventory.item(shop, 6)
    inventory.clover.fail("fail_before", method="POST", times=100)
    await relink(inventory, shop, cups, mugs, 2)
    await inventory.deliver(linked(shop, cups, 4, sku="SKU-2"))
    await inventory.adjust(shop, "SKU-2", -1)
    other = unlinked(shop, cups, 5, replaced_by=jugs).model_copy(update={"sku": "SKU-2"})
    await inventory.deliver(other, linked(shop, jugs, 6, sku="SKU-2"))
    inventory.clover.sandbox.faults.clear()
    await inventory.later(60)

    assert [shop.count(each) for each in (cups, mugs, jugs)] == [10, 2, 5]


async def test_the_ledger_names_the_sku_that_moved_and_the_event_the_sku_of_the_item(inventory: Inventory) -> None:
    """A store that follows the SKU's stock does not read the count of the former item as the SKU's."""
    shop, cups, mugs = await wrongly_linked(inventory)
    await inventory.forget()

    await relink(inventory, shop, cups, mugs, 2)

    changes = {(each.item_id, each.sku, each.after) for each in await inventory.stock_changes()}
    assert changes == {(cups, "", 10_000), (mugs, "SKU-1", 2000)}
    rows = await inventory.fetch("SELECT sku FROM movement WHERE key LIKE 'handed-over:%'")
    assert [row["sku"] for row in rows] == ["SKU-1"]


async def test_nothing_is_written_to_an_item_that_is_gone(inventory: Inventory) -> None:
    """The sold quantity is taken from the item that gets the SKU; the deleted one is left alone."""
    shop, cups, mugs = await wrongly_linked(inventory)
    shop.till("delete_item", item=cups)
    await inventory.changed(shop, cups)
    await inventory.run_until_idle()
    await inventory.forget()

    await relink(inventory, shop, cups, mugs, 2)
    await inventory.later(400)

    assert shop.count(mugs) == 2
    assert [call for call in inventory.calls(WRITE) if cups in call] == []


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
    """The work held for it is dropped, and its problem closes."""
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
