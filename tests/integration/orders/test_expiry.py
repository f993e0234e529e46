"""Held orders expire at their age limit, which is announced before."""

import asyncio
from datetime import timedelta

from tests.integration.orders.conftest import Orders
from tests.support.eventually import eventually

from common.contracts.orders import OrderRejected
from common.contracts.problems import Code, ProblemClosed, ProblemOpened
from orders import store

WAITING_FOR_LOCKS = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


async def test_a_held_order_expires_at_its_age_limit(orders: Orders) -> None:
    """Three days before, a problem announces it; then the order ends, once, and its id can be used again."""
    shop = await orders.connected(order_type=False)
    for source_id in ("o-1", "o-2", "o-3"):
        await orders.put(shop, source_id, number=f"#{source_id}")
    await orders.run_until_idle()
    orders.clock.advance(26.9 * 86400)
    await orders.run_until_idle()
    assert {each.code for each in await orders.emitted(ProblemOpened)} == {Code.ORDER_TYPE_MISSING}

    orders.clock.advance(0.2 * 86400)
    await orders.run_until_idle()
    announced = [each for each in await orders.emitted(ProblemOpened) if each.code == Code.ORDERS_EXPIRING]
    assert [each.waiting for each in announced] == [3]
    assert {each.subject for each in announced[0].affected} == {"#o-1", "#o-2", "#o-3"}
    assert announced[0].affected[0].reason.startswith("It expires on ")
    assert await orders.state(shop) == "held"
    await orders.act(shop, "cancel", "o-2")
    await orders.recheck(shop, Code.ORDERS_EXPIRING)
    await orders.run_until_idle()
    assert [each.waiting for each in await orders.emitted(ProblemOpened) if each.code == Code.ORDERS_EXPIRING][-1] == 2

    orders.clock.advance(3 * 86400)
    await orders.run_until_idle()
    seen = await orders.seen(shop)
    assert (seen["state"], seen["problem"], seen["timeline"][-1]["event"]) == ("expired", None, "expired")
    assert len(await orders.emitted(OrderRejected)) == 2
    closed = {each.code: each.resumed_count for each in await orders.emitted(ProblemClosed)}
    assert closed == {Code.ORDER_TYPE_MISSING: 0, Code.ORDERS_EXPIRING: 0}

    orders.add_order_type(shop)
    await orders.run_until_idle()
    assert await orders.state(shop) == "expired"
    status, refused = await orders.act(shop, "complete")
    assert status == 409
    assert refused["type"].endswith("order_expired")
    assert (await orders.put(shop))[0] == 202
    orders.clock.advance(61)
    await orders.run_until_idle()
    assert await orders.state(shop) == "paid"


async def test_an_order_that_is_just_being_sent_does_not_expire(orders: Orders) -> None:
    """The check that waits for the lock of its row looks at it again."""
    shop = await orders.connected(order_type=False)
    await orders.put(shop)
    await orders.run_until_idle()
    database = orders.service.database

    async def expire() -> int:
        async with database.unit() as unit:
            return len(await store.expiry.expire(unit, shop.merchant.id, unit.now + timedelta(days=1), "Too old."))

    async with asyncio.TaskGroup() as tasks, database.unit() as sending:
        await sending.conn.execute(
            "UPDATE source_order SET held_problem = NULL, state = 'submitting', sending = 'create_order'"
        )
        expiring = tasks.create_task(expire())
        await eventually(lambda: orders.fetch(WAITING_FOR_LOCKS))
    assert expiring.result() == 0
    assert await orders.state(shop) == "submitting"
