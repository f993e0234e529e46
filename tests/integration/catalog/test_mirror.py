"""The mirror follows Clover: by the first sync, by webhooks, by reads of changes and by sweeps."""

from dataclasses import replace
from typing import Any

import pytest
from tests.integration.catalog.conftest import Catalog, Shop

from catalog.clover import items as clover
from catalog.domain.mirror import OVERLAP
from catalog.kinds import PUSH_PRODUCT, READ_ITEM
from catalog.store import items
from catalog.sync.deltas import read_changes
from clover_sandbox.rest.inventory_kinds import CATEGORIES, ITEMS
from clover_sandbox.rest.objects import drop, make
from common.clover.paging import LARGEST_PAGE
from common.clover.transport import MerchantApi
from common.contracts.clover import ObjectChanged
from common.db.unit import Priority
from common.work.batch import Batch

OLD_ITEMS = 2 * LARGEST_PAGE + 500


def fill(catalog: Catalog, shop: Shop, count: int) -> list[str]:
    """Add items without webhooks; return their ids."""
    merchant = catalog.clover.world.merchants[shop.id]
    with merchant.silent():
        return [
            make(merchant, ITEMS, {"name": f"Old {number}", "sku": f"OLD-{number}", "price": 100})["id"]
            for number in range(count)
        ]


async def mirrored(catalog: Catalog) -> set[str]:
    return {row["item_id"] for row in await catalog.fetch("SELECT item_id FROM item WHERE deleted_at IS NULL")}


async def state(catalog: Catalog, shop: Shop) -> items.MirrorState:
    async with catalog.service.database.connection() as conn:
        return await items.mirror_state(conn, shop.id)


@pytest.mark.parametrize(
    ("total", "cap"),
    [
        *((total, "none") for total in (0, LARGEST_PAGE)),
        *(
            (total, cap)
            for total in (2 * LARGEST_PAGE, OLD_ITEMS)
            for cap in ("none", "1000", "1000_ends", "1000_refused")
        ),
    ],
)
async def test_the_first_sync_reads_all_items(catalog: Catalog, total: int, cap: str) -> None:
    """Also where Clover cuts a list that is read by offset: with the same page again, an empty one, or a refusal."""
    catalog.clover.switches.set({"offset_cap": cap})
    shop = catalog.shop()
    there = fill(catalog, shop, total)
    await catalog.connect(shop)
    assert (await state(catalog, shop)).completed_at is None
    await catalog.run_until_idle()
    assert await mirrored(catalog) == set(there)
    assert (await state(catalog, shop)).completed_at is not None


@pytest.mark.parametrize("shown", ["404", "shown"])
async def test_a_deletion_without_a_webhook_is_noticed(catalog: Catalog, shown: str) -> None:
    """The sweep finds that an item is missing, asks for it and keeps it as deleted. Nothing is created."""
    catalog.clover.switches.set({"deleted_by_id": shown})
    shop = catalog.shop()
    [gone, kept] = fill(catalog, shop, 2)
    await catalog.connect(shop)
    await catalog.run_until_idle()
    merchant = catalog.clover.world.merchants[shop.id]
    with merchant.silent():
        drop(merchant, ITEMS, gone)
    await catalog.sweep()
    assert await mirrored(catalog) == {kept}
    assert "POST items" not in catalog.calls()


async def test_an_item_that_a_page_missed_is_not_deleted(catalog: Catalog) -> None:
    """A page by offset misses an item when others are deleted meanwhile; its own read shows it."""
    shop = catalog.shop()
    there = fill(catalog, shop, 2)
    await catalog.connect(shop)
    await catalog.run_until_idle()
    catalog.clover.faults.add(
        {"kind": "refuse", "status": 200, "body": {"elements": []}, "method": "GET", "path": r"items\?", "times": 2}
    )
    await catalog.sweep()
    assert await mirrored(catalog) == set(there)


