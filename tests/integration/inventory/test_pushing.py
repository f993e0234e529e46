"""From our numbers into Clover: once, whatever goes wrong on the way."""

from typing import Any

import pytest
from tests.integration.inventory.conftest import WRITE, Inventory
from tests.support.eventually import eventually

from common.contracts.inventory import StockPushed


async def test_an_adjustment_reaches_clover_and_its_echo_does_nothing(inventory: Inventory) -> None:
    """One reading, one absolute write, one reading back; the hint of our own write moves and writes nothing."""
    shop = await inventory.connect()
    item = await inventory.item(shop, 10, sku="SKU-1")

    await inventory.adjust(shop, "SKU-1", -4)
    await inventory.run_until_idle()
    assert shop.count(item) == 6
    assert inventory.calls() == [f"GET /{item}", f"POST /{item}", f"GET /{item}"]

    await inventory.changed(shop, item)
    await inventory.run_until_idle()
    assert len(inventory.calls(WRITE)) == 1
    assert [change.after for change in await inventory.told()] == [6000]
    pushed = await inventory.fetch("SELECT body FROM outbox WHERE type = $1", StockPushed.type)
    assert [StockPushed.decode(row["body"]).after for row in pushed] == [6000]


async def test_many_adjustments_are_one_write(inventory: Inventory) -> None:
    """What moved meanwhile goes in one absolute number."""
    shop = await inventory.connect()
    item = await inventory.item(shop, 10, sku="SKU-1")

    for _ in range(12):
        await inventory.adjust(shop, "SKU-1", -1)
    await inventory.run_until_idle()

    assert shop.count(item) == -2
    assert len(inventory.calls(WRITE)) == 1


async def test_adjustments_that_cancel_out_are_not_written(inventory: Inventory) -> None:
    """Clover shows our number already."""
    shop = await inventory.connect()
    await inventory.item(shop, 10, sku="SKU-1")

    await inventory.adjust(shop, "SKU-1", -1)
    await inventory.adjust(shop, "SKU-1", 1)
    await inventory.run_until_idle()

    assert inventory.calls() == []


async def test_a_till_sale_not_yet_seen_is_not_overwritten(inventory: Inventory) -> None:
    """The reading before the write accounts for it, without any hint."""
    shop = await inventory.connect()
    item = await inventory.item(shop, 10, sku="SKU-1")

    shop.till("sell", lines=[{"item": item, "quantity": 3}])
    await inventory.adjust(shop, "SKU-1", -1)
    await inventory.run_until_idle()

    assert shop.count(item) == 6
    assert [change.after for change in await inventory.told()] == [9000, 6000]


async def test_a_till_sale_right_after_the_write_is_read_back(inventory: Inventory) -> None:
    """What Clover shows instead of the target came in."""
    shop = await inventory.connect()
    item = await inventory.item(shop, 10, sku="SKU-1")
    sale = {"lines": [{"item": item, "quantity": 2}]}
    inventory.clover.fail("till", method="POST", action="sell", input=sale, when="after", times=1)

    await inventory.adjust(shop, "SKU-1", -1)
    await inventory.run_until_idle()

    assert shop.count(item) == 7
    assert await inventory.stock(shop, "SKU-1") == (7, 7)


async def test_a_write_applied_without_an_answer_is_not_repeated(inventory: Inventory) -> None:
    """Reading shows that it stands."""
    shop = await inventory.connect()
    item = await inventory.item(shop, 10, sku="SKU-1")
    inventory.clover.fail("apply_then_drop", method="POST", times=1)

    await inventory.adjust(shop, "SKU-1", -1)
    await inventory.run_until_idle()
    assert await inventory.stock(shop, "SKU-1") == (9, 10)
    await inventory.later(1)

    assert await inventory.stock(shop, "SKU-1") == (9, 9)
    assert len(inventory.calls(WRITE)) == 1
    assert shop.count(item) == 9


async def test_a_write_that_never_arrived_is_sent_again_only_when_it_cannot_come_late(inventory: Inventory) -> None:
    """While it may still be on its way Clover is only read."""
    shop = await inventory.connect()
    item = await inventory.item(shop, 10, sku="SKU-1")
    inventory.clover.fail("drop_before_apply", method="POST", times=1)

    await inventory.adjust(shop, "SKU-1", -1)
    await inventory.run_until_idle()
    await inventory.later(1)
    assert len(inventory.calls(WRITE)) == 1
    await inventory.later(2)

    assert shop.count(item) == 9
    assert len(inventory.calls(WRITE)) == 2
    assert await inventory.stock(shop, "SKU-1") == (9, 9)


