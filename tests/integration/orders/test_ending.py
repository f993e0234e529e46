"""Orders completed and cancelled, from every state they can be in."""

from tests.integration.orders.conftest import SETTLE, Orders, in_clover

from common.contracts.orders import OrderCancelled, OrderCompleted, OrderSynced


async def test_a_paid_order_is_completed(orders: Orders) -> None:
    """It is done once Clover shows it paid and locked, with one event however often completion is requested."""
    shop = await orders.connected()
    await orders.put(shop)
    await orders.run_until_idle()
    assert (await orders.act(shop, "complete"))[0] == 202
    await orders.run_until_idle()
    status, body = await orders.act(shop, "complete")
    assert (status, body["state"]) == (200, "done")
    assert len(await orders.emitted(OrderCompleted)) == 1


async def test_completed_before_it_is_sent(orders: Orders) -> None:
    """An order completed while it waits is done right after it is paid."""
    shop = await orders.connected(order_type=False)
    await orders.put(shop)
    await orders.run_until_idle()
    await orders.act(shop, "complete")
    orders.add_order_type(shop)
    await orders.settle_for(90)
    assert await orders.state(shop) == "done"
    assert len(await orders.emitted(OrderSynced)) == 1


async def test_a_paid_order_clover_did_not_lock(orders: Orders) -> None:
    """It is locked, and done once Clover shows it so."""
    shop = await orders.connected()
    await orders.put(shop)
    await orders.run_until_idle()
    [made] = in_clover(shop)
    shop.merchant.objects["orders"].change(made.record["id"], {"state": "open"})
    await orders.act(shop, "complete")
    await orders.run_until_idle()
    [made] = in_clover(shop)
    assert (await orders.state(shop), made.record["state"]) == ("done", "locked")


async def test_an_order_clover_does_not_show_as_locked(orders: Orders) -> None:
    """It is held with the reason, and Retry completes it once Clover shows it locked."""
    shop = await orders.connected()
    await orders.put(shop)
    await orders.run_until_idle()
    [made] = in_clover(shop)
    shop.merchant.objects["orders"].change(made.record["id"], {"state": "open"})
    orders.clover.fail("refuse", method="POST", path=r"/orders/\w+$", status=200, body={})
    await orders.act(shop, "complete")
    await orders.run_until_idle()
    seen = await orders.seen(shop)
    assert (seen["state"], seen["problem"]["code"]) == ("held", "order_rejected")
    assert "still open to changes" in seen["problem"]["reason"]
    shop.merchant.objects["orders"].change(made.record["id"], {"state": "locked"})
    await orders.act(shop, "retry")
    await orders.run_until_idle()
    assert await orders.state(shop) == "done"


async def test_cancelled_before_it_is_sent(orders: Orders) -> None:
    """Nothing is called, and the work is gone."""
    shop = await orders.connected()
    await orders.put(shop)
    status, body = await orders.act(shop, "cancel")
    assert (status, body["state"]) == (200, "cancelled")
    await orders.run_until_idle()
    assert orders.calls(shop) == []
    assert await orders.fetch("SELECT FROM work WHERE kind = 'push_order'") == []
    [event] = await orders.emitted(OrderCancelled)
    assert event.clover_order_id is None


async def test_cancelled_after_it_is_paid(orders: Orders) -> None:
    """It is deleted in Clover with one event, and a second request changes nothing."""
    shop = await orders.connected()
    await orders.put(shop)
    await orders.run_until_idle()
    assert (await orders.act(shop, "cancel"))[0] == 202
    await orders.run_until_idle()
    assert (await orders.state(shop), in_clover(shop)) == ("cancelled", [])
    assert (await orders.act(shop, "cancel"))[0] == 200
    [event] = await orders.emitted(OrderCancelled)
    assert event.clover_order_id == in_clover(shop, deleted=True)[0].record["id"]


async def test_a_deletion_without_an_answer(orders: Orders) -> None:
    """A deletion whose answer was lost is done again; that it was gone already is as good."""
    shop = await orders.connected()
    await orders.put(shop)
    await orders.run_until_idle()
    orders.clover.fail("apply_then_drop", method="DELETE", path=r"/orders/", times=1)
    await orders.act(shop, "cancel")
    await orders.settle_for(10)
    assert await orders.state(shop) == "cancelled"
    assert len(await orders.emitted(OrderCancelled)) == 1