async def test_many_webhooks_are_one_read(catalog: Catalog) -> None:
    """Items that were created, edited and deleted at the till are read together; a deleted one costs a call more."""
    shop = await catalog.connected()
    merchant = catalog.clover.world.merchants[shop.id]
    there = fill(catalog, shop, 60)
    hints = [ObjectChanged(merchant_id=shop.id, kind="I", object_id=each, action="UPDATE", sent_at=1) for each in there]
    await catalog.deliver(*hints)
    assert await mirrored(catalog) == set()
    catalog.clock.advance(5)
    await catalog.run_until_idle()
    assert await mirrored(catalog) == set(there)
    assert catalog.calls() == ["GET items"]

    with merchant.silent():
        drop(merchant, ITEMS, there[0])
    await catalog.hear(shop, there[0], "DELETE")
    assert await mirrored(catalog) == set(there[1:])


async def test_a_webhook_of_a_merchant_that_is_not_connected_is_ignored(catalog: Catalog) -> None:
    """No work is queued that nobody can do."""
    shop = catalog.shop()
    await catalog.deliver(
        ObjectChanged(merchant_id=shop.id, kind="I", object_id="ITEM000000001", action="CREATE", sent_at=1)
    )
    assert await catalog.fetch("SELECT FROM work") == []


async def test_the_items_of_a_deleted_category_wait_for_the_next_comparison(catalog: Catalog) -> None:
    """Clover may send a webhook of the category alone, which says all that products need."""
    shop = catalog.shop()
    merchant = catalog.clover.world.merchants[shop.id]
    [item] = fill(catalog, shop, 1)
    category = make(merchant, CATEGORIES, {"name": "Cups"})["id"]
    merchant.ties["category_items"].tie(category, item)
    await catalog.connect(shop)
    await catalog.run_until_idle()
    assert [row["category_ids"] for row in await catalog.fetch("SELECT category_ids FROM item")] == [[category]]
    merchant.ties["category_items"].untie(category, item)
    merchant.objects["items"].change(item, {"modifiedTime": merchant.now_ms() + 1000})
    await catalog.deliver(ObjectChanged(merchant_id=shop.id, kind="IC", object_id=category, action="DELETE", sent_at=1))
    catalog.clock.advance(5)
    await catalog.run_until_idle()
    await catalog.compare()
    assert [row["category_ids"] for row in await catalog.fetch("SELECT category_ids FROM item")] == [[]]


async def test_an_edit_at_the_till_is_put_back_after_its_webhook(catalog: Catalog) -> None:
    """The mirror shows the edit, which marks the product; the item has the product's price again."""
    shop = await catalog.connected()
    await catalog.put(shop)
    await catalog.run_until_idle()
    [item] = catalog.items(shop)
    catalog.till(shop, "edit_item", item=item["id"], price=1)
    await catalog.hear(shop, item["id"])
    assert [each["price"] for each in catalog.items(shop)] == [1250]


async def test_a_stock_webhook_costs_no_push(catalog: Catalog) -> None:
    """Each sale sends a webhook of its item; a product that is as it should be is left alone."""
    shop = await catalog.connected()
    await catalog.put(shop)
    await catalog.run_until_idle()
    [item] = catalog.items(shop)
    catalog.clover.journal.forget()
    await catalog.hear(shop, item["id"])
    assert catalog.calls() == ["GET items"]


