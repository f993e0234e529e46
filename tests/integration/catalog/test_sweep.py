"""The comparison of all items runs in slices: it gives way, shows how far it is, and goes on after a crash."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.integration.catalog.conftest import Catalog, Shop
from tests.support.eventually import eventually

from catalog.clover import items as clover
from catalog.sync.cursor import STEP
from clover_sandbox.rest.inventory_kinds import ITEMS
from clover_sandbox.rest.objects import make
from common.clover.transport import MerchantApi

PAGES = 6
PAGE = "GET items"
AHEAD = 6
"""Pages that may be on their way beside the one that is saved; they are read in vain at the end, or after a crash."""
OnPage = Callable[[int, Callable[[], Awaitable[None]]], None]


@pytest.fixture
def on_page(monkeypatch: pytest.MonkeyPatch) -> OnPage:
    """Sets what happens once during the reading of the page at this place; looks for urgent work after each page."""
    monkeypatch.setattr("common.work.slices.URGENT_SECONDS", 0.0)
    read_page = clover.item_page

    def at(page: int, act: Callable[[], Awaitable[None]]) -> None:
        left = [act]

        async def item_page(api: MerchantApi, offset: int) -> clover.ItemPage:
            read = await read_page(api, offset)
            if left and offset == STEP * page:
                await left.pop()()
            return read

        monkeypatch.setattr(clover, "item_page", item_page)

    return at


def fill(catalog: Catalog, shop: Shop) -> None:
    """Add items to the last page but a few, all but one of them long before the reads of changes."""
    merchant = catalog.clover.world.merchants[shop.id]
    with merchant.silent():
        for number in range(1000 * PAGES - 10 - len(merchant.objects["items"])):
            make(merchant, ITEMS, {"name": f"Old {number}", "sku": f"OLD-{number}", "price": 100})
        merchant.shared.clock.advance(60)
        make(merchant, ITEMS, {"name": "New", "sku": "NEW", "price": 100})


async def many_items(catalog: Catalog) -> Shop:
    """A merchant with one synced product, whose item is the oldest of many."""
    shop = await catalog.connected()
    await catalog.put(shop)
    await catalog.run_until_idle()
    fill(catalog, shop)
    await catalog.sweep()
    catalog.clover.journal.forget()
    return shop


async def progress(catalog: Catalog, shop: Shop) -> dict[str, Any] | None:
    _, body = await catalog.call("GET", f"/v1/merchants/{shop.id}/work/catalog")
    [shown] = [row["progress"] for row in body["work"] if row["kind"] == "sweep_items"]
    return dict(shown) if shown else None


async def test_a_product_is_pushed_between_two_pages(catalog: Catalog, on_page: OnPage) -> None:
    """A product saved during a comparison is in Clover before further pages are read; the progress is shown."""
    shop = await many_items(catalog)
    shown = []

    async def save() -> None:
        await catalog.put(shop, "p-2")
        shown.append(await eventually(lambda: progress(catalog, shop)))  # the pages before this one may come later

    on_page(2, save)
    await catalog.sweep()

    calls = catalog.calls()
    assert calls.count(PAGE) <= PAGES + 1 + AHEAD  # one of them looks for the SKU
    assert calls[: calls.index("POST items")].count(PAGE) <= 3 + 1 + AHEAD
    assert [0 < each["done"] <= 1000 * (PAGES - 1) for each in shown] == [True]
    assert await progress(catalog, shop) is None


async def test_a_comparison_goes_on_after_a_crash(catalog: Catalog, on_page: OnPage) -> None:
    """A new worker still knows which items the first one saw."""
    shop = await many_items(catalog)
    [own] = [item for item in catalog.items(shop) if item["sku"] == "SKU-p-1"]

    async def crash() -> None:
        raise asyncio.CancelledError

    on_page(3, crash)
    catalog.clock.advance(3601)
    await catalog.worker.poll()
    await asyncio.gather(*catalog.worker.turns.tasks.values(), return_exceptions=True)  # it is cancelled
    catalog.till(shop, "delete_item", item=own["id"])
    catalog.new_worker()
    await catalog.run_until_idle()

    calls = catalog.calls()
    assert calls.count(PAGE) <= PAGES + 3 + 2 * AHEAD  # those on their way twice, one look for the item and the SKU
    assert (await catalog.product(shop))["sync"]["state"] == "held"  # its item is missing since the crash


async def test_a_crash_repeats_only_the_pages_on_their_way(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages are saved as they come: when the one after a slow one is there, a new worker does not read it again."""
    shop = await many_items(catalog)
    read_page, read, slow = clover.item_page, [], asyncio.Event()

    async def item_page(api: MerchantApi, offset: int) -> clover.ItemPage:
        read.append(offset)
        if offset == 2 * STEP and read.count(offset) == 1:
            await slow.wait()
        return await read_page(api, offset)

    monkeypatch.setattr(clover, "item_page", item_page)
    catalog.clock.advance(3601)
    await catalog.worker.poll()
    await eventually(lambda: saved(catalog, {0, STEP, 3 * STEP, 4 * STEP}), within=60)
    await catalog.kill_worker(shop)
    catalog.clover.journal.forget()
    await catalog.run_until_idle()

    assert set(read) <= {STEP * page for page in range(PAGES + 1)}
    assert {offset for offset in read if read.count(offset) > 1} == {
        2 * STEP,
        5 * STEP,
    }  # the last one waits for those before
    assert len(await catalog.fetch("SELECT FROM item WHERE deleted_at IS NULL")) == len(catalog.items(shop))


