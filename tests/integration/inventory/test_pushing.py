"""Pushing our stock into Clover: each change once, under every fault."""

from typing import Any

import pytest
from tests.integration.inventory.conftest import WRITE, Inventory
from tests.support.eventually import eventually

from common.contracts.inventory import StockPushed


async def test_an_adjustment_reaches_clover_and_its_echo_changes_nothing(inventory: Inventory) -> None:
    """One read, one absolute write and one read-back; the webhook of our own write causes no movement and no write."""
    shop = await inventory.connect()
    item = await inventory.item(shop, 10, sku="SKU-1")

    await inventory.adjust(shop, "SKU-1", -4)
    await inventory.run_until_idle()
    assert shop.count(item) == 6
    assert inventory.calls() == [f"GET /{item}", f"POST /{item}", f"GET /{item}"]

    await inventory.changed(shop, item)
    await inventory.run_until_idle()
    assert len(inventory.calls(WRITE)) == 1
    assert [change.after for change in await inventory.stock_changes()] == [6000]
    pushed = await inventory.fetch("SELECT body FROM outbox WHERE type = $1", StockPushed.type)
    assert [StockPushed.decode(row["body"]).after for row in pushed] == [6000]


async def test_several_adjustments_become_one_write(inventory: Inventory) -> None:
    """One absolute count carries all changes since the last write."""
    shop = await inventory.connect()
    item = await inventory.item(shop, 10, sku="SKU-1")

    for _ in range(12):
        await inventory.adjust(shop, "SKU-1", -1)
    await inventory.run_until_idle()

    assert shop.count(item) == -2
    assert len(inventory.calls(WRITE)) == 1


async def test_adjustments_that_cancel_out_are_not_written(inventory: Inventory) -> None:
    """Clover already shows our number."""
    shop = await inventory.connect()
    await inventory.item(shop, 10, sku="SKU-1")

    await inventory.adjust(shop, "SKU-1", -1)
    await inventory.adjust(shop, "SKU-1", 1)
    await inventory.run_until_idle()

    assert inventory.calls() == []


async def test_an_unseen_till_sale_is_not_overwritten(inventory: Inventory) -> None:
    """The read before the write accounts for it, even without a webhook."""
    shop = await inventory.connect()
    item = await inventory.item(shop, 10, sku="SKU-1")

    shop.till("sell", lines=[{"item": item, "quantity": 3}])
    await inventory.adjust(shop, "SKU-1", -1)
    await inventory.run_until_idle()

    assert shop.count(item) == 6
    assert [change.after for change in await inventory.stock_changes()] == [9000, 6000]


async def test_a_till_sale_right_after_the_write_is_read_back(inventory: Inventory) -> None:
    """The difference between the read-back and the target is an inbound movement."""
    shop = await inventory.connect()
    item = await inventory.item(shop, 10, sku="SKU-1")
    sale = {"lines": [{"item": item, "quantity": 2}]}
    inventory.clover.fail("till", method="POST", action="sell", input=sale, when="after", times=1)

    await inventory.adjust(shop, "SKU-1", -1)
    await inventory.run_until_idle()

    assert shop.count(item) == 7
    assert await inventory.stock(shop, "SKU-1") == (7, 7)


@pytest.mark.parametrize("answer", ["in time", "lost"])
async def test_a_till_sale_right_after_the_first_count_is_kept(inventory: Inventory, answer: str) -> None:
    """The item had no count before; the sale comes before the answer to the write, with a webhook or without."""
    shop = await inventory.connect()
    item = await inventory.item(shop, None, sku="SKU-1")
    sale = {"lines": [{"item": item, "quantity": 2}]}
    inventory.clover.fail("till", method="POST", action="sell", input=sale, when="after", times=1)
    if answer == "lost":
        inventory.clover.fail("apply_then_drop", method="POST", times=1)

    assert (await inventory.ask("PUT", shop, "/stock/SKU-1", {"quantity": 12}))[0] == 200
    await inventory.run_until_idle()
    await inventory.changed(shop, item)
    await inventory.run_until_idle()
    await inventory.later(60)

    assert shop.count(item) == 10
    assert await inventory.stock(shop, "SKU-1") == (10, 10)


