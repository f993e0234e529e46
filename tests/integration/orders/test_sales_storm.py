"""Sales while everything goes wrong: each is published once, and at rest the events add up to Clover."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from tests.integration.orders.conftest import Orders
from tests.integration.orders.till import Till, open_till
from tests.support.clock import MovedClock

from clover_sandbox.answers import Refused
from clover_sandbox.events import Event
from common.db.unit import Unit
from common.work.batch import Batch
from orders import store
from orders.sync import sales as sync

SHOPS, STEPS = 3, 30
MINUTE = timedelta(minutes=1)

FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "throttle"},
    {"kind": "throttle", "retry_after": 2},
    {"kind": "refuse", "status": 503},
    {"kind": "fail_after", "status": 500},
    {"kind": "drop_before_apply"},
    {"kind": "truncate"},
    {"kind": "malformed"},
    {"kind": "delay", "ms": 300},
    {"kind": "stale_index", "seconds": 20},
    {"kind": "refuse", "status": 404, "path": "/orders/[A-Z0-9]{13}"},
)
"""A delay of 300 ms is a call that hangs: it is longer than the limit of these tests."""


@pytest.fixture
def changed() -> dict[str, Any]:
    return {"clover_timeout": 0.15}


@dataclass
class Deaths:
    """Kills orders in the middle of its work: before what it read is committed, or right after."""

    chance: Random
    probability: float = 0.0
    count: int = 0

    def __call__(self) -> None:
        if self.chance.random() < self.probability:
            self.count += 1
            raise asyncio.CancelledError


@pytest.fixture
def deaths(monkeypatch: pytest.MonkeyPatch) -> Deaths:
    deaths = Deaths(Random(7))
    save, note_missing = store.sales.save, sync._note_missing  # noqa: SLF001 - the moment after the commit

    async def dying_save(unit: Unit, *others: Any) -> None:
        await save(unit, *others)
        deaths()

    async def dying_note(batch: Batch, order_ids: Any) -> None:
        deaths()
        await note_missing(batch, order_ids)

    monkeypatch.setattr("orders.store.sales.save", dying_save)
    monkeypatch.setattr("orders.sync.sales._note_missing", dying_note)
    return deaths


async def _work(orders: Orders) -> None:
    """Work until nothing is due; after a death a new worker goes on."""
    while True:
        try:
            return await orders.run_until_idle()
        except asyncio.CancelledError:
            orders.new_worker()


Act = Callable[[Till, Random, Any], Any]
ACTS: tuple[Act, ...] = (
    lambda till, _, sold: till.shop.till("refund", order=sold["order"], lines=[sold["lines"][0]]),
    lambda till, _, sold: till.shop.till("refund", order=sold["order"], lines=[], amount=20),
    lambda till, _, sold: till.shop.till("delete_order", order=sold["order"]),
    lambda till, _, sold: till.shop.till("void_line", order=sold["order"], line=sold["lines"][-1]),
)


@pytest.mark.parametrize("seed", range(3))
async def test_each_sale_is_published_once_in_a_storm(orders: Orders, deaths: Deaths, seed: int) -> None:
    """Three shops sell while webhooks are lost, doubled and late, Clover fails, orders dies, and its clock jumps."""
    chance, clock = Random(seed), orders.clock
    assert isinstance(clock, MovedClock)
    tills = [await open_till(orders) for _ in range(SHOPS)]
    tills[0].shop.merchant.shared.clock.advance(10)  # each connected two seconds after the one before
    sold: list[tuple[Till, Any]] = []
    late: list[tuple[Till, Event]] = []
    deaths.probability = 0.2
    for _ in range(STEPS):
        till = chance.choice(tills)
        sold += [(till, till.sell()) for _ in range(chance.randint(1, 4))]
        if chance.random() < 0.3:
            till, one = chance.choice(sold)
            with suppress(Refused):
                chance.choice(ACTS)(till, chance, one)
        if chance.random() < 0.4:
            fault = chance.choice(FAULTS)
            orders.clover.fail(**fault, method="GET", times=chance.randint(1, 3))
        for each in tills:
            kept = [(each, event) for event in each.webhooks if chance.random() > 0.25]
            each.webhooks.clear()
            late += kept * chance.choice((1, 1, 2))
        chance.shuffle(late)
        now, late = late[: len(late) // 2], late[len(late) // 2 :]
        for each in tills:
            with suppress(asyncio.CancelledError):
                await each.deliver([event for at, event in now if at is each])
        await _work(orders)
        clock.advance(chance.choice((0, 0, 1, 5, 40)))
        if chance.random() < 0.1:
            clock.go_back_to(clock.now() - chance.choice((MINUTE, 30 * MINUTE)))
    deaths.probability = 0.0
    await orders.clover.control("DELETE", "/faults")
    orders.new_worker()
    for _ in range(3):
        clock.advance(3600)  # more than the clock ever went back
        await orders.settle_for(600)

    assert deaths.count > 0
    for till in tills:
        assert await till.sums() == till.truth()
        times = Counter(line.line_item_id for each in await till.sales() for line in each.lines if line.quantity)
        assert not times or max(times.values()) == 1
