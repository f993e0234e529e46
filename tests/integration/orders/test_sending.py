"""An order goes into Clover: once, exact to the cent, in order of arrival, in as few calls as it takes."""

from collections.abc import Sequence

import pytest
from tests.integration.orders.conftest import ADA, Orders, in_clover

from common.contracts.orders import OrderSynced
from common.db.unit import Connection
from orders import store
from orders.domain.order import Order
from orders.store.payloads import Payloads


async def test_an_order_is_paid_in_clover_exact_to_the_cent(orders: Orders) -> None:
    """The order is in Clover with one row per unit, paid with External Payment, and one event is emitted."""
    shop = await orders.connected()
    status, body = await orders.put(shop)
    assert (status, body["state"]) == (202, "ready")
    await orders.run_until_idle()

    [made] = in_clover(shop)
    assert await orders.state(shop) == "paid"
    assert [line["price"] for line in made.lines] == [1250, 1250, 999]
    assert (made.record["total"], made.record["paymentState"], made.record["state"]) == (3499, "PAID", "locked")
    assert (made.record["title"], made.record["note"]) == ("shopify #1001", "QuickSync order o-1")
    assert [payment["amount"] for payment in made.payments] == [3499]
    [synced] = await orders.emitted(OrderSynced)
    assert (synced.clover_order_id, synced.currency, synced.total) == (made.record["id"], "USD", 3499)


async def test_an_order_takes_four_calls(orders: Orders) -> None:
    """Once the setup is known, create, lines, payment and a look at the result are all there is."""
    shop = await orders.connected()
    await orders.put(shop, "o-0")
    await orders.run_until_idle()
    before = len(orders.calls(shop))
    await orders.put(shop, "o-1")
    await orders.run_until_idle()
    assert [call.split("/")[0] for call in orders.calls(shop)[before:]] == ["POST orders"] * 3 + ["GET orders"]


async def test_linked_skus_become_their_items(orders: Orders) -> None:
    """A linked SKU is sold as its item at the source's price; an unlinked one is a named custom line."""
    shop = await orders.connected()
    item = await shop.post("/items", {"name": "Mug in Clover", "price": 1, "sku": "MUG"})
    await orders.link(shop, "MUG", item["id"])
    await orders.put(shop)
    await orders.run_until_idle()
    [made] = in_clover(shop)
    shown = [(line["name"], line["price"], line.get("item")) for line in made.lines]
    assert shown == [("Mug", 1250, {"id": item["id"]})] * 2 + [("Poster", 999, None)]


async def test_more_lines_than_a_call_takes(orders: Orders) -> None:
    """Rows beyond a hundred go in further calls, and every one is counted."""
    shop = await orders.connected()
    line = {"sku": "PIN", "name": "Pin", "quantity": 250, "unit_price": 3}
    await orders.put(shop, lines=[line], total=750)
    await orders.run_until_idle()
    [made] = in_clover(shop)
    assert len(made.lines) == 250
    assert await orders.state(shop) == "paid"


async def test_a_us_customer_is_found_before_one_is_made(orders: Orders) -> None:
    """Two orders of one person hang on one customer in Clover, whose details are nowhere in the clear."""
    shop = await orders.connected()
    await orders.put(shop, "o-1", customer=ADA)
    await orders.put(shop, "o-2", customer=ADA | {"phone": None})
    await orders.run_until_idle()
    first, second = in_clover(shop)
    [customer] = shop.merchant.objects["customers"].everything()
    assert first.customers == second.customers == [customer["id"]]
    [row, _] = await orders.fetch("SELECT customer FROM source_order ORDER BY arrival")
    assert b"Ada" not in row["customer"]


@pytest.mark.parametrize(
    ("customer", "names"),
    [
        ({"first_name": "Ada " * 60, "last_name": "Byron\n", "phone": "030/123456", "email": "no-address"}, 1),
        ({"first_name": "", "last_name": "Byron"}, 1),
        ({"first_name": " ", "last_name": "", "phone": "none"}, 0),
    ],
)
async def test_a_customer_in_any_spelling(orders: Orders, customer: dict[str, str], names: int) -> None:
    """No detail of a customer keeps an order: Clover gets what it can take, and none at all where that is nothing."""
    shop = await orders.connected()
    assert (await orders.put(shop, customer=customer))[0] == 202
    await orders.run_until_idle()
    [made] = in_clover(shop)
    assert (await orders.state(shop), len(made.customers)) == ("paid", names)


