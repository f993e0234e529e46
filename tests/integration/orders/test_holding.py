"""Orders wait while Clover is not ready for them, and are sent once it is."""

import csv
import io
from datetime import timedelta

import pytest
from tests.integration.orders.conftest import Orders, in_clover

from common.contracts.problems import Code, ProblemClosed, ProblemOpened
from orders.domain.setup import TENDER_KEY


async def test_fifty_held_orders_flow_in_order_once_the_type_exists(orders: Orders) -> None:
    """Held orders make no calls of their own, are one problem, and are sent oldest first when the type is found."""
    shop = await orders.connected(order_type=False)
    for number in range(50):
        await orders.put(shop, f"o-{number}")
    await orders.run_until_idle()
    assert in_clover(shop) == []
    assert orders.calls(shop) == ["GET order_types", "GET tenders"]
    assert (await orders.seen(shop, "o-7"))["problem"]["code"] == "order_type_missing"
    assert (await orders.emitted(ProblemOpened))[-1].waiting == 50

    orders.add_order_type(shop)
    await orders.settle_for(12)
    assert [each.record["note"] for each in in_clover(shop)] == [f"QuickSync order o-{n}" for n in range(50)]
    assert {row["state"] for row in await orders.fetch("SELECT state FROM source_order")} == {"paid"}
    [closed] = await orders.emitted(ProblemClosed)
    assert (closed.code, closed.resumed_count) == (Code.ORDER_TYPE_MISSING, 50)


async def test_a_new_order_waits_behind_the_held_ones(orders: Orders) -> None:
    """An order that finds the type before the timer does is sent after those that wait already."""
    shop = await orders.connected(order_type=False)
    for number in range(3):
        await orders.put(shop, f"held-{number}")
    await orders.run_until_idle()
    orders.add_order_type(shop)
    await orders.fetch("UPDATE work SET due_at = due_at + interval '1 hour' WHERE kind = 'find_setup'")
    orders.clock.advance(timedelta(seconds=61))
    await orders.put(shop, "new")
    await orders.run_until_idle()
    assert [each.record["note"].split()[-1] for each in in_clover(shop)] == ["held-0", "held-1", "held-2", "new"]


async def test_it_is_looked_for_after_ten_seconds_and_then_less_often(orders: Orders) -> None:
    """The schedule starts at ten seconds and grows with how long the type is missing, to ten minutes."""
    shop = await orders.connected(order_type=False)
    await orders.put(shop)
    await orders.run_until_idle()
    assert 8 < await orders.setup_due_in() <= 10
    await orders.fetch("UPDATE setup SET missing_since = missing_since - interval '1 day'")
    orders.clock.advance(timedelta(seconds=11))
    await orders.run_until_idle()
    assert 590 < await orders.setup_due_in() <= 600


@pytest.mark.parametrize("kind", ["O", "A", "M"])
async def test_a_sign_of_life_makes_it_look(orders: Orders, kind: str) -> None:
    """While the type is missing, an order, app or merchant event has it looked for at once."""
    shop = await orders.connected(order_type=False)
    await orders.put(shop)
    await orders.run_until_idle()
    orders.add_order_type(shop)
    await orders.object_changed(shop, kind)
    await orders.run_until_idle()
    assert await orders.state(shop) == "paid"


async def test_a_person_makes_it_look(orders: Orders) -> None:
    """Recheck on the dashboard, or Retry on one order, looks at once."""
    shop = await orders.connected(order_type=False)
    await orders.put(shop, "o-1")
    await orders.run_until_idle()
    orders.add_order_type(shop)
    await orders.recheck(shop)
    await orders.run_until_idle()
    assert await orders.state(shop, "o-1") == "paid"


async def test_retry_of_a_held_order_looks_for_the_type(orders: Orders) -> None:
    """Retry on a held order has the type looked for, and with it every held order is sent."""
    shop = await orders.connected(order_type=False)
    for source_id in ("o-1", "o-2"):
        await orders.put(shop, source_id)
    await orders.run_until_idle()
    orders.add_order_type(shop)
    assert (await orders.act(shop, "retry", "o-2"))[0] == 202
    await orders.run_until_idle()
    assert [await orders.state(shop, each) for each in ("o-1", "o-2")] == ["paid", "paid"]


async def test_other_events_look_at_nothing(orders: Orders) -> None:
    """A change of an item, or of an order while nothing is missing, costs no call."""
    shop = await orders.connected(order_type=False)
    await orders.object_changed(shop, "O")
    await orders.put(shop)
    await orders.run_until_idle()
    calls = orders.calls(shop)
    await orders.object_changed(shop, "I")
    await orders.run_until_idle()
    assert orders.calls(shop) == calls


@pytest.mark.parametrize("label", [" QuickSync ", "QuickSync"])
async def test_spaces_around_the_label_do_not_matter(orders: Orders, label: str) -> None:
    """The label is compared without the spaces around it."""
    shop = await orders.connected(order_type=False)
    orders.add_order_type(shop, label)
    await orders.put(shop)
    await orders.run_until_idle()
    assert await orders.state(shop) == "paid"


