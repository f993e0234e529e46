"""Users met: after an outage of some minutes, orders and stock counts waited for minutes more."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.integration.inventory.conftest import Inventory, inventory
from tests.integration.orders.conftest import Orders, orders
from tests.support.service import Harness

from common.contracts.problems import Code, ProblemClosed, ProblemOpened

__all__ = ["inventory", "orders"]

FAULTS: dict[str, dict[str, Any]] = {
    "500": {"kind": "fail_before", "status": 500},
    "503 after applying": {"kind": "fail_after", "status": 503},
    "no answer": {"kind": "drop_before_apply"},
}


@pytest.fixture
def changed() -> dict[str, Any]:
    return {}


async def work_for(service: Harness, seconds: float, until: Callable[[], Awaitable[bool]] | None = None) -> timedelta:
    """Work second by second for so long, or until this holds; return the time it took."""
    began = service.clock.now()
    while service.clock.now() - began < timedelta(seconds=seconds):
        await service.run_until_idle()
        if until is not None and await until():
            return service.clock.now() - began
        service.clock.advance(1)
    assert until is None, "it took too long"
    return timedelta(seconds=seconds)


def calls(service: Orders | Inventory, since: int = 0) -> int:
    return len(list(service.clover.sandbox.journal.since(since)))


@pytest.mark.parametrize("fault", FAULTS)
async def test_an_order_in_doubt_is_decided_soon_after_its_end(orders: Orders, fault: str) -> None:
    """Clover is asked every few seconds at most, the store is informed, and the order is paid within 90 s, once."""
    shop = await orders.connected()
    await orders.put(shop, "o-0")
    await orders.run_until_idle()
    orders.clover.fail(**FAULTS[fault])
    began, before = orders.clock.now(), orders.clover.sandbox.journal.last_seq()
    await orders.put(shop, "o-1")
    await work_for(orders, 240)
    assert calls(orders, before) <= 240 / 2
    problems = await orders.emitted(ProblemOpened)
    assert {each.code for each in problems} == {Code.CLOVER_UNREACHABLE}
    assert problems[0].opened_at - began <= timedelta(minutes=1)
    orders.clover.sandbox.faults.clear()

    async def is_paid() -> bool:
        return await orders.state(shop, "o-1") == "paid"

    assert await work_for(orders, 90, is_paid) <= timedelta(seconds=90)
    assert len(shop.merchant.sheets) == 2
    assert [each.code for each in await orders.emitted(ProblemClosed)] == [Code.CLOVER_UNREACHABLE]


async def test_an_order_that_met_three_503s_is_decided_within_90_seconds(orders: Orders) -> None:
    """The time to decide a doubt does not grow with the doubts before."""
    shop = await orders.connected()
    orders.clover.fail("fail_before", method="POST", path=r"/orders$", status=503, times=3)
    await orders.put(shop)
    rule = orders.clover.sandbox.faults.rules()[0]

    async def was_refused_three_times() -> bool:
        return rule.played == 3

    async def is_paid() -> bool:
        return await orders.state(shop) == "paid"

    await work_for(orders, 300, was_refused_three_times)
    assert await work_for(orders, 90, is_paid) <= timedelta(seconds=90)


@pytest.mark.parametrize("retry_after", [None, 2])
async def test_an_order_goes_soon_after_its_last_429(orders: Orders, retry_after: int | None) -> None:
    """The calls pause, once for all orders; eight 429s in a row do not delay any by minutes, nor change their order."""
    shop = await orders.connected()
    given = {} if retry_after is None else {"retry_after": retry_after, "limit": "token_concurrent"}
    orders.clover.fail("throttle", method="POST", path=r"/orders$", times=8, **given)
    rule = orders.clover.sandbox.faults.rules()[0]
    refused_at: list[datetime] = []
    for number in range(3):
        await orders.put(shop, f"o-{number}")

    async def all_are_paid() -> bool:
        if rule.played == 8 and not refused_at:
            refused_at.append(orders.clock.now())
        return {await orders.state(shop, f"o-{number}") for number in range(3)} == {"paid"}

    await work_for(orders, 300, all_are_paid)
    assert orders.clock.now() - refused_at[0] <= timedelta(seconds=30)
    notes = [each["note"].split()[-1] for each in shop.merchant.objects["orders"].everything()]
    assert notes == ["o-0", "o-1", "o-2"]


async def test_counts_are_written_soon_after_its_end(inventory: Inventory) -> None:
    """With many counts to write, Clover is still asked every few seconds only, and all are there a minute later."""
    shop = await inventory.connect()
    items = [await inventory.item(shop, 10, sku=f"SKU-{number}") for number in range(12)]
    inventory.clover.fail("fail_before")
    for number in range(12):
        await inventory.adjust(shop, f"SKU-{number}", -1)
    await work_for(inventory, 180)
    assert calls(inventory) <= 12 + 180 / 2
    inventory.clover.sandbox.faults.clear()

    async def all_are_written() -> bool:
        return [shop.count(item) for item in items] == [9] * 12

    assert await work_for(inventory, 60, all_are_written) <= timedelta(seconds=60)


async def test_a_clover_that_only_fails_to_write_is_not_hammered(inventory: Inventory) -> None:
    """Reads that are answered do not hide that every write fails."""
    shop = await inventory.connect()
    items = [await inventory.item(shop, 10, sku=f"SKU-{number}") for number in range(12)]
    inventory.clover.fail("fail_before", method="POST")
    for number in range(12):
        await inventory.adjust(shop, f"SKU-{number}", -1)
    await work_for(inventory, 180)
    assert len(inventory.calls("POST")) <= 24 + 180 / 2
    inventory.clover.sandbox.faults.clear()

    async def all_are_written() -> bool:
        return [shop.count(item) for item in items] == [9] * 12

    assert await work_for(inventory, 90, all_are_written) <= timedelta(seconds=90)


async def test_a_flapping_clover_is_used_while_it_answers(inventory: Inventory) -> None:
    """Ten seconds up, ten down: every count arrives, and the time down costs few calls."""
    shop = await inventory.connect()
    items = [await inventory.item(shop, 10, sku=f"SKU-{number}") for number in range(12)]
    failed = 0
    for number in range(12):
        await inventory.adjust(shop, f"SKU-{number}", -1)
        inventory.clover.fail("fail_before", id="down")
        await work_for(inventory, 10)
        failed += inventory.clover.sandbox.faults.rules()[0].played
        inventory.clover.sandbox.faults.clear()
        await work_for(inventory, 10)
    await work_for(inventory, 30)

    assert [shop.count(item) for item in items] == [9] * 12
    assert failed <= 12 * 10