@pytest.fixture
def changes(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Read the changes of a shop as the push of products does; return whether the mirror is complete."""

    async def read(shop: Shop, priority: Priority = Priority.NORMAL) -> bool:
        results: list[bool] = []

        async def function(batch: Batch, deps: Any) -> None:
            async with deps.clover.session(batch.merchant_id, batch.priority) as api:
                results.append(await read_changes(batch, api))

        [kind] = [each for each in catalog.service.kinds if each.name == PUSH_PRODUCT]
        monkeypatch.setitem(kind.__dict__, "function", function)
        async with catalog.service.database.unit() as unit:
            unit.mark(PUSH_PRODUCT, shop.id, "p-changes", priority=priority)
        await catalog.run_until_idle()
        return results[-1]

    return read


async def test_changes_are_read_since_the_last_time(catalog: Catalog, changes: Any) -> None:
    """Before something is created, one call shows what the till added."""
    shop = await catalog.connected()
    there = fill(catalog, shop, 1)
    assert await changes(shop)
    assert await mirrored(catalog) == set(there)
    assert catalog.calls() == ["GET items"]


@pytest.mark.parametrize("cap", ["none", "1000_ends"])
async def test_live_work_waits_for_one_page_of_changes(catalog: Catalog, changes: Any, cap: str) -> None:
    """Of thousands, also of one second, the sweep reads the others, and what needs them is tried again.

    They are read once: when Clover's clock has gone on, changes are read from there.
    """
    catalog.clover.switches.set({"offset_cap": cap})
    shop = await catalog.connected()
    there = fill(catalog, shop, OLD_ITEMS)
    catalog.clover.world.clock.advance(10)
    assert not await changes(shop)
    assert await mirrored(catalog) == set(there)
    catalog.clover.journal.forget()
    assert await changes(shop)
    assert catalog.calls() == ["GET items"]


async def test_background_work_reads_some_pages_of_changes_itself(catalog: Catalog, changes: Any) -> None:
    """A batch of products does not wait for the sweep."""
    shop = await catalog.connected()
    there = fill(catalog, shop, OLD_ITEMS)
    assert await changes(shop, Priority.BULK)
    assert await mirrored(catalog) == set(there)


@pytest.mark.parametrize("date", ["absent", "odd"])
async def test_changes_are_read_from_the_newest_item_without_a_date(catalog: Catalog, changes: Any, date: str) -> None:
    """Clover's answers have no date that can be read: the items themselves say how far changes are read."""
    catalog.clover.switches.set({"date_header": date})
    shop = await catalog.connected()
    fill(catalog, shop, 1)
    assert await changes(shop)
    [item] = catalog.items(shop)
    assert (await state(catalog, shop)).changes_from == item["modifiedTime"] - OVERLAP
    fill(catalog, shop, 1)
    assert await changes(shop)
    assert len(await mirrored(catalog)) == 2


async def test_without_a_first_sync_changes_are_not_enough(catalog: Catalog, changes: Any) -> None:
    """The mirror lacks items until all were read since the connection, also after the merchant was away."""
    shop = await catalog.connected()
    assert await changes(shop)
    await catalog.call("DELETE", f"/v1/merchants/{shop.id}")
    await catalog.run_until_idle()
    fault = {"kind": "fail_before", "method": "GET", "path": r"items\?", "times": 100}
    catalog.clover.faults.add(fault)
    await catalog.connect(shop)
    assert not await changes(shop)
    catalog.clover.faults.clear()
    await catalog.sweep()
    assert await changes(shop)


async def test_nothing_is_created_before_all_items_are_read(catalog: Catalog) -> None:
    """Clover may have the item on a page that was not read yet: the product waits, and is linked in the end."""
    shop = await catalog.connected()
    merchant = catalog.clover.world.merchants[shop.id]
    with merchant.silent():
        item = make(merchant, ITEMS, {"name": "Old", "sku": "SKU-p-1", "price": 100})
    await catalog.fetch("DELETE FROM item_mirror")  # as if the first sync went on
    await catalog.put(shop)
    await catalog.run_until_idle()
    assert not [call for call in catalog.calls() if not call.startswith("GET")]
    await catalog.sweep()
    assert await catalog.synced_on_retry(shop)
    assert [each["id"] for each in catalog.items(shop)] == [item["id"]]


async def test_a_page_read_before_a_write_does_not_overwrite_it(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer of a sweep arrives after a write of the same second: the mirror keeps what was written."""
    shop = await catalog.connected()
    fill(catalog, shop, 1)
    read_page = clover.item_page

    async def item_page(api: MerchantApi, offset: int) -> clover.ItemPage:
        page = await read_page(api, offset)
        if not offset:
            async with catalog.service.database.unit() as unit:
                [item] = page.items
                written = replace(item, fields=replace(item.fields, price=999))
                await items.save(unit.conn, shop.id, [written], await items.draw_number(unit.conn))
        return page

    monkeypatch.setattr(clover, "item_page", item_page)
    await catalog.sweep()
    assert [row["price"] for row in await catalog.fetch("SELECT price FROM item")] == [999]


async def test_hints_that_clover_refuses_hold_nothing(catalog: Catalog) -> None:
    """The next sweep reads the items; no person must decide."""
    shop = await catalog.connected()
    [item] = fill(catalog, shop, 1)
    catalog.clover.faults.add({"kind": "refuse", "status": 400, "method": "GET", "path": r"items\?.*id", "times": 1})
    await catalog.hear(shop, item)
    assert await catalog.fetch("SELECT FROM work WHERE kind = $1", READ_ITEM) == []
    await catalog.sweep()
    assert await mirrored(catalog) == {item}
