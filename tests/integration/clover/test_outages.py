"""Outages of the local Clover, seen by one process: of one token, of a region, of everything, and 429s."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.integration.clover.conftest import settings
from tests.support.clock import MovedClock
from tests.support.clover import Clover as LocalClover
from tests.support.clover import Shop, local_clover
from tests.support.service import OpenGrants

from common.clover.call_budget import CallBudget
from common.clover.transport import Clover, Unread
from common.errors import AppError, OutOfService, Throttled
from common.telemetry.metrics import Metrics


@dataclass
class Calling:
    """The transport, on a clock that the test moves, with shops in two regions that one sandbox serves."""

    clover: Clover
    local: LocalClover
    clock: MovedClock
    grants: OpenGrants
    shops: dict[str, list[Shop]] = field(default_factory=dict)

    def open(self, region: str, number: int) -> list[Shop]:
        shops = [self.local.open_shop(region) for _ in range(number)]
        self.grants.shops |= {shop.merchant.id: shop for shop in shops}
        return shops

    async def call(self, shop: Shop) -> str:
        """Make a call; return what came of it."""
        try:
            async with self.clover.session(shop.merchant.id) as api:
                await api.get("items", Unread, {"limit": str(1 + len(list(self.local.sandbox.journal.since(0))) % 900)})
        except AppError as error:
            return type(error).__name__
        return "answered"

    async def call_for(self, shops: list[Shop], seconds: int) -> list[str]:
        """Call for each shop twice a second for so long."""
        results = []
        for _ in range(2 * seconds):
            results += [await self.call(shop) for shop in shops]
            self.clock.advance(0.5)
        return results

    def sent(self, *shops: Shop) -> int:
        ids = {shop.merchant.id for shop in shops}
        return sum(each.merchant_id in ids for each in self.local.sandbox.journal.since(0))


@pytest.fixture
async def calling() -> AsyncIterator[Calling]:
    clock, grants = MovedClock(), OpenGrants()
    async with local_clover() as local:
        made = settings(clover_base_urls={"us": local.url, "eu": local.url}, clover_timeout=5.0)
        budget = CallBudget(grants, clock)
        async with Clover(made, grants, budget, Metrics(), clock, user_agent="QuickSync/0.1 (test)") as clover:
            yield Calling(clover, local, clock, grants)


async def test_outage_of_one_token(calling: Calling) -> None:
    """Its calls stop but for single probes, those of others go on, and a probe finds its end."""
    ill, well = calling.open("us", 2)
    calling.local.fail("fail_before", merchant=ill.merchant.id)
    results = await calling.call_for([ill, well], 60)

    assert results.count("answered") == 120
    assert calling.sent(ill) <= 3 + 60 / 2
    calling.local.sandbox.faults.clear()
    assert "answered" in await calling.call_for([ill], 17)
    assert set(await calling.call_for([ill], 5)) == {"answered"}


async def test_outage_of_one_region(calling: Calling) -> None:
    """A whole region costs as few probes as one token; another region notices nothing."""
    ill, well = calling.open("us", 6), calling.open("eu", 2)
    for shop in ill:
        calling.local.fail("fail_before", merchant=shop.merchant.id)
    results = await calling.call_for([*ill, *well], 60)

    assert results.count("answered") == 240
    assert calling.sent(*ill) <= 6 + 60 / 2
    calling.local.sandbox.faults.clear()
    await calling.call_for(ill, 17)
    assert set(await calling.call_for(ill, 5)) == {"answered"}


@pytest.mark.parametrize("fault", ["fail_before", "drop_before_apply"])
async def test_outage_of_everything(calling: Calling, fault: str) -> None:
    """Every shop goes on within seconds of the end."""
    shops = [*calling.open("us", 4), *calling.open("eu", 4)]
    calling.local.fail(fault)
    results = await calling.call_for(shops, 60)

    assert "answered" not in results
    assert results[-1] == OutOfService.__name__
    assert calling.sent(*shops) <= 2 * (4 + 60 / 2)
    calling.local.sandbox.faults.clear()
    await calling.call_for(shops, 17)
    assert set(await calling.call_for(shops, 5)) == {"answered"}


@pytest.mark.parametrize("retry_after", [None, 3])
async def test_429s_pause_the_calls_and_open_no_circuit(calling: Calling, retry_after: int | None) -> None:
    """All calls of the merchant wait for the pause; then they go on."""
    [shop] = calling.open("us", 1)
    given: dict[str, Any] = {} if retry_after is None else {"retry_after": retry_after, "limit": "token"}
    calling.local.fail("throttle", times=4, **given)
    results = [await calling.call(shop) for _ in range(1)]
    assert results == [Throttled.__name__]
    waiting = [asyncio.create_task(calling.call(shop)) for _ in range(3)]
    for _ in range(40):
        await asyncio.sleep(0)
        calling.clock.advance(1)
    results += await asyncio.gather(*waiting)
    calling.clock.advance(60)

    assert set(results) <= {"answered", Throttled.__name__}
    assert await calling.call(shop) == "answered"
