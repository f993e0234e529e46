"""The comparison of all counts runs in slices and goes on after a crash."""

import asyncio
from decimal import Decimal

import pytest
from tests.integration.inventory.conftest import Inventory

from clover_sandbox.rest.inventory_kinds import ITEMS
from clover_sandbox.rest.objects import make
from clover_sandbox.stock import write_count
from common.clover.transport import MerchantApi
from common.db.unit import Priority
from inventory import clover
from inventory.kinds import ALL_ITEMS, SWEEP

PAGES = 3


async def test_a_comparison_of_counts_goes_on_after_a_crash(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new worker repeats one page at most, and every count is accounted for once."""
    shop = await inventory.connect()
    with shop.merchant.silent():
        for number in range(1000 * PAGES - 10):
            item = make(shop.merchant, ITEMS, {"name": f"Old {number}", "price": 100})
            write_count(shop.merchant, item["id"], Decimal(2), "recount")
    read: list[int] = []
    read_page = clover.read_page

    async def counted(api: MerchantApi, offset: int) -> clover.StockPage:
        page = await read_page(api, offset)
        read.append(offset)
        if read == [0, 1000]:
            raise asyncio.CancelledError
        return page

    monkeypatch.setattr(clover, "read_page", counted)
    async with inventory.service.database.unit() as unit:
        unit.mark(SWEEP, shop.merchant.id, ALL_ITEMS, priority=Priority.BULK)
    await inventory.worker.poll()
    await asyncio.gather(*inventory.worker.turns.tasks.values(), return_exceptions=True)  # it is cancelled
    inventory.new_worker()
    await inventory.run_until_idle()

    assert read == [0, 1000, 1000, 2000]
    [known] = await inventory.fetch("SELECT count(*), sum(on_hand) FROM level")
    assert tuple(known) == (1000 * PAGES - 10, 2000 * (1000 * PAGES - 10))
    assert [row["state"] for row in await _work(inventory, shop.merchant.id)] == ["waiting"]


async def _work(inventory: Inventory, merchant_id: str) -> list[dict[str, str]]:
    _, body = await inventory.call("GET", f"/v1/merchants/{merchant_id}/work/inventory")
    return [row for row in body["work"] if row["kind"] == SWEEP]
