"""Clovers with other answers than the sandbox's usual ones: an order gets through every one of them."""

from collections.abc import Mapping

import pytest
from tests.integration.orders.conftest import ADA, Orders, in_clover

UNLIKE = {"null_fields": "null", "paid_locks": "no", "deleted_by_id": "shown", "unknown_order_type": "accept"}
BARE = {"bulk_lines_answer": "empty", "throttle_body": "text", "rate_headers": "absent", "overpayment": "refuse"}


@pytest.mark.parametrize(
    ("region", "modes"),
    [
        ("us", UNLIKE | {"bulk_lines_answer": "elements"}),
        ("us", BARE),
        ("eu", UNLIKE | BARE),
        ("eu", {"bulk_lines_answer": "order", "null_fields": "null"}),
    ],
)
async def test_an_order_from_beginning_to_end(orders: Orders, region: str, modes: Mapping[str, str]) -> None:
    """One is found after its answer was lost, paid and completed, another cancelled, however Clover answers."""
    orders.clover.sandbox.switches.set(modes)
    shop = await orders.connected(region)
    item = await shop.post("/items", {"name": "Mug in Clover", "price": 1, "sku": "MUG"})
    await orders.link(shop, "MUG", item["id"])
    orders.clover.fail("apply_then_drop", method="POST", path=r"/orders$", times=1)
    orders.clover.fail("throttle", method="GET", path="/order_types", times=1)
    for source_id in ("done", "cancelled"):
        await orders.put(shop, source_id, customer=ADA)
    await orders.settle_for(60)
    await orders.act(shop, "complete", "done")
    await orders.act(shop, "cancel", "cancelled")
    await orders.run_until_idle()

    assert [await orders.state(shop, each) for each in ("done", "cancelled")] == ["done", "cancelled"]
    [made] = in_clover(shop)
    assert [line["price"] for line in made.lines] == [1250, 1250, 999]
    assert [payment["amount"] for payment in made.payments] == [3499]
    assert (made.record["state"], len(made.customers)) == ("locked", 1 if region == "us" else 0)
