"""Reading Clover's counts into the ledger."""

import asyncio

from tests.integration.inventory.conftest import WEBHOOK_SECRET, WRITE, Inventory
from tests.support.eventually import eventually


async def test_a_till_sale_becomes_a_movement_and_an_event(inventory: Inventory) -> None:
    """The webhook leads to a read, and the difference to one line of the ledger and one event."""
    shop = await inventory.connect()
    item = await inventory.item(shop, 10, sku="SKU-1")

    shop.till("sell", lines=[{"item": item, "quantity": 3}])
    await inventory.changed(shop, item)
    await inventory.run_until_idle()

    [change] = await inventory.stock_changes()
    assert (change.sku, change.before, change.after, change.source) == ("SKU-1", 10_000, 7000, "clover")
    assert await inventory.stock(shop, "SKU-1") == (7, 7)
    assert inventory.calls(WRITE) == []


async def test_repeated_late_and_unordered_webhooks_move_stock_once(inventory: Inventory) -> None:
    """A webhook only says which item to read."""
    shop = await inventory.connect()
    item = await inventory.item(shop, 10)

    shop.till("sell", lines=[{"item": item, "quantity": 1}])
    for kind in ("IA", "IS", "I", "I", "IS"):
        await inventory.changed(shop, item, kind)
    await inventory.run_until_idle()
    await inventory.changed(shop, item)
    await inventory.run_until_idle()

    assert [change.after for change in await inventory.stock_changes()] == [9000]
    assert inventory.calls() == [f"GET /{item}"] * 2


async def test_doubled_and_reordered_webhooks_end_in_the_right_counts(inventory: Inventory) -> None:
    """The sandbox posts its webhooks to the receiver, twice and in random order."""
    shop = await inventory.connect()
    items = [await inventory.item(shop, 10) for _ in range(3)]
    inventory.clover.sandbox.webhooks.change(
        {
            "url": str(inventory.http.make_url("/webhooks/clover")),
            "secret": WEBHOOK_SECRET,
            "duplicate": 1.0,
            "reorder": 1.0,
        }
    )
    for sold in range(1, 4):
        for item in items[:sold]:
            shop.till("sell", lines=[{"item": item, "quantity": 1}])

    await eventually(lambda: inventory.clover.sandbox.webhooks.waiting() == 0)
    await inventory.pump()
    await inventory.run_until_idle()

    assert [await inventory.stock(shop, item) for item in items] == [(7, 7), (8, 8), (9, 9)]
    assert len(await inventory.stock_changes()) == 3


async def test_an_item_without_a_link_is_tracked_by_its_id(inventory: Inventory) -> None:
    """Its event has no SKU, and the API shows it under its id."""
    shop = await inventory.connect()
    item = await inventory.item(shop, 2)

    shop.till("recount", item=item, quantity=5)
    await inventory.changed(shop, item)
    await inventory.run_until_idle()

    [change] = await inventory.stock_changes()
    assert (change.item_id, change.sku) == (item, "")
    assert await inventory.stock(shop, item) == (5, 5)


async def test_never_counted_is_not_zero(inventory: Inventory) -> None:
    """An item without a count has none here either and causes no event."""
    shop = await inventory.connect()
    item = await inventory.item(shop, None, sku="SKU-1")

    assert await inventory.stock(shop, "SKU-1") == (None, None)
    shop.till("recount", item=item, quantity=0)
    await inventory.changed(shop, item)
    await inventory.run_until_idle()

    assert await inventory.stock(shop, "SKU-1") == (0, 0)
    assert len(await inventory.stock_changes()) == 1


async def test_many_items_are_read_by_page(inventory: Inventory) -> None:
    """Thirty webhooks cost one call."""
    shop = await inventory.connect()
    items = [str(shop.till("create_item", name="Mug", price=100, quantity=4)["id"]) for _ in range(30)]

    for item in items:
        await inventory.changed(shop, item)
    await inventory.run_until_idle()

    assert len(inventory.calls()) == 1
    assert len(await inventory.stock_changes()) == 30


async def test_sweeps_find_changes_without_webhooks_and_repeat(inventory: Inventory) -> None:
    """The first sweep follows the connection, and one more every five minutes."""
    shop = await inventory.connect()
    item = str(shop.till("create_item", name="Mug", price=100, quantity=4)["id"])
    await inventory.connected(shop)
    await inventory.run_until_idle()
    shop.till("sell", lines=[{"item": item, "quantity": 1}])

    await inventory.later(60)
    assert await inventory.stock(shop, item) == (4, 4)
    await inventory.later(300)
    assert await inventory.stock(shop, item) == (3, 3)
    assert len(await inventory.stock_changes()) == 2


async def test_a_deleted_item_is_held_with_its_reason_and_blocks_no_other(inventory: Inventory) -> None:
    """A linked item that is gone is held, one without a link is not, and the others are read."""
    shop = await inventory.connect()
    gone = await inventory.item(shop, 1, sku="SKU-1")
    stranger = await inventory.item(shop, 1)
    kept = await inventory.item(shop, 1, sku="SKU-2")

    for item in (gone, stranger):
        shop.till("delete_item", item=item)
    shop.till("recount", item=kept, quantity=8)
    for item in (gone, stranger, kept):
        await inventory.changed(shop, item)
    await inventory.run_until_idle()

    held = await inventory.held()
    assert list(held) == [gone]
    assert held[gone].startswith(f"Clover no longer has item {gone}")
    assert await inventory.stock(shop, "SKU-2") == (8, 8)


