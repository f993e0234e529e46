"""The sweep of sales: the sales it finds without a webhook, how far it reads, and the rows it prunes."""

from collections import Counter

import pytest
from tests.integration.orders.conftest import Orders
from tests.integration.orders.till import Till, open_till
from tests.support.clock import MovedClock

from common.work import table

SWEEP = 300.0


@pytest.fixture
async def till(orders: Orders) -> Till:
    return await open_till(orders)


async def test_a_sale_without_a_webhook_is_published_by_the_sweep(till: Till) -> None:
    """The sweep finds the sale, its deletion and nothing else to publish."""
    sold = till.sell()
    till.shop.till("park_order", lines=[{"item": till.tea}])
    till.webhooks.clear()
    await till.orders.settle_for(SWEEP)
    assert [each.clover_order_id for each in await till.sales()] == [sold["order"]]

    till.shop.till("delete_order", order=sold["order"])
    await till.orders.settle_for(2 * SWEEP)
    [back] = await till.refunds()
    assert [(each.cause, each.quantity) for each in back.lines] == [("voided", 1000), ("voided", 1000)]
    assert await till.sums() == till.truth() == Counter()


async def test_a_sale_just_after_the_connection_is_published_within_seconds(till: Till) -> None:
    """Its webhook met a receiver that did not know the merchant yet, and was dropped."""
    sold = till.sell()
    till.webhooks.clear()
    await till.orders.settle_for(10)

    assert [each.clover_order_id for each in await till.sales()] == [sold["order"]]


async def test_a_payment_whose_order_is_not_known_leads_to_a_sweep(till: Till) -> None:
    """The webhooks of the order are lost; that of its payment brings the next sweep forward."""
    till.sell()
    await till.orders.settle_for(10)  # past the first sweep
    [first] = await till.sales()
    second = till.sell()
    await till.deliver([each for each in till.webhooks if each.key == "P"])
    assert await till.sales() == [first]
    await till.orders.settle_for(30)

    assert [each.clover_order_id for each in await till.sales()] == [first.clover_order_id, second["order"]]


@pytest.mark.parametrize("has_order", [False, True])
async def test_a_manual_credit_is_published_once(till: Till, has_order: bool) -> None:
    """Money given back without a sale is a refund without lines, and one that is voided is taken back."""
    sold = till.sell()
    await till.deliver()
    given = till.shop.till("credit", amount=540, tax=40, **({"order": sold["order"]} if has_order else {}))
    await till.deliver()
    await till.orders.settle_for(2 * SWEEP)
    [back] = await till.refunds()
    assert back.clover_order_id == (sold["order"] if has_order else given["credit"])
    assert (back.amount, back.added_tax, back.other, back.lines) == (540, 40, 500, [])

    till.shop.till("void_credit", credit=given["credit"])
    await till.orders.settle_for(2 * SWEEP)
    _, taken_back = await till.sales()
    assert (taken_back.amount, taken_back.added_tax, taken_back.lines) == (540, 40, [])
    assert await till.sums() == till.truth()


async def test_a_credit_from_before_the_connection_is_not_published(orders: Orders) -> None:
    """Each channel knows what it had then."""
    till = await open_till(orders)
    orders.clock.advance(3600)
    await orders.fetch("UPDATE sales_watch SET since = $1", orders.clock.now())
    till.shop.till("credit", amount=500)
    await orders.settle_for(2 * SWEEP)

    assert await till.refunds() == []


DAY = 24 * 3600.0


def _days_pass(till: Till, days: float) -> None:
    till.orders.clock.advance(days * DAY)
    till.shop.merchant.shared.clock.advance(days * DAY)


async def _kept(till: Till) -> set[str]:
    rows = await till.orders.fetch("SELECT clover_order_id FROM sale NATURAL JOIN sale_part")
    return {row["clover_order_id"] for row in rows}


async def test_old_sales_are_pruned_and_never_published_again(till: Till) -> None:
    """Their parts go some weeks after Clover's window; a refund later than that is published alone."""
    old, returned = till.sell(), till.sell()
    await till.deliver()
    _days_pass(till, 100)
    till.shop.till("refund", order=returned["order"], lines=[returned["lines"][0]])
    await till.deliver()
    await till.orders.settle_for(2 * SWEEP)
    assert await _kept(till) == {old["order"], returned["order"]}

    _days_pass(till, 30)
    new = till.sell()
    await till.deliver()
    await till.orders.settle_for(2 * SWEEP)
    assert await _kept(till) == {returned["order"], new["order"]}

    till.shop.till("refund", order=old["order"], lines=[old["lines"][1]])
    await till.deliver()
    await till.orders.settle_for(2 * SWEEP)
    assert Counter(each.clover_order_id for each in await till.sales()) == Counter(
        each["order"] for each in (old, returned, new)
    )
    assert await till.sums() == till.truth()


async def test_old_sales_are_pruned_in_portions(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    """No sweep deletes more than a portion; the next ones delete the rest."""
    monkeypatch.setattr("orders.store.sales.PORTION", 1)
    for _ in range(5):
        till.sell(till.tea)
    await till.deliver()
    _days_pass(till, 130)
    new = till.sell()
    await till.deliver()
    left = []
    for _ in range(7):
        await till.orders.settle_for(SWEEP)
        left.append(len(await _kept(till)))

    assert left[-1] == 1
    assert len(set(left)) > 2
    assert await _kept(till) == {new["order"]}


async def test_a_clock_that_is_ahead_for_a_while_loses_no_sale(till: Till) -> None:
    """Sweeps under a clock that is months ahead find nothing, forget nothing, and hide no later sale."""
    known = till.sell()
    await till.deliver()
    before = till.orders.clock.now()
    till.orders.clock.advance(200 * DAY)
    await till.orders.settle_for(2 * SWEEP)
    clock = till.orders.clock
    assert isinstance(clock, MovedClock)
    clock.go_back_to(before)
    late = till.sell()
    till.webhooks.clear()
    await till.orders.fetch("UPDATE work SET due_at = $1", before)
    async with till.orders.service.database.connection() as conn:
        await table.repair(conn, before)
    await till.orders.settle_for(2 * SWEEP)

    assert await _kept(till) == {known["order"], late["order"]}
    assert await till.sums() == till.truth()


async def test_a_sweep_pauses_and_continues(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long sweep goes in slices, each continuing where the last one ended."""
    monkeypatch.setattr("orders.clover.sales.PAGE", 4)
    monkeypatch.setattr("orders.sync.sales.SLICE_SECONDS", 0.0)
    for _ in range(5):
        for _ in range(3):
            till.sell(till.tea)
        till.shop.merchant.shared.clock.advance(1)
    await till.orders.settle_for(SWEEP)

    assert len(await till.sales()) == 15
    assert await till.sums() == till.truth()
