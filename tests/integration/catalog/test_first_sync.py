"""The first sync is shown while it runs and when it is over, also after a crash."""

import asyncio
import json
from typing import Any

import pytest
from tests.integration.catalog.conftest import Catalog, Shop
from tests.integration.catalog.test_mirror import fill, mirrored
from tests.support.eventually import eventually

from catalog.clover import items as clover
from catalog.sync.cursor import STEP
from clover_sandbox.rest.inventory_kinds import ITEMS
from clover_sandbox.rest.objects import drop
from common.clover.paging import LARGEST_PAGE
from common.clover.transport import MerchantApi

PAGES = 4
AHEAD = 6
"""Pages that may be asked for beyond the last one, while their number is not known."""


async def first_sync(catalog: Catalog, shop: Shop) -> dict[str, Any]:
    status, body = await catalog.call("GET", f"/v1/merchants/{shop.id}/first-sync")
    assert status == 200
    return dict(body)


async def large_shop(catalog: Catalog) -> Shop:
    shop = catalog.shop()
    fill(catalog, shop, PAGES * LARGEST_PAGE - 10)
    await catalog.connect(shop)
    return shop


async def test_a_first_sync_shows_its_progress_and_goes_on_after_a_crash(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits, reads, survives the death of the worker with what it had read, and is done."""
    shop = await large_shop(catalog)
    assert (await first_sync(catalog, shop))["state"] == "waiting"
    read_page, halfway, waits = clover.item_page, asyncio.Event(), asyncio.Event()

    async def item_page(api: MerchantApi, offset: int) -> clover.ItemPage:
        if offset >= 2 * STEP:
            halfway.set()
            await waits.wait()
        return await read_page(api, offset)

    monkeypatch.setattr(clover, "item_page", item_page)
    await catalog.worker.poll()
    await halfway.wait()

    async def has_two_pages() -> bool:
        return bool((await first_sync(catalog, shop))["items"] == 2 * STEP + 1)

    await eventually(has_two_pages)
    shown = await first_sync(catalog, shop)
    assert (shown["state"], shown["progress"]["done"], shown["completed_at"]) == ("reading", 2 * STEP + 1, None)
    await catalog.kill_worker(shop)
    monkeypatch.setattr(clover, "item_page", read_page)
    catalog.clover.journal.forget()
    await catalog.run_until_idle()
    shown = await first_sync(catalog, shop)
    assert (shown["state"], shown["items"], shown["progress"]) == ("done", PAGES * LARGEST_PAGE - 10, None)
    assert catalog.calls().count("GET items") <= PAGES - 2 + AHEAD
    assert len(await mirrored(catalog)) == PAGES * LARGEST_PAGE - 10


async def test_a_first_sync_that_clover_does_not_answer_goes_on(catalog: Catalog) -> None:
    """It waits for seconds, not until the next sweep."""
    shop = await large_shop(catalog)
    catalog.clover.faults.add({"kind": "fail_before", "method": "GET", "path": r"items\?", "after": 1, "times": 1})
    await catalog.run_until_idle()
    assert (await first_sync(catalog, shop))["state"] != "done"
    catalog.clock.advance(11)
    await catalog.run_until_idle()
    assert (await first_sync(catalog, shop))["state"] == "done"


async def test_a_stream_ends_with_the_first_sync(catalog: Catalog) -> None:
    """Each change is one event, named by the state; `done` is the last."""
    shop = await large_shop(catalog)
    headers = {"Authorization": f"Bearer {catalog.issuer.token()}"}
    async with catalog.http.get(f"/v1/merchants/{shop.id}/first-sync/stream", headers=headers) as response:
        assert response.content_type == "text/event-stream"
        working = asyncio.create_task(catalog.run_until_idle())
        text = await response.text()
        await working
    events = [part.splitlines() for part in text.replace("\r", "").strip().split("\n\n")]
    names = [line.removeprefix("event: ") for event in events for line in event if line.startswith("event: ")]
    assert (names[0], names[-1], names.count("done")) == ("waiting", "done", 1)
    last = [line.removeprefix("data: ") for line in events[-1] if line.startswith("data: ")]
    assert json.loads("".join(last))["items"] == PAGES * LARGEST_PAGE - 10


async def test_the_first_sync_of_an_unknown_merchant_is_not_found(catalog: Catalog) -> None:
    """Neither the state nor the stream begins."""
    for path in ("first-sync", "first-sync/stream"):
        assert (await catalog.call("GET", f"/v1/merchants/0000000000000/{path}"))[0] == 404


async def test_the_items_are_read_before_the_setup_is_checked(catalog: Catalog) -> None:
    """Products wait for the items, and the checks use the merchant's calls for a second."""
    shop = catalog.shop()
    await catalog.connect(shop)
    catalog.clover.journal.forget()
    await catalog.run_until_idle()
    assert catalog.calls()[0] == "GET items"


@pytest.mark.parametrize("survives", [True, False])
async def test_no_item_is_skipped_when_others_are_deleted_meanwhile(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, *, survives: bool
) -> None:
    """The items of later pages move up. A product with the SKU of one is linked to it, and no second one is created.

    Also when the worker dies in between.
    """
    shop = catalog.shop()
    there = fill(catalog, shop, 3 * LARGEST_PAGE)[::-1]
    catalog.clover.world.clock.advance(60)  # they are no changes of now
    read_page, has_first = clover.item_page, asyncio.Event()

    async def item_page(api: MerchantApi, offset: int) -> clover.ItemPage:
        if offset:
            await has_first.wait()
        return await read_page(api, offset)

    monkeypatch.setattr(clover, "item_page", item_page)
    await catalog.connect(shop)
    sku = f"OLD-{2 * LARGEST_PAGE - 1}"
    await catalog.put(shop, sku=sku)
    await catalog.worker.poll()

    async def has_one_page() -> bool:
        return bool((await first_sync(catalog, shop))["items"] == LARGEST_PAGE)

    await eventually(has_one_page)
    if not survives:
        await catalog.kill_worker(shop)
    merchant = catalog.clover.world.merchants[shop.id]
    with merchant.silent():
        for item_id in there[10:15]:
            drop(merchant, ITEMS, item_id)
    has_first.set()
    await catalog.run_until_idle()
    catalog.clock.advance(5)
    await catalog.run_until_idle()
    assert {*there} - {*there[10:15]} <= await mirrored(catalog)
    assert (await catalog.product(shop))["item_id"] == there[LARGEST_PAGE]
    assert [each["id"] for each in catalog.items(shop) if each["sku"] == sku] == [there[LARGEST_PAGE]]