async def test_a_search_that_finds_a_stranger(orders: Orders) -> None:
    """A customer is only attached when the address or number matches, even if the search finds others."""
    shop = await orders.connected()
    stranger = await shop.post(
        "/customers", {"firstName": "Grace", "emailAddresses": [{"emailAddress": "g@x.example"}]}
    )
    orders.clover.fail("refuse", method="GET", path=r"/customers", status=200, body={"elements": [stranger]})
    await orders.put(shop, customer=ADA)
    await orders.run_until_idle()
    [made] = in_clover(shop)
    assert (len(made.customers), stranger["id"] in made.customers) == (1, False)


async def test_orders_go_in_the_order_they_came(orders: Orders) -> None:
    """A batch of orders is created oldest first."""
    shop = await orders.connected()
    for number in range(45):
        await orders.put(shop, f"o-{number}")
    await orders.run_until_idle()
    assert [each.record["note"] for each in in_clover(shop)] == [f"QuickSync order o-{n}" for n in range(45)]


async def test_one_bad_order_does_not_block_the_next(orders: Orders) -> None:
    """A refused order waits with the reason; the orders around it are paid."""
    shop = await orders.connected()
    await orders.put(shop, "before")
    await orders.run_until_idle()
    orders.clover.fail(
        "refuse", method="POST", path=r"/bulk_line_items$", times=1, body={"message": "Invalid line item"}
    )
    await orders.put(shop, "bad")
    await orders.put(shop, "after")
    await orders.run_until_idle()
    seen = await orders.seen(shop, "bad")
    assert (seen["state"], seen["reason"]) == ("rejected", "Invalid line item")
    assert seen["problem"]["code"] == "order_rejected"
    assert await orders.state(shop, "after") == "paid"


async def test_an_item_deleted_in_clover_is_sold_by_its_name(orders: Orders) -> None:
    """When Clover refuses linked items their lines go once as custom lines, and the timeline names their SKUs."""
    shop = await orders.connected()
    await orders.link(shop, "MUG", "G0NE000000000")
    await orders.put(shop)
    await orders.run_until_idle()
    [made] = in_clover(shop)
    assert [(line["name"], line.get("item")) for line in made.lines] == [("Mug", None), ("Mug", None), ("Poster", None)]
    seen = await orders.seen(shop)
    assert seen["state"] == "paid"
    [said] = [each["detail"] for each in seen["timeline"] if each["event"] == "items_dropped"]
    assert said == "Clover did not take the item of MUG."


async def test_an_order_in_clover_is_paid_without_another_look_at_the_setup(orders: Orders) -> None:
    """While Clover fails now and then, each further read would be one more call that all others wait for."""
    shop = await orders.connected()
    orders.clover.fail("drop_before_apply", method="POST", path=r"/payments$", times=1)
    await orders.put(shop)
    await orders.run_until_idle()
    await orders.fetch("UPDATE setup SET checked_at = checked_at - interval '1 hour'")
    for path in (r"/order_types", r"/tenders"):
        orders.clover.fail("refuse", method="GET", path=path, status=503)
    await orders.settle_for(300)
    assert await orders.state(shop) == "paid"


async def test_large_orders_are_read_in_their_turn(orders: Orders, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backlog of large orders is not held in memory all at once, and is sent in its sequence all the same."""
    monkeypatch.setattr("orders.store.orders.PORTION_BYTES", 400)
    found: list[int] = []
    find = store.orders.find

    async def counted(conn: Connection, payloads: Payloads, merchant_id: str, references: Sequence[str]) -> list[Order]:
        found.append(len(references))
        return await find(conn, payloads, merchant_id, references)

    monkeypatch.setattr("orders.store.orders.find", counted)
    shop = await orders.connected()
    for number in range(9):
        await orders.put(shop, f"o-{number}")
    found.clear()
    await orders.run_until_idle()
    assert [each.record["note"].split()[-1] for each in in_clover(shop)] == [f"o-{number}" for number in range(9)]
    assert [await orders.state(shop, f"o-{number}") for number in range(9)] == ["paid"] * 9
    assert max(found) < 9