async def test_a_write_that_arrives_late_is_not_repeated(inventory: Inventory) -> None:
    """Looked at again it is there, and the sale after it is kept."""
    shop = await inventory.connect()
    item = await inventory.item(shop, 10, sku="SKU-1")
    inventory.clover.fail("apply_late", method="POST", seconds=0.3, times=1)

    await inventory.adjust(shop, "SKU-1", -4)
    await inventory.run_until_idle()
    await eventually(lambda: shop.count(item) == 6)
    shop.till("sell", lines=[{"item": item, "quantity": 1}])
    await inventory.later(1)
    await inventory.later(2)

    assert shop.count(item) == 5
    assert await inventory.stock(shop, "SKU-1") == (5, 5)
    assert len(inventory.calls(WRITE)) == 1


async def test_the_echo_of_a_write_in_doubt_is_not_a_movement(inventory: Inventory) -> None:
    """The hint comes before we know that the write was applied; what it shows is our own number."""
    shop = await inventory.connect()
    item = await inventory.item(shop, 10, sku="SKU-1")
    inventory.clover.fail("apply_then_drop", method="POST", times=1)
    await inventory.adjust(shop, "SKU-1", -1)
    await inventory.run_until_idle()

    await inventory.changed(shop, item)
    await inventory.run_until_idle()
    await inventory.later(3)

    assert [change.after for change in await inventory.told()] == [9000]
    assert shop.count(item) == 9


async def test_what_moves_here_while_a_write_is_in_doubt_is_kept(inventory: Inventory) -> None:
    """It is neither lost nor counted twice, and goes with the next write."""
    shop = await inventory.connect()
    item = await inventory.item(shop, 10, sku="SKU-1")
    inventory.clover.fail("apply_then_drop", method="POST", times=1)
    await inventory.adjust(shop, "SKU-1", -1)
    await inventory.run_until_idle()

    await inventory.adjust(shop, "SKU-1", -2)
    await inventory.changed(shop, item)
    for _ in range(3):
        await inventory.later(1)

    assert shop.count(item) == 7
    assert await inventory.stock(shop, "SKU-1") == (7, 7)
    assert len(await inventory.told()) == 2


NEVER_ANSWERED = {"kind": "delay", "when": "after", "ms": 60_000}
NEVER_APPLIED = {"kind": "apply_late", "seconds": 3600, "answer": "hang"}


@pytest.mark.parametrize("fault", [NEVER_ANSWERED, NEVER_APPLIED], ids=["applied", "not applied"])
async def test_a_process_killed_while_writing_doubles_and_loses_nothing(
    inventory: Inventory, fault: dict[str, Any]
) -> None:
    """The push it recorded is found by the next one, and settled by reading."""
    shop = await inventory.connect()
    item = await inventory.item(shop, 10, sku="SKU-1")
    inventory.clover.fail(method="POST", times=1, **fault)
    await inventory.adjust(shop, "SKU-1", -1)

    await inventory.kill_once(lambda: bool(inventory.calls(WRITE)))
    for _ in range(4):
        await inventory.later(2)

    assert shop.count(item) == 9
    assert await inventory.stock(shop, "SKU-1") == (9, 9)
    assert len(inventory.calls(WRITE)) == (1 if fault is NEVER_ANSWERED else 2)


@pytest.mark.parametrize("headers", ["present", "absent"])
async def test_a_429_delays_and_loses_nothing(inventory: Inventory, headers: str) -> None:
    """With and without a word from Clover on how long."""
    shop = await inventory.connect()
    items = [await inventory.item(shop, 10, sku=f"SKU-{each}") for each in range(3)]
    named = {"retry_after": 1, "limit": "token_concurrent"} if headers == "present" else {}
    inventory.clover.fail("throttle", times=1, after=1, **named)

    for each in range(3):
        await inventory.adjust(shop, f"SKU-{each}", -1)
    for _ in range(3):
        await inventory.later()

    assert [shop.count(item) for item in items] == [9, 9, 9]
    assert len(inventory.calls(WRITE)) == 4  # the refused one among them
    assert await inventory.held() == {}