async def test_a_write_applied_without_an_answer_is_not_repeated(inventory: Inventory) -> None:
    """A read shows the target, so the write is not sent again."""
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


async def test_a_lost_write_is_sent_again_only_after_its_deadline(inventory: Inventory) -> None:
    """Before the deadline Clover is only read, as the write may still arrive."""
    shop = await inventory.connect()
    item = await inventory.item(shop, 10, sku="SKU-1")
    inventory.clover.fail("drop_before_apply", method="POST", times=1)

    await inventory.adjust(shop, "SKU-1", -1)
    await inventory.run_until_idle()
    await inventory.later(1)
    assert len(inventory.calls(WRITE)) == 1
    await inventory.later(20)

    assert shop.count(item) == 9
    assert len(inventory.calls(WRITE)) == 2
    assert await inventory.stock(shop, "SKU-1") == (9, 9)


async def test_a_write_that_arrives_late_is_not_repeated(inventory: Inventory) -> None:
    """A later read shows the write, and a sale after it is kept."""
    shop = await inventory.connect()
    item = await inventory.item(shop, 10, sku="SKU-1")
    inventory.clover.fail("apply_late", method="POST", seconds=0.3, times=1)

    await inventory.adjust(shop, "SKU-1", -4)
    await inventory.run_until_idle()
    await eventually(lambda: shop.count(item) == 6)
    shop.till("sell", lines=[{"item": item, "quantity": 1}])
    await inventory.later(1)
    await inventory.later(20)

    assert shop.count(item) == 5
    assert await inventory.stock(shop, "SKU-1") == (5, 5)
    assert len(inventory.calls(WRITE)) == 1


async def test_the_echo_of_an_open_push_is_not_a_movement(inventory: Inventory) -> None:
    """The webhook arrives before the outcome is known, and its count is our own number."""
    shop = await inventory.connect()
    item = await inventory.item(shop, 10, sku="SKU-1")
    inventory.clover.fail("apply_then_drop", method="POST", times=1)
    await inventory.adjust(shop, "SKU-1", -1)
    await inventory.run_until_idle()

    await inventory.changed(shop, item)
    await inventory.run_until_idle()
    await inventory.later(20)

    assert [change.after for change in await inventory.stock_changes()] == [9000]
    assert shop.count(item) == 9


async def test_an_adjustment_during_an_open_push_is_kept(inventory: Inventory) -> None:
    """It is neither lost nor counted twice, and the next write carries it."""
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
    assert len(await inventory.stock_changes()) == 2


NEVER_ANSWERED = {"kind": "delay", "when": "after", "ms": 60_000}
NEVER_APPLIED = {"kind": "apply_late", "seconds": 3600, "answer": "hang"}


@pytest.mark.parametrize("fault", [NEVER_ANSWERED, NEVER_APPLIED], ids=["applied", "not applied"])
async def test_a_process_killed_during_a_write_neither_doubles_nor_loses_it(
    inventory: Inventory, fault: dict[str, Any]
) -> None:
    """The next process finds the recorded push and resolves it by reading."""
    shop = await inventory.connect()
    item = await inventory.item(shop, 10, sku="SKU-1")
    inventory.clover.fail(method="POST", times=1, **fault)
    await inventory.adjust(shop, "SKU-1", -1)

    await inventory.kill_once(lambda: bool(inventory.calls(WRITE)))
    for _ in range(4):
        await inventory.later(20)

    assert shop.count(item) == 9
    assert await inventory.stock(shop, "SKU-1") == (9, 9)
    assert len(inventory.calls(WRITE)) == (1 if fault is NEVER_ANSWERED else 2)


@pytest.mark.parametrize("headers", ["present", "absent"])
async def test_a_429_only_delays_the_writes(inventory: Inventory, headers: str) -> None:
    """This holds with and without a Retry-After from Clover."""
    shop = await inventory.connect()
    items = [await inventory.item(shop, 10, sku=f"SKU-{each}") for each in range(3)]
    named = {"retry_after": 1, "limit": "token_concurrent"} if headers == "present" else {}
    inventory.clover.fail("throttle", method=WRITE, times=1, **named)

    for each in range(3):
        await inventory.adjust(shop, f"SKU-{each}", -1)
    for _ in range(3):
        await inventory.later()

    assert [shop.count(item) for item in items] == [9, 9, 9]
    assert len(inventory.calls(WRITE)) == 4  # the refused one among them
    assert await inventory.held() == {}


