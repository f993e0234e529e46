"""The problem, the reason and the next attempt stand on the order itself, in the transaction that decides them."""

import pytest
from tests.integration.orders.conftest import Orders, in_clover
from tests.support.clover import Shop

from common.contracts.problems import Code, ProblemClosed
from orders import store
from orders.domain.progress import State

HELD = "SELECT source_id, held_problem FROM source_order WHERE held_problem IS NOT NULL ORDER BY arrival"


async def held_orders(orders: Orders, count: int) -> Shop:
    """Return a merchant without the order type, whose orders are all held."""
    shop = await orders.connected(order_type=False)
    for number in range(count):
        await orders.put(shop, f"o-{number}")
    await orders.run_until_idle()
    assert len(await orders.fetch(HELD)) == count
    return shop


@pytest.mark.parametrize("state", State)
async def test_the_status_of_an_order(orders: Orders, state: State) -> None:
    """An unfinished order with a problem is shown as held; a finished one keeps its state."""
    shop = await orders.connected()
    await orders.put(shop)
    finished = {State.DONE, State.REJECTED, State.CANCELLED}
    for problem, status in ((None, state), (Code.CONNECTION_LOST, state if state in finished else "held")):
        await orders.fetch("UPDATE source_order SET state = $1, held_problem = $2", state, problem)
        assert await orders.state(shop) == status
        _, page = await orders.call("GET", f"{orders.path(shop)}?state={status}")
        assert [each["state"] for each in page["orders"]] == [status]


async def test_a_new_order_is_due_and_a_paid_one_is_not(orders: Orders) -> None:
    """`next_attempt_at` is when it was received, and null once nothing is left to do."""
    shop = await orders.connected()
    _, body = await orders.put(shop)
    assert body["next_attempt_at"] == body["received_at"]
    await orders.run_until_idle()
    assert (await orders.seen(shop))["next_attempt_at"] is None


async def test_an_order_in_doubt_shows_its_next_look_up(orders: Orders) -> None:
    """A retry outcome puts its time on the order."""
    shop = await orders.connected()
    orders.clover.fail("drop_before_apply", method="POST", path=r"/orders$", times=1)
    await orders.put(shop)
    await orders.run_until_idle()
    [row] = await orders.fetch("SELECT next_attempt_at FROM source_order")
    assert row["next_attempt_at"] == await orders.next_due()


async def test_recheck_clears_the_problem_at_once(orders: Orders) -> None:
    """A release shows orders as ready in the same transaction, before they are attempted again."""
    shop = await held_orders(orders, 3)
    await orders.fetch("UPDATE source_order SET held_problem = $1", Code.CONNECTION_LOST)
    await orders.fetch("UPDATE work SET problem = $1 WHERE kind = 'push_order'", Code.CONNECTION_LOST)
    await orders.recheck(shop, Code.CONNECTION_LOST)
    assert await orders.fetch(HELD) == []
    assert [await orders.state(shop, f"o-{number}") for number in range(3)] == ["ready"] * 3


async def test_a_new_connection_clears_the_problem_at_once(orders: Orders) -> None:
    """Connecting again shows orders as ready before they are attempted again."""
    shop = await held_orders(orders, 2)
    await orders.fetch("UPDATE source_order SET held_problem = $1", Code.CONNECTION_LOST)
    await orders.reconnect(shop)
    assert await orders.fetch(HELD) == []


@pytest.mark.parametrize(("command", "status"), [("complete", "ready"), ("cancel", "cancelled")])
async def test_a_command_clears_the_problem_of_its_order(orders: Orders, command: str, status: str) -> None:
    """A held order that is completed or cancelled is queued or finished; the others stay held."""
    shop = await held_orders(orders, 2)
    _, body = await orders.act(shop, command, "o-0")
    assert (body["state"], body["problem"]) == (status, None)
    assert [row["source_id"] for row in await orders.fetch(HELD)] == ["o-1"]


async def test_retry_clears_the_problem_of_a_rejected_order(orders: Orders) -> None:
    """Retry queues the order now, without its problem."""
    shop = await orders.connected()
    orders.clover.fail("refuse", method="POST", path=r"/payments$", times=1)
    await orders.put(shop)
    await orders.run_until_idle()
    assert [row["held_problem"] for row in await orders.fetch(HELD)] == [Code.ORDER_REJECTED]
    _, body = await orders.act(shop, "retry")
    assert (body["state"], body["problem"]) == ("rejected", None)
    assert body["next_attempt_at"] is not None


async def test_the_setup_is_not_looked_for_when_nothing_waits(orders: Orders) -> None:
    """Once the last held order is cancelled, the timer makes no call. Only the sweep for sales makes some."""
    shop = await held_orders(orders, 1)
    await orders.act(shop, "cancel", "o-0")
    calls = orders.calls(shop)
    orders.clock.advance(20)
    await orders.run_until_idle()
    later = {path.partition("?")[0] for path in orders.calls(shop)[len(calls) :]}
    assert later == {"GET orders", "GET credits"}


async def test_held_orders_are_released_in_portions(orders: Orders, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest go first; the next portion is due when these have gone, and in the end none is held."""
    monkeypatch.setattr("orders.store.holding.PORTION", 2)
    shop = await held_orders(orders, 5)
    orders.add_order_type(shop)
    async with orders.service.database.unit() as unit:
        released = await store.holding.release(unit, shop.merchant.id, Code.ORDER_TYPE_MISSING)
    held = [row["source_id"] for row in await orders.fetch(HELD)]
    orders.clock.advance(61)  # the setup is looked for again
    await orders.run_until_idle()

    assert (released, held) == (2, ["o-2", "o-3", "o-4"])
    assert await orders.fetch("SELECT FROM source_order WHERE state <> 'paid'") == []
    assert len(in_clover(shop)) == 5
    assert [each.resumed_count for each in await orders.emitted(ProblemClosed)] == [5]


async def test_a_release_ends_when_its_cause_is_back(orders: Orders, monkeypatch: pytest.MonkeyPatch) -> None:
    """The orders of the later portions stay held: they would only be held again."""
    monkeypatch.setattr("orders.store.holding.PORTION", 2)
    shop = await held_orders(orders, 5)
    made = orders.add_order_type(shop)
    await orders.recheck(shop)
    await orders.run_until_idle()
    assert await orders.fetch(HELD) == []
    shop.till("delete_order_type", order_type=made["id"])
    for number in range(5, 9):
        await orders.put(shop, f"o-{number}")
    orders.clock.advance(61)
    await orders.run_until_idle()

    assert [row["source_id"] for row in await orders.fetch(HELD)] == ["o-5", "o-6", "o-7", "o-8"]
    async with orders.service.database.unit() as unit:
        unit.mark("release_held", shop.merchant.id, Code.ORDER_TYPE_MISSING)
    await orders.run_until_idle()
    assert len(await orders.fetch(HELD)) == 4