async def test_cancelled_while_its_creation_is_in_doubt(orders: Orders) -> None:
    """It is looked up first: deleted when it is there."""
    shop = await orders.connected()
    orders.clover.fail("apply_then_drop", method="POST", path=r"/orders$", times=1)
    orders.clover.fail("stale_index", method="GET", path=r"/orders\?", seconds=3600, times=2)
    await orders.put(shop)
    await orders.run_until_idle()
    assert await orders.state(shop) == "unknown"
    assert (await orders.act(shop, "cancel"))[0] == 202
    await orders.settle_for(2 * SETTLE)
    assert (await orders.state(shop), in_clover(shop)) == ("cancelled", [])


async def test_cancelled_while_in_doubt_and_never_there(orders: Orders) -> None:
    """When Clover shows nothing of it over the settle time it is cancelled without having been sent again."""
    shop = await orders.connected()
    orders.clover.fail("drop_before_apply", method="POST", path=r"/orders$", times=1)
    await orders.put(shop)
    await orders.run_until_idle()
    await orders.act(shop, "cancel")
    await orders.settle_for(2 * SETTLE)
    assert await orders.state(shop) == "cancelled"
    assert [call for call in orders.calls(shop) if call == "POST orders"] == ["POST orders"]


async def test_cancelled_half_way(orders: Orders) -> None:
    """An order whose lines Clover refused is deleted with what there is of it."""
    shop = await orders.connected()
    orders.clover.fail("refuse", method="POST", path=r"/bulk_line_items$", id="no lines")
    await orders.put(shop)
    await orders.run_until_idle()
    assert await orders.state(shop) == "rejected"
    await orders.act(shop, "cancel")
    await orders.run_until_idle()
    assert (await orders.state(shop), in_clover(shop)) == ("cancelled", [])


async def test_a_rejected_order_tried_again(orders: Orders) -> None:
    """Retry continues with the first missing write."""
    shop = await orders.connected()
    orders.clover.fail("refuse", method="POST", path=r"/payments$", times=1)
    await orders.put(shop)
    await orders.run_until_idle()
    seen = await orders.seen(shop)
    assert (seen["state"], seen["reason"]) == ("rejected", "refused by a fault")
    assert (await orders.act(shop, "retry"))[0] == 202
    await orders.run_until_idle()
    [made] = in_clover(shop)
    assert (await orders.state(shop), len(made.lines), len(made.payments)) == ("paid", 3, 1)


async def test_clover_refuses_to_delete_a_paid_order(orders: Orders) -> None:
    """The order keeps its state and waits for a person, with Clover's reason."""
    orders.clover.sandbox.switches.set({"delete_paid_order": "refuse"})
    shop = await orders.connected()
    await orders.put(shop)
    await orders.run_until_idle()
    await orders.act(shop, "cancel")
    await orders.run_until_idle()
    seen = await orders.seen(shop)
    assert (seen["state"], seen["requested_action"], len(in_clover(shop))) == ("held", "cancel", 1)
    assert seen["problem"]["reason"] == "Order has payments and cannot be deleted"


async def test_a_finished_order_stays_finished(orders: Orders) -> None:
    """A done order is not cancelled and a cancelled one not completed; nothing is left to retry."""
    shop = await orders.connected()
    await orders.put(shop, "done")
    await orders.put(shop, "cancelled")
    await orders.act(shop, "complete", "done")
    await orders.act(shop, "cancel", "cancelled")
    await orders.run_until_idle()
    assert (await orders.act(shop, "cancel", "done"))[0] == 409
    assert (await orders.act(shop, "complete", "cancelled"))[0] == 409
    assert (await orders.act(shop, "retry", "done"))[0] == 200
    assert await orders.fetch("SELECT FROM work WHERE kind = 'push_order'") == []


async def test_an_order_changed_at_the_till_is_not_called_paid(orders: Orders) -> None:
    """Clover's order is compared with the source: the reason for an extra row names both numbers."""
    shop = await orders.connected()
    orders.clover.fail("refuse", method="POST", path=r"/payments$", times=1)
    await orders.put(shop)
    await orders.run_until_idle()
    [made] = in_clover(shop)
    await shop.post(f"/orders/{made.record['id']}/line_items", {"name": "Coffee", "price": 300})
    await orders.act(shop, "retry")
    await orders.run_until_idle()
    seen = await orders.seen(shop)
    assert seen["state"] == "rejected"
    assert "it has 3 units and Clover shows 4" in seen["reason"]