@pytest.mark.parametrize("label", ["quicksync", "Quick Sync", "QuickSync Orders"])
async def test_another_label_is_not_ours(orders: Orders, label: str) -> None:
    """Another case or wording is another order type."""
    shop = await orders.connected(order_type=False)
    orders.add_order_type(shop, label)
    await orders.put(shop)
    await orders.run_until_idle()
    assert await orders.state(shop) == "held"


async def test_the_type_is_found_among_all_sorts(orders: Orders) -> None:
    """Types without a label and deleted ones of ours are passed over; of two, hidden or not, the first is taken."""
    shop = await orders.connected(order_type=False)
    hidden, plain = orders.add_order_type(shop)["id"], orders.add_order_type(shop)["id"]
    types = [
        {"id": "TYPE000000001", "labelKey": "com.clover.order.type.dine_in", "label": None},
        {"id": "TYPE000000002", "label": "QuickSync", "isDeleted": True},
        {"id": "TYPE000000003", "label": "QuickSync", "deletedTime": 1764000000000},
        {"id": hidden, "label": "QuickSync", "isHidden": True, "isDeleted": False, "deletedTime": 0},
        {"id": plain, "label": "QuickSync"},
    ]
    orders.clover.fail("refuse", path=r"/order_types", status=200, body={"elements": types})
    await orders.put(shop)
    await orders.run_until_idle()
    [made] = in_clover(shop)
    assert (await orders.state(shop), made.record["orderType"]["id"]) == ("paid", hidden)


@pytest.mark.parametrize("mode", ["refuse", "accept"])
async def test_a_deleted_type_holds_orders_however_clover_takes_it(orders: Orders, mode: str) -> None:
    """A type that is gone holds the next order: after a refusal at once, else when it was last seen a minute ago."""
    orders.clover.sandbox.switches.set({"unknown_order_type": mode})
    shop = await orders.connected()
    await orders.put(shop, "o-0")
    await orders.run_until_idle()
    [ours] = shop.merchant.objects["order_types"].everything()
    assert (await shop.call("DELETE", f"/order_types/{ours['id']}")).status == 200
    orders.clock.advance(timedelta(seconds=0 if mode == "refuse" else 61))
    await orders.put(shop, "o-1")
    await orders.run_until_idle()
    seen = await orders.seen(shop, "o-1")
    assert (seen["state"], seen["problem"]["code"]) == ("held", "order_type_missing")
    orders.add_order_type(shop)
    await orders.settle_for(15)
    assert (await orders.state(shop, "o-1"), len(in_clover(shop))) == ("paid", 2)


async def test_a_missing_tender_is_its_own_problem(orders: Orders) -> None:
    """Without External Payment orders wait for the tender; the type's problem gives way when only that is missing."""
    shop = await orders.connected(order_type=False)
    [tender] = [each for each in shop.merchant.objects["tenders"].everything() if each.get("labelKey") == TENDER_KEY]
    shop.merchant.objects["tenders"].change(tender["id"], {"enabled": False})
    await orders.put(shop)
    await orders.run_until_idle()
    orders.add_order_type(shop)
    await orders.settle_for(12)
    assert (await orders.seen(shop))["problem"]["code"] == "tender_missing"
    shop.merchant.objects["tenders"].change(tender["id"], {"enabled": True})
    await orders.settle_for(12)
    assert await orders.state(shop) == "paid"


async def test_a_lost_connection_holds_and_a_new_one_releases(orders: Orders) -> None:
    """Clover's 401 holds orders under the lost connection; connecting again sends them, in order."""
    shop = await orders.connected()
    orders.clover.fail("unauthorized", path="/v3/", id="lost")
    for number in range(3):
        await orders.put(shop, f"o-{number}")
    await orders.run_until_idle()
    assert (await orders.seen(shop, "o-1"))["problem"]["code"] == "connection_lost"
    assert orders.calls(shop) == ["GET order_types"]
    orders.clover.sandbox.faults.clear()
    await orders.reconnect(shop)
    await orders.run_until_idle()
    assert [each.record["note"].split()[-1] for each in in_clover(shop)] == ["o-0", "o-1", "o-2"]


async def test_a_permission_that_is_missing_concerns_one_order(orders: Orders) -> None:
    """A 401 among good answers holds the order it struck, with what was refused; the next one is paid."""
    shop = await orders.connected()
    orders.clover.fail("unauthorized", method="POST", path=r"/payments$", times=1)
    await orders.put(shop, "o-1")
    await orders.put(shop, "o-2")
    await orders.run_until_idle()
    held, paid = sorted([await orders.seen(shop, each) for each in ("o-1", "o-2")], key=lambda each: each["state"])
    assert (held["state"], held["problem"]["code"]) == ("held", "connection_lost")
    assert "refuses our access to orders payments" in held["problem"]["reason"]
    assert paid["state"] == "paid"
    await orders.reconnect(shop)
    await orders.run_until_idle()
    assert [await orders.state(shop, each) for each in ("o-1", "o-2")] == ["paid", "paid"]


