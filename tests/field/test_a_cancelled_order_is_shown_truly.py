"""Users met: cancelling a refused order was reported as gone through, and a refused cancellation as a refused order."""

from tests.integration.orders.conftest import Orders, changed, in_clover, orders

from common.contracts.orders import CancellationRefused
from common.contracts.problems import Code, ProblemClosed, ProblemOpened

__all__ = ["changed", "orders"]


async def test_a_refused_order_that_is_cancelled(orders: Orders) -> None:
    """Nothing went through: the problem closes with a count of none, whether or not Clover had a part of the order."""
    for path in (r"/orders$", r"/bulk_line_items$"):
        shop = await orders.connected()
        orders.clover.fail("refuse", method="POST", path=path, times=1, id=path)
        await orders.put(shop)
        await orders.run_until_idle()
        assert await orders.state(shop) == "rejected"
        await orders.act(shop, "cancel")
        await orders.run_until_idle()
        assert (await orders.state(shop), in_clover(shop)) == ("cancelled", [])
        closed = [each for each in await orders.emitted(ProblemClosed) if each.merchant_id == shop.merchant.id]
        assert [(each.code, each.resumed_count) for each in closed] == [(Code.ORDER_REJECTED, 0)]


async def test_a_cancellation_that_clover_refuses(orders: Orders) -> None:
    """It has a problem of its own with the order's number and Clover's reason; a refund at the till settles it."""
    orders.clover.sandbox.switches.set({"delete_paid_order": "refuse"})
    shop = await orders.connected()
    await orders.put(shop)
    await orders.run_until_idle()
    await orders.act(shop, "cancel")
    await orders.run_until_idle()
    seen = await orders.seen(shop)
    reason = "Order has payments and cannot be deleted"
    assert (seen["state"], seen["problem"]["code"], seen["problem"]["reason"]) == (
        "held",
        "cancellation_refused",
        reason,
    )
    assert "Refund or void" in seen["problem"]["remedy"]
    assert (seen["timeline"][-1]["event"], seen["timeline"][-1]["detail"]) == ("cancel_refused", reason)
    [event] = await orders.emitted(CancellationRefused)
    assert (event.source_id, event.reason) == ("o-1", reason)
    [affected] = (await orders.emitted(ProblemOpened))[-1].affected
    assert (affected.subject, affected.reason) == ("#1001", reason)

    await orders.recheck(shop, Code.CANCELLATION_REFUSED)
    await orders.run_until_idle()
    assert await orders.state(shop) == "held"
    [made] = in_clover(shop)
    shop.till("refund", order=made.record["id"])
    await orders.recheck(shop, Code.CANCELLATION_REFUSED)
    await orders.run_until_idle()
    assert await orders.state(shop) == "cancelled"
    [closed] = await orders.emitted(ProblemClosed)
    assert (closed.code, closed.resumed_count) == (Code.CANCELLATION_REFUSED, 1)


async def test_every_hold_names_its_order(orders: Orders) -> None:
    """A refused order, and one that waits for the order type, are named by their number."""
    shop = await orders.connected(order_type=False)
    await orders.put(shop, number="#77")
    await orders.run_until_idle()
    assert [each.subject for each in (await orders.emitted(ProblemOpened))[-1].affected] == ["#77"]
    orders.add_order_type(shop)
    orders.clover.fail("refuse", method="POST", path=r"/orders$", times=1, body={"message": "No such thing"})
    await orders.settle_for(12)
    [affected] = (await orders.emitted(ProblemOpened))[-1].affected
    assert (affected.subject, affected.reason) == ("#77", "No such thing")


async def test_retry_of_its_work_shows_the_order_as_due(orders: Orders) -> None:
    """The generic retry of pending work clears what held the order, as its own retry does."""
    shop = await orders.connected()
    orders.clover.fail("refuse", method="POST", path=r"/payments$", times=1)
    await orders.put(shop)
    await orders.run_until_idle()
    _, page = await orders.call("GET", f"/v1/merchants/{shop.merchant.id}/work/orders")
    [held] = [each for each in page["work"] if each["kind"] == "push_order"]
    path = f"/v1/merchants/{shop.merchant.id}/work/orders/{held['id']}/retry"
    assert (await orders.call("POST", path))[0] == 202
    seen = await orders.seen(shop)
    assert (seen["problem"], seen["next_attempt_at"] is None) == (None, False)