async def test_an_item_that_always_fails_does_not_block_the_others(inventory: Inventory) -> None:
    """It is retried alone; the others are written at once."""
    shop = await inventory.connect()
    bad = await inventory.item(shop, 10, sku="SKU-0")
    items = [await inventory.item(shop, 10, sku=f"SKU-{each}") for each in (1, 2)]
    inventory.clover.fail("fail_before", path=bad)

    for each in range(3):
        await inventory.adjust(shop, f"SKU-{each}", -1)
    await inventory.run_until_idle()

    assert [shop.count(item) for item in [bad, *items]] == [10, 9, 9]


async def test_a_deleted_item_is_held_with_its_reason_and_can_be_retried(inventory: Inventory) -> None:
    """The list of pending work shows the reason; the other items are written."""
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
    assert "probably deleted there" in row["reason"]
    assert (await inventory.ask("POST", shop, f"/work/inventory/{row['id']}/retry"))[0] == 202


async def test_a_new_link_releases_the_work_held_for_the_old_item(inventory: Inventory) -> None:
    """An item deleted and recreated in Clover is a new item; no work stays held for the old one."""
    shop = await inventory.connect()
    gone = await inventory.item(shop, 10, sku="SKU-1")
    shop.till("delete_item", item=gone)
    await inventory.adjust(shop, "SKU-1", -1)
    await inventory.run_until_idle()
    assert list(await inventory.held()) == [gone]

    await inventory.item(shop, 5, sku="SKU-1")

    assert await inventory.held() == {}


@pytest.mark.parametrize("unseen", [None, 5])
async def test_a_count_set_here_first_reaches_clover(inventory: Inventory, unseen: float | None) -> None:
    """It becomes Clover's count, and is not added to a count there that was not read yet."""
    shop = await inventory.connect()
    item = await inventory.item(shop, None, sku="SKU-1")
    if unseen is not None:
        await shop.post(f"/item_stocks/{item}", {"quantity": unseen})

    assert (await inventory.ask("PUT", shop, "/stock/SKU-1", {"quantity": 12.5}))[0] == 200
    await inventory.run_until_idle()

    assert shop.count(item) == 12.5


async def test_a_sweep_pushes_stock_whose_work_is_lost(inventory: Inventory) -> None:
    """A level that differs from Clover is pushed even if its work row is gone."""
    shop = await inventory.connect()
    item = await inventory.item(shop, 10, sku="SKU-1")
    await inventory.adjust(shop, "SKU-1", -1)
    await inventory.fetch("DELETE FROM work")

    await inventory.connected(shop)
    await inventory.run_until_idle()

    assert shop.count(item) == 9


async def test_the_database_refuses_a_second_open_push_of_an_item(inventory: Inventory) -> None:
    """A unique index allows one open push per item."""
    shop = await inventory.connect()
    await inventory.item(shop, 10, sku="SKU-1")
    inventory.clover.fail("drop_before_apply", method="POST", times=1)
    await inventory.adjust(shop, "SKU-1", -1)
    await inventory.run_until_idle()

    copy = (
        "INSERT INTO push (push_id, merchant_id, item_id, base, target, opened_at, deadline)"
        " SELECT gen_random_uuid(), merchant_id, item_id, base, target, opened_at, deadline FROM push"
    )
    with pytest.raises(Exception, match="push_open"):
        await inventory.fetch(copy)


async def test_many_failing_items_do_not_starve_the_others(inventory: Inventory) -> None:
    """Each healthy item is written within a few attempts, although half of them always fail."""
    shop = await inventory.connect()
    items = [await inventory.item(shop, 10, sku=f"SKU-{number}") for number in range(6)]
    for item in items[:3]:
        inventory.clover.fail("fail_before", method="GET", path=rf"/item_stocks/{item}")
    for number in range(6):
        await inventory.adjust(shop, f"SKU-{number}", -1)
    for _ in range(40):
        await inventory.later(60)

    assert [shop.count(item) for item in items] == [10] * 3 + [9] * 3