async def test_a_cancelled_order_is_no_longer_held(orders: Orders) -> None:
    """A held order that is cancelled is not sent later, and the problem no longer counts it."""
    shop = await orders.connected(order_type=False)
    await orders.put(shop, "o-1")
    await orders.put(shop, "o-2")
    await orders.run_until_idle()
    status, body = await orders.act(shop, "cancel", "o-1")
    assert (status, body["state"]) == (200, "cancelled")
    assert (await orders.emitted(ProblemOpened))[-1].waiting == 1
    orders.add_order_type(shop)
    await orders.settle_for(12)
    assert [each.record["note"].split()[-1] for each in in_clover(shop)] == ["o-2"]


async def test_the_order_type_is_created_on_request(orders: Orders) -> None:
    """It is created once, also after a lost answer and a second request, and the waiting orders are sent."""
    shop = await orders.connected(order_type=False)
    await orders.put(shop)
    await orders.run_until_idle()
    orders.clover.fail("apply_then_drop", method="POST", path="/order_types", times=1)
    path = f"/v1/merchants/{shop.merchant.id}/setup/order_type"
    for _ in range(2):
        status, body = await orders.call("POST", path)
        assert (status, body["label"]) == (202, "QuickSync")
        await orders.settle_for(30)

    assert [each["label"] for each in shop.merchant.objects["order_types"]] == ["QuickSync"]
    assert await orders.state(shop) == "paid"


async def test_held_orders_are_retried_together(orders: Orders) -> None:
    """The held orders of one problem are attempted again; those of another one stay."""
    shop = await orders.connected(order_type=False)
    for number in range(3):
        await orders.put(shop, f"o-{number}")
    await orders.run_until_idle()
    orders.add_order_type(shop)
    path = f"{orders.path(shop)}:retry"

    assert await orders.call("POST", path, {"problem": "order_rejected"}) == (202, {"orders": 0})
    assert await orders.call("POST", path, {}) == (202, {"orders": 3})
    await orders.run_until_idle()
    assert [await orders.state(shop, f"o-{number}") for number in range(3)] == ["paid"] * 3


async def test_an_unlinked_sku_is_held_if_the_merchant_chose_so(orders: Orders) -> None:
    """The order waits for its link, names the SKU and blocks no other; the link releases it, as does the choice."""
    shop = await orders.connected()
    path = f"/v1/merchants/{shop.merchant.id}/order-settings"
    assert await orders.call("GET", path) == (200, {"unlinked_skus": "send"})
    assert await orders.call("PUT", path, {"unlinked_skus": "hold"}) == (200, {"unlinked_skus": "hold"})
    await orders.put(shop, "o-1")
    pin = [{"sku": "PIN", "name": "Pin", "quantity": 1, "unit_price": 300}]
    await orders.put(shop, "o-2", lines=pin, total=300)
    plain = [{"name": "Wrapping", "quantity": 1, "unit_price": 300}]
    await orders.put(shop, "o-3", lines=plain, total=300)
    await orders.run_until_idle()

    held = await orders.seen(shop, "o-1")
    assert (held["state"], held["problem"]["code"]) == ("held", Code.SKU_UNLINKED)
    assert held["problem"]["reason"] == "Not linked to an item in Clover: MUG, POSTER."
    assert [await orders.state(shop, each) for each in ("o-2", "o-3")] == ["held", "paid"]

    item = await shop.post("/items", {"name": "Pin in Clover", "price": 1, "sku": "PIN"})
    await orders.link(shop, "PIN", item["id"])
    await orders.run_until_idle()
    assert [await orders.state(shop, each) for each in ("o-1", "o-2")] == ["held", "paid"]

    await orders.call("PUT", path, {"unlinked_skus": "send"})
    await orders.run_until_idle()
    assert await orders.state(shop, "o-1") == "paid"


async def test_held_orders_are_exported_without_formulas(orders: Orders) -> None:
    """The table has each held order with its reason; a text that would be a formula is only text."""
    shop = await orders.connected(order_type=False)
    await orders.put(shop, "=1+1", number="=HYPERLINK(1)")
    await orders.put(shop, "o-2", number='#2, "two"')
    await orders.run_until_idle()
    headers = {"Authorization": f"Bearer {orders.issuer.token()}"}

    async def exported(query: str = "") -> list[dict[str, str]]:
        async with orders.http.get(f"{orders.path(shop)}.csv{query}", headers=headers) as response:
            assert (response.status, response.content_type) == (200, "text/csv")
            return list(csv.DictReader(io.StringIO(await response.text(), newline="")))

    rows = await exported()
    assert [(row["source_id"], row["number"]) for row in rows] == [("'=1+1", "'=HYPERLINK(1)"), ("o-2", '#2, "two"')]
    assert {row["problem"] for row in rows} == {Code.ORDER_TYPE_MISSING}
    assert await exported("?problem=order_rejected") == []