async def test_one_item_that_always_fails_blocks_no_other(inventory: Inventory) -> None:
    """It is tried again by itself; the others are written at once."""
    shop = await inventory.connect()
    bad = await inventory.item(shop, 10, sku="SKU-0")
    items = [await inventory.item(shop, 10, sku=f"SKU-{each}") for each in (1, 2)]
    inventory.clover.fail("fail_before", path=bad)

    for each in range(3):
        await inventory.adjust(shop, f"SKU-{each}", -1)
    await inventory.run_until_idle()

    assert [shop.count(item) for item in [bad, *items]] == [10, 9, 9]


async def test_an_item_deleted_in_clover_is_held_and_retried_by_hand(inventory: Inventory) -> None:
    """The reason is shown with the row; the others are written."""
    shop = await inventory.connect()
    gone, kept = await inventory.item(shop, 10, sku="SKU-1"), await inventory.item(shop, 10, sku="SKU-2")
    shop.till("delete_item", item=gone)

    await inventory.adjust(shop, "SKU-1", -1)
    await inventory.adjust(shop, "SKU-2", -1)
    await inventory.run_until_idle()

    assert shop.count(kept) == 9
    _, work = await inventory.ask("GET", shop, "/work/inventory?state=held")
    [row] = work["work"]
    assert (row["kind"], row["key"], row["problem"]) == ("push_stock", gone, "stock_rejected")
    assert "most often it was deleted there" in row["reason"]
    assert (await inventory.ask("POST", shop, f"/work/inventory/{row['id']}/retry"))[0] == 202


async def test_a_product_linked_anew_frees_what_was_held_for_its_old_item(inventory: Inventory) -> None:
    """Deleted and made again in Clover, it is a new item; nothing waits for the old one any more."""
    shop = await inventory.connect()
    gone = await inventory.item(shop, 10, sku="SKU-1")
    shop.till("delete_item", item=gone)
    await inventory.adjust(shop, "SKU-1", -1)
    await inventory.run_until_idle()
    assert list(await inventory.held()) == [gone]

    await inventory.item(shop, 5, sku="SKU-1")

    assert await inventory.held() == {}


@pytest.mark.parametrize("unseen", [None, 5])
async def test_a_first_count_from_quicksync_reaches_clover(inventory: Inventory, unseen: float | None) -> None:
    """A stated count starts the counting there, and is not added to one that nobody had read."""
    shop = await inventory.connect()
    item = await inventory.item(shop, None, sku="SKU-1")
    if unseen is not None:
        await shop.post(f"/item_stocks/{item}", {"quantity": unseen})

    assert (await inventory.ask("PUT", shop, "/stock/SKU-1", {"quantity": 12.5}))[0] == 200
    await inventory.run_until_idle()

    assert shop.count(item) == 12.5


async def test_a_sweep_writes_what_was_forgotten(inventory: Inventory) -> None:
    """Even a number whose work is lost reaches Clover."""
    shop = await inventory.connect()
    item = await inventory.item(shop, 10, sku="SKU-1")
    await inventory.adjust(shop, "SKU-1", -1)
    await inventory.fetch("DELETE FROM work")

    await inventory.connected(shop)
    await inventory.run_until_idle()

    assert shop.count(item) == 9


async def test_no_second_push_of_an_item_is_recorded_while_one_is_open(inventory: Inventory) -> None:
    """The database itself refuses it."""
    shop = await inventory.connect()
    await inventory.item(shop, 10, sku="SKU-1")
    inventory.clover.fail("drop_before_apply", method="POST", times=1)
    await inventory.adjust(shop, "SKU-1", -1)
    await inventory.run_until_idle()

    copy = (
        "INSERT INTO push SELECT gen_random_uuid(), merchant_id, item_id, base, target, opened_at, opened_at FROM push"
    )
    with pytest.raises(Exception, match="push_open"):
        await inventory.fetch(copy)


async def test_items_that_always_fail_do_not_keep_the_others(inventory: Inventory) -> None:
    """However many fail again and again, each of the others is written within a few tries."""
    shop = await inventory.connect()
    items = [await inventory.item(shop, 10, sku=f"SKU-{number}") for number in range(6)]
    for item in items[:3]:
        inventory.clover.fail("fail_before", method="GET", path=rf"/item_stocks/{item}")
    for number in range(6):
        await inventory.adjust(shop, f"SKU-{number}", -1)
    for _ in range(40):
        await inventory.later(60)

    assert [shop.count(item) for item in items] == [10] * 3 + [9] * 3