async def saved(catalog: Catalog, offsets: set[int]) -> bool:
    """Return whether the pages at these offsets are saved."""
    [row] = await catalog.fetch("SELECT cursor FROM work_run")
    _, reached, _, beyond = (row["cursor"] or "offset 0 0 ").split(" ")
    return offsets <= {*range(0, int(reached), STEP), *map(int, filter(None, beyond.split(",")))}


async def test_a_comparison_of_nothing_new_is_two_calls(catalog: Catalog) -> None:
    """Neither a change nor a different number of items: no page is read."""
    shop = await many_items(catalog)
    catalog.clover.world.clock.advance(60)
    await catalog.compare()
    catalog.clover.journal.forget()
    await catalog.compare()
    assert catalog.calls() == [PAGE, PAGE]
    catalog.clover.journal.forget()
    await catalog.sweep()
    assert catalog.calls().count(PAGE) >= PAGES
    assert (await catalog.product(shop))["sync"]["state"] == "synced"


async def test_an_edit_without_a_webhook_is_put_back_by_the_next_comparison(catalog: Catalog) -> None:
    """It is among the changes, so that no other item is read."""
    shop = await many_items(catalog)
    [own] = [item for item in catalog.items(shop) if item["sku"] == "SKU-p-1"]
    catalog.clover.world.clock.advance(60)
    catalog.till(shop, "edit_item", item=own["id"], price=1)
    await catalog.compare()
    [own] = [item for item in catalog.items(shop) if item["sku"] == "SKU-p-1"]
    assert own["price"] == 1250
    assert catalog.calls().count(PAGE) <= 3


@pytest.mark.parametrize("is_replaced", [False, True])
async def test_a_deletion_without_a_webhook_is_noticed_by_the_next_comparison(
    catalog: Catalog, *, is_replaced: bool
) -> None:
    """Clover has an item less than the mirror, also when another one was created: then all are read."""
    shop = await many_items(catalog)
    [own] = [item for item in catalog.items(shop) if item["sku"] == "SKU-p-1"]
    catalog.till(shop, "delete_item", item=own["id"])
    if is_replaced:
        catalog.till(shop, "create_item", name="Other", price=1)
    await catalog.compare()
    assert (await catalog.product(shop))["sync"]["state"] == "held"


@pytest.mark.parametrize("cap", ["1000", "1000_ends", "1000_refused"])
async def test_where_lists_are_cut_all_items_are_read_each_time(catalog: Catalog, cap: str) -> None:
    """Their number cannot be asked for, so that a deletion shows in no other way."""
    shop = await many_items(catalog)
    catalog.clover.switches.set({"offset_cap": cap})
    [own] = [item for item in catalog.items(shop) if item["sku"] == "SKU-p-1"]
    catalog.till(shop, "delete_item", item=own["id"])
    await catalog.compare()
    assert (await catalog.product(shop))["sync"]["state"] == "held"


async def test_a_merchant_disconnected_during_a_comparison_ends_it(catalog: Catalog, on_page: OnPage) -> None:
    """No page is read after the disconnection, no work fails, and the next connection compares all again."""
    shop = await many_items(catalog)

    async def disconnect() -> None:
        status, _ = await catalog.call("DELETE", f"/v1/merchants/{shop.id}")
        assert status < 300

    on_page(2, disconnect)
    await catalog.sweep()
    assert catalog.calls().count(PAGE) <= 3 + AHEAD
    assert await catalog.fetch("SELECT FROM work WHERE kind = 'sweep_items'") == []

    assert (await catalog.connect(shop))[0] < 300
    await catalog.run_until_idle()
    assert catalog.calls().count(PAGE) >= PAGES + 3
