"""Users met: a linked item was deleted at the till, its stock stuck, and one item had two counts."""

import pytest
from tests.integration.inventory.conftest import WRITE, Inventory, inventory
from tests.support.clover import Shop

from common.contracts.problems import ProblemClosed, ProblemOpened

__all__ = ["inventory"]


async def deleted(inventory: Inventory, quantity: float | None = 7) -> tuple[Shop, str]:
    """A linked item with this count that is deleted at the till, and whose webhook has arrived."""
    shop = await inventory.connect()
    item = await inventory.item(shop, quantity, sku="SKU-1")
    shop.till("delete_item", item=item)
    await inventory.changed(shop, item)
    await inventory.run_until_idle()
    return shop, item


async def added_again(inventory: Inventory, shop: Shop, quantity: float | None = None) -> str:
    """The remedy: a person adds the item again, and catalog links it."""
    counted = {} if quantity is None else {"quantity": quantity}
    item = str(shop.till("create_item", name="Mug", price=100, sku="SKU-1", **counted)["id"])
    await inventory.linked(shop, "SKU-1", item)
    await inventory.run_until_idle()
    return item


@pytest.mark.parametrize("push_first", [True, False])
async def test_one_item_is_one_thing_that_waits(inventory: Inventory, push_first: bool) -> None:
    """Whether its push or its read was refused first, one row is held, with the SKU and Clover's reason."""
    shop = await inventory.connect()
    item = await inventory.item(shop, 10, sku="SKU-1")
    shop.till("delete_item", item=item)
    for push in (push_first, not push_first):
        if push:
            await inventory.adjust(shop, "SKU-1", -1)
        else:
            await inventory.changed(shop, item)
        await inventory.run_until_idle()
    await inventory.connected(shop)  # a sweep marks both again
    await inventory.run_until_idle()

    opened = await inventory.emitted(ProblemOpened)
    assert [each.waiting for each in opened] == [1]
    [affected] = opened[0].affected
    assert affected.subject == "SKU-1"
    assert "no longer has item" in affected.reason
    assert list(await inventory.held()) == [item]


@pytest.mark.parametrize("adjusted", [0, -2])
async def test_the_stock_goes_to_the_item_that_is_added_again(inventory: Inventory, adjusted: float) -> None:
    """Stock 7 and what was adjusted since end at the new item, and the problem closes without a count gone through."""
    shop, _ = await deleted(inventory)
    if adjusted:
        await inventory.adjust(shop, "SKU-1", adjusted)
        await inventory.run_until_idle()

    item = await added_again(inventory, shop)

    assert shop.count(item) == 7 + adjusted
    assert await inventory.stock(shop, "SKU-1") == (7 + adjusted, 7 + adjusted)
    assert await inventory.held() == {}
    assert [each.resumed_count for each in await inventory.emitted(ProblemClosed)] == [0]


async def test_a_count_that_clover_never_got_goes_there_too(inventory: Inventory) -> None:
    """PUT stock 7 while the item is gone is held, and reaches the new item."""
    shop, _ = await deleted(inventory, None)
    assert (await inventory.ask("PUT", shop, "/stock/SKU-1", {"quantity": 7}))[0] == 200
    await inventory.run_until_idle()

    item = await added_again(inventory, shop)

    assert (shop.count(item), await inventory.held()) == (7, {})


async def test_the_ledgers_explain_the_move(inventory: Inventory) -> None:
    """The new item's first line takes over the count; the old item's last line gives away what Clover lacked."""
    shop, old = await deleted(inventory)
    await inventory.adjust(shop, "SKU-1", -2)
    new = await added_again(inventory, shop)

    _, answer = await inventory.ask("GET", shop, "/stock/SKU-1/ledger")
    [line] = answer["movements"]
    assert (line["before"], line["after"], line["cause"]) == (
        None,
        5,
        "count taken over from the item that had this SKU before",
    )
    _, answer = await inventory.ask("GET", shop, f"/stock/{old}/ledger")
    last = answer["movements"][0]
    assert (last["before"], last["after"]) == (5, 7)
    assert new in last["cause"]


async def test_a_count_at_the_till_of_the_new_item_is_the_truth(inventory: Inventory) -> None:
    """A person who adds the item again with a quantity has counted it."""
    shop, _ = await deleted(inventory)

    item = await added_again(inventory, shop, 3)

    assert (shop.count(item), await inventory.stock(shop, "SKU-1")) == (3, (3, 3))
    assert inventory.calls(WRITE) == []


async def test_a_check_again_before_the_remedy_changes_nothing(inventory: Inventory) -> None:
    """The item is still gone, so it is held again, and later sweeps neither close nor repeat the problem."""
    shop, item = await deleted(inventory)
    _, work = await inventory.ask("GET", shop, "/work/inventory?state=held")
    await inventory.ask("POST", shop, f"/work/inventory/{work['work'][0]['id']}/retry")
    await inventory.connected(shop)
    for _ in range(3):
        await inventory.later(400)

    assert list(await inventory.held()) == [item]
    assert len(await inventory.emitted(ProblemOpened)) == 1
    assert await inventory.emitted(ProblemClosed) == []


async def test_a_lost_write_to_the_deleted_item_is_not_waited_for(inventory: Inventory) -> None:
    """The write had no answer, then the item was deleted; after the remedy nothing is tried on the old item."""
    shop = await inventory.connect()
    item = await inventory.item(shop, 10, sku="SKU-1")
    inventory.clover.fail("drop_before_apply", method="POST", times=1)
    await inventory.adjust(shop, "SKU-1", -3)
    await inventory.run_until_idle()
    shop.till("delete_item", item=item)
    await inventory.later(5)
    new = await added_again(inventory, shop)

    assert shop.count(new) == 7
    await inventory.connected(shop)
    await inventory.run_until_idle()
    await inventory.forget()
    await inventory.later(400)
    assert [call for call in inventory.calls() if item in call] == []
    assert await inventory.held() == {}