async def test_a_sweep_finds_a_deleted_item_and_a_new_link_resolves_it(inventory: Inventory) -> None:
    """The sweep holds the item without a webhook; linking the SKU to another item releases it."""
    shop = await inventory.connect()
    gone = await inventory.item(shop, 1, sku="SKU-1")
    shop.till("delete_item", item=gone)

    await inventory.connected(shop)
    await inventory.run_until_idle()
    assert list(await inventory.held()) == [gone]

    await inventory.item(shop, 5, sku="SKU-1")
    assert await inventory.held() == {}
    assert await inventory.stock(shop, "SKU-1") == (5, 5)


async def test_a_sweep_does_not_read_items_that_never_had_a_count(inventory: Inventory) -> None:
    """A linked item that Clover leaves out because it was never counted costs no call of its own."""
    shop = await inventory.connect()
    await inventory.item(shop, None, sku="SKU-1")
    inventory.clover.fail("refuse", path=r"/item_stocks\?", status=200, body={"elements": []})

    await inventory.connected(shop)
    await inventory.run_until_idle()
    assert inventory.calls() == ["GET "]


async def test_a_sweep_reads_single_items_where_paging_is_refused(inventory: Inventory) -> None:
    """Linked items on pages that Clover refuses are read one by one."""
    shop = await inventory.connect()
    item = await inventory.item(shop, 4, sku="SKU-1")
    shop.till("recount", item=item, quantity=9)
    inventory.clover.fail("refuse", path=r"/item_stocks\?", status=400)

    await inventory.connected(shop)
    await inventory.run_until_idle()
    assert (await inventory.stock(shop, "SKU-1"), await inventory.held()) == ((9, 9), {})


async def test_a_sweep_reads_refused_items_again(inventory: Inventory) -> None:
    """An item that Clover refused once and shows again is no longer held, and no longer read singly."""
    shop = await inventory.connect()
    item = await inventory.item(shop, None, sku="SKU-1")
    inventory.clover.fail("refuse", path=rf"/item_stocks/{item}", status=404, times=1)
    await inventory.changed(shop, item)
    await inventory.run_until_idle()
    assert list(await inventory.held()) == [item]

    await inventory.connected(shop)
    await inventory.run_until_idle()
    assert await inventory.held() == {}

    await inventory.forget()
    await inventory.later(300)
    assert inventory.calls() == ["GET "]


async def test_fractions_and_negative_counts_are_kept(inventory: Inventory) -> None:
    """Clover can show a count of 2.5 and one of -3.125."""
    shop = await inventory.connect()
    item = await inventory.item(shop, 2.5)

    shop.till("recount", item=item, quantity=-3.125)
    await inventory.changed(shop, item)
    await inventory.run_until_idle()

    assert await inventory.stock(shop, item) == (-3.125, -3.125)


async def test_a_count_beyond_the_limit_is_held_alone(inventory: Inventory) -> None:
    """The count is not stored; the other items are read."""
    shop = await inventory.connect()
    absurd, fine = await inventory.item(shop, 1, sku="SKU-1"), await inventory.item(shop, 1, sku="SKU-2")
    await shop.post(f"/item_stocks/{absurd}", {"quantity": 1e200})
    await shop.post(f"/item_stocks/{fine}", {"quantity": 3})

    for item in (absurd, fine):
        await inventory.changed(shop, item)
    await inventory.run_until_idle()

    assert list(await inventory.held()) == [absurd]
    assert await inventory.stock(shop, "SKU-2") == (3, 3)


async def test_many_failing_reads_do_not_starve_the_others(inventory: Inventory) -> None:
    """Each healthy item is read within a few attempts, although half of them always fail."""
    shop = await inventory.connect()
    items = [await inventory.item(shop, 10) for _ in range(6)]
    inventory.clover.fail("refuse", path=r"/item_stocks\?", status=400)
    for item in items[:3]:
        inventory.clover.fail("fail_before", path=rf"/item_stocks/{item}")
    for item in items:
        shop.till("recount", item=item, quantity=4)
        await inventory.changed(shop, item)
    for _ in range(40):
        await inventory.later(60)

    assert [(await inventory.stock(shop, item))[0] for item in items] == [10] * 3 + [4] * 3


async def test_a_failed_read_is_retried_later(inventory: Inventory) -> None:
    """A 5xx, a broken answer and a 429 each only delay the read."""
    shop = await inventory.connect()
    item = await inventory.item(shop, 10)
    shop.till("recount", item=item, quantity=4)
    inventory.clover.fail("fail_before", times=1)
    inventory.clover.fail("truncate", times=1)
    inventory.clover.fail("throttle", times=1, retry_after=1)

    await inventory.changed(shop, item)
    for _ in range(5):
        await inventory.later()

    assert await inventory.stock(shop, item) == (4, 4)
    assert await inventory.held() == {}


async def test_two_items_that_get_one_sku_at_once_take_turns(inventory: Inventory) -> None:
    """The later link has the SKU; neither event fails."""
    shop = await inventory.connect()
    for number in range(10):
        sku = f"SKU-{number}"
        items = [str(shop.till("create_item", name="Mug", price=100, quantity=1)["id"]) for _ in range(4)]
        await asyncio.gather(*(inventory.linked(shop, sku, item) for item in items))

        _, level = await inventory.ask("GET", shop, f"/stock/{sku}")
        assert level["item_id"] in items
