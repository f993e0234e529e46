"""Sales made in Clover, from the till to the events: by webhook, by sweep, each once, and never an order of ours."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from tests.integration.orders.conftest import Orders
from tests.integration.orders.till import Till, open_till
from tests.support.clock import MovedClock

from clover_sandbox.answers import Refused
from clover_sandbox.events import Event
from common.contracts.orders import PosSaleRecorded
from common.contracts.problems import Code, ProblemClosed, ProblemOpened
from common.work import table

SWEEP = 300.0


@pytest.fixture
async def till(orders: Orders) -> Till:
    return await open_till(orders)


async def test_a_sale_is_published_once(till: Till) -> None:
    """All webhooks of one sale, delivered twice and followed by a sweep, cost one call and publish one event."""
    await till.orders.link(till.shop, "TEA", till.tea)
    sold = till.sell()
    await till.deliver()
    calls = [each for each in till.orders.calls(till.shop) if each.startswith("GET orders")]
    await till.orders.settle_for(SWEEP)

    [event] = await till.sales()
    assert calls == [f"GET orders/{sold['order']}"]
    assert (event.clover_order_id, event.amount, event.currency) == (sold["order"], 750, "USD")
    assert [(each.item_id, each.sku, each.quantity, each.amount) for each in event.lines] == [
        (till.tea, "TEA", 1000, 300),
        (till.cake, None, 1000, 450),
    ]
    assert await till.refunds() == []


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


async def test_a_payment_whose_order_is_not_known_leads_to_a_sweep(till: Till) -> None:
    """The webhooks of the order are lost; that of its payment brings the next sweep forward."""
    till.sell()
    await till.orders.settle_for(70)  # past the first sweep
    [first] = await till.sales()
    second = till.sell()
    await till.deliver([each for each in till.webhooks if each.key == "P"])
    assert await till.sales() == [first]
    await till.orders.settle_for(30)

    assert [each.clover_order_id for each in await till.sales()] == [first.clover_order_id, second["order"]]


async def test_our_own_orders_are_never_published(till: Till) -> None:
    """An order of ours is recognised without a call, and by its reference before its id is known here."""
    orders, shop = till.orders, till.shop
    await orders.put(shop)
    await orders.run_until_idle()
    before = len(orders.calls(shop))
    await till.deliver()
    assert len(orders.calls(shop)) == before
    async with orders.service.database.unit() as unit:
        await unit.conn.execute("UPDATE source_order SET clover_order_id = NULL")
    [own] = [each["id"] for each in shop.merchant.objects["orders"].everything()]
    await orders.object_changed(shop, "O", own)
    await orders.settle_for(2 * SWEEP)

    assert len(orders.calls(shop)) > before
    assert (await till.sales(), await till.refunds()) == ([], [])
    assert await orders.fetch("SELECT FROM sale") == []


def _exchange(till: Till, order: str, line: str) -> None:
    till.shop.till("exchange", order=order, line=line, **{"with": {"item": till.cake}})


RETURNS: dict[str, Callable[[Till, str, str], Any]] = {
    "refunded": lambda till, order, line: till.shop.till("refund", order=order, lines=[line]),
    "exchanged": _exchange,
    "voided": lambda till, order, line: till.shop.till("void_line", order=order, line=line),
}


@pytest.mark.parametrize("cause", RETURNS)
async def test_a_row_that_goes_back_is_published(till: Till, cause: str) -> None:
    """A refund, an exchange and a void publish the row that went back, with its cause."""
    sold = till.sell()
    await till.deliver()
    RETURNS[cause](till, sold["order"], sold["lines"][0])
    await till.deliver()

    [back] = await till.refunds()
    assert [(line.line_item_id, line.cause) for line in back.lines] == [(sold["lines"][0], cause)]
    assert await till.sums() == till.truth()


async def test_sales_are_listed_as_they_stand(till: Till) -> None:
    """The list shows what was paid and refunded, and the lines that are still sold."""
    await till.orders.link(till.shop, "TEA", till.tea)
    sold, other = till.sell(), till.sell(till.cake)
    till.shop.till("refund", order=sold["order"], lines=[sold["lines"][1]])
    await till.deliver()
    path = f"/v1/merchants/{till.shop.merchant.id}/sales"
    status, first = await till.orders.call("GET", f"{path}?limit=1")
    _, rest = await till.orders.call("GET", f"{path}?cursor={first['next']}")

    shown = {each["clover_order_id"]: each for each in (*first["sales"], *rest["sales"])}
    assert (status, rest["next"], set(shown)) == (200, None, {sold["order"], other["order"]})
    assert (shown[sold["order"]]["paid"], shown[sold["order"]]["refunded"]) == (750, 450)
    assert shown[sold["order"]]["lines"] == [{"item_id": till.tea, "sku": "TEA", "quantity": 1, "amount": 300}]


async def test_a_sale_of_many_rows_is_published_whole(till: Till) -> None:
    """Clover cuts an expanded list at a hundred rows; the rest is read, and published in events of a bounded size."""
    till.shop.till("sell", lines=[{"item": till.tea, "quantity": 1201}])
    await till.deliver()

    counts = sorted((len(each.lines), each.amount) for each in await till.sales())
    assert counts == [(201, 201 * 300), (500, 500 * 300), (500, 500 * 300)]
    assert {each.other for each in await till.sales()} == {0}
    assert await till.sums() == till.truth()


async def _rung_up(till: Till, *, tax: int = 0, percent: int = 0, off: int = 0, charge: bool = False) -> Any:
    """Ring up tea with sugar (+50), and cake with a line discount of 10 %, beside what an order can add to them."""
    shop = till.shop
    if tax:
        await shop.post("/tax_rates", {"name": "Tax", "rate": tax, "isDefault": True})
    group = await shop.post("/modifier_groups", {"name": "Extras"})
    sugar = await shop.post(f"/modifier_groups/{group['id']}/modifiers", {"name": "Sugar", "price": 50})
    opened = shop.till("open_order", lines=[{"item": till.tea}, {"item": till.cake}])
    path, (tea, cake) = f"/orders/{opened['order']}", opened["lines"]
    await shop.post(f"{path}/line_items/{tea}/modifications", {"modifier": {"id": sugar["id"]}})
    await shop.post(f"{path}/line_items/{cake}/discounts", {"name": "Old", "percentage": 10})
    if percent:
        await shop.post(f"{path}/discounts", {"name": "Club", "percentage": percent})
    if off:
        await shop.post(f"{path}/discounts", {"name": "Voucher", "amount": -off})
    if charge:
        offered = await shop.get("/default_service_charge")
        await shop.post(f"{path}/service_charge", {**offered, "percentageDecimal": 100000, "enabled": True})
    shop.till("recalculate", order=opened["order"])
    return opened


@pytest.mark.parametrize(
    ("added", "lines", "tax", "other", "calls"),
    [
        ({}, [350, 405], 0, 0, 2),
        ({"tax": 825000}, [350, 405], 62, 0, 2),
        ({"percent": 20}, [280, 324], 0, 0, 3),
        ({"off": 100, "tax": 1000000}, [304, 351], 66, 0, 3),
        ({"charge": True}, [350, 405], 0, 76, 3),
    ],
    ids=["rows", "tax", "percent", "amount and tax", "service charge"],
)
async def test_amounts_of_lines_have_modifications_discounts_and_taxes_apart(
    till: Till, added: Any, lines: list[int], tax: int, other: int, calls: int
) -> None:
    """They add up to what was paid. Details are read only where prices do not come to the total."""
    opened = await _rung_up(till, **added)
    till.shop.till("pay_order", order=opened["order"], tip=120)
    before = len(till.orders.calls(till.shop))
    await till.deliver()

    [event] = await till.sales()
    amounts = {each.item_id: each.amount for each in event.lines}
    assert [amounts[till.tea], amounts[till.cake]] == lines
    assert (event.added_tax, event.contained_tax, event.tips, event.other) == (tax, 0, 120, other)
    assert len(till.orders.calls(till.shop)) - before == calls
    assert await till.sums() == till.truth()


async def test_a_refund_has_its_share_of_discounts_and_taxes(till: Till) -> None:
    """The refund of a row takes back its amount and tax; one of money alone is for nothing that was sold."""
    opened = await _rung_up(till, off=100, tax=1000000)
    till.shop.till("pay_order", order=opened["order"])
    await till.deliver()
    till.shop.till("refund", order=opened["order"], lines=[opened["lines"][1]])
    await till.deliver()
    till.shop.till("refund", order=opened["order"], lines=[], amount=34)
    await till.deliver()

    cake, money = await till.refunds()
    assert [(each.item_id, each.amount) for each in cake.lines] == [(till.cake, 351)]
    assert (cake.amount, cake.added_tax, cake.other) == (387, 36, 0)
    assert (money.amount, money.added_tax, money.other, money.lines) == (34, 0, 34, [])
    assert await till.sums() == till.truth()


async def test_prices_with_tax_name_the_tax_in_them(orders: Orders) -> None:
    """A VAT merchant's lines are gross, and the event names the tax that they contain."""
    shop = await orders.connected("eu")
    await shop.post("/tax_rates", {"name": "VAT", "rate": 2000000, "isDefault": True})
    tea = await shop.post("/items", {"name": "Tea", "price": 300})
    orders.clock.advance(2)
    opened = shop.till("open_order", item=tea["id"])
    await shop.post(f"/orders/{opened['order']}/discounts", {"name": "Club", "percentage": 20})
    shop.till("recalculate", order=opened["order"])
    shop.till("pay_order", order=opened["order"])
    await orders.object_changed(shop, "O", opened["order"])
    await orders.run_until_idle()

    [event] = await orders.emitted(PosSaleRecorded)
    assert [each.amount for each in event.lines] == [240]
    assert (event.amount, event.added_tax, event.contained_tax, event.other) == (240, 0, 40, 0)


async def test_an_order_that_is_discounted_after_its_payment_is_corrected(till: Till) -> None:
    """Its lines are published at their new price, without goods that move."""
    opened = await _rung_up(till)
    till.shop.till("pay_order", order=opened["order"])
    await till.deliver()
    await till.shop.post(f"/orders/{opened['order']}/discounts", {"name": "Sorry", "percentage": 20})
    till.shop.till("recalculate", order=opened["order"])
    await till.deliver()

    [change] = await till.refunds()
    assert sorted((each.quantity, each.amount) for each in change.lines) == [(0, 70), (0, 81)]
    assert (change.amount, change.other) == (0, -151)


@pytest.mark.parametrize(("mode", "calls"), [("works", 1), ("refused", 41)])
async def test_many_sales_are_read_together(till: Till, mode: str, calls: int) -> None:
    """Webhooks of forty sales cost one call, or one each where Clover does not filter orders by their ids."""
    till.orders.clover.sandbox.switches.set({"orders_by_id": mode})
    till.orders.clover.fail("delay", method="GET", ms=20)
    for _ in range(40):
        till.sell(till.tea)
    await till.deliver()

    assert len(await till.sales()) == 40
    read = [each for each in till.orders.clover.sandbox.journal.since(0) if each.method == "GET"]
    assert len(read) == calls
    assert calls == 1 or any(later.arrived < (each.answered or 0) for each, later in pairwise(read))  # side by side


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


async def test_an_order_that_clover_does_not_find_once_is_not_void(till: Till) -> None:
    """One 404 takes nothing back; an order that stays away for a minute is void."""
    sold = till.sell()
    await till.deliver()
    till.orders.clover.fail("refuse", status=404, method="GET", path=f"/orders/{sold['order']}", times=1)
    await till.orders.object_changed(till.shop, "O", sold["order"])
    await till.orders.settle_for(40)
    assert await till.refunds() == []

    till.orders.clover.fail("refuse", status=404, method="GET", path=f"/orders/{sold['order']}", times=3)
    await till.orders.settle_for(30)  # found again: what is missing later counts anew
    await till.orders.object_changed(till.shop, "O", sold["order"])
    await till.orders.settle_for(130)
    [back] = await till.refunds()
    assert back.amount == 750


async def test_an_odd_order_hides_no_other(till: Till) -> None:
    """An order that cannot be decoded waits under a problem that names it; the others are published."""
    odd, fine = till.sell(), till.sell()
    order = till.shop.merchant.objects["orders"].get(odd["order"])
    assert order is not None
    order["currency"] = "dollars"
    await till.orders.settle_for(SWEEP)

    [opened] = await till.orders.emitted(ProblemOpened)
    assert (opened.code, [each.subject for each in opened.affected]) == (
        Code.SALE_UNREADABLE,
        [f"Clover order {odd['order']}"],
    )
    assert [each.clover_order_id for each in await till.sales()] == [fine["order"]]

    order["currency"] = "USD"
    await till.orders.recheck(till.shop, Code.SALE_UNREADABLE)
    await till.orders.run_until_idle()
    assert [each.resumed_count for each in await till.orders.emitted(ProblemClosed)] == [1]
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


MODES: list[dict[str, str]] = [
    {},
    {"deleted_by_id": "shown", "null_fields": "null", "paid_locks": "no"},
    {"too_many_expands": "refuse", "orders_by_id": "refused", "draft_tells_order": "no", "offset_cap": "1000_refused"},
]


@pytest.mark.parametrize("seed", range(3))
async def test_events_add_up_to_clover_in_any_life_of_a_shop(till: Till, seed: int) -> None:
    """Till actions by lot, webhooks lost, repeated, late and out of order: at rest the events sum up to Clover."""
    till.orders.clover.sandbox.switches.set(MODES[seed])
    chance, shop = Random(seed), till.shop
    known: list[Any] = []
    late: list[Event] = []
    for _ in range(60):
        _act(till, chance, known)
        kept = [each for each in till.webhooks if chance.random() > 0.3]
        late += [each for each in till.webhooks if chance.random() < 0.3]
        till.webhooks.clear()
        chance.shuffle(kept)
        if chance.random() < 0.6:
            await till.deliver(kept + [late.pop() for _ in range(min(len(late), 2))])
        till.orders.clock.advance(chance.choice((0, 1, 30)))
    for each in known:  # every tab that is begun is paid in the end
        order = shop.merchant.objects["orders"].get(each["order"])
        if order and "deletedTimestamp" not in order and order["paymentState"] in {"OPEN", "PARTIALLY_PAID"}:
            with suppress(Refused):  # paid already, since a row of it was voided
                shop.till("pay_order", order=each["order"])
    await till.orders.settle_for(2 * SWEEP)
    published = await till.sums()
    await till.deliver(late)

    assert published == till.truth()
    assert await till.sums() == published


ACTS: Sequence[Callable[[Till, Random, str, str], Any]] = (
    lambda till, _, order, __: till.shop.till("pay_order", order=order),
    lambda till, _, order, __: till.shop.till("pay_order", order=order, amount=100),
    lambda till, _, order, __: till.shop.till("refund", order=order, amount=50, lines=[]),
    lambda till, _, order, line: till.shop.till("refund", order=order, lines=[line]),
    lambda till, _, order, line: _exchange(till, order, line),
    lambda till, _, order, line: till.shop.till("void_line", order=order, line=line),
    lambda till, _, order, __: till.shop.till("print_receipt", order=order),
    lambda till, chance, order, __: till.shop.till("delete_order", order=order) if chance.random() < 0.2 else None,
)


def _act(till: Till, chance: Random, known: list[Any]) -> None:
    """Do one thing at the till; what cannot be done now is left."""
    if chance.random() < 0.2 or not known:
        known.append(till.sell(*chance.choices((till.tea, till.cake), k=chance.randint(1, 3))))
    elif chance.random() < 0.1:
        known.append(till.shop.till("park_order", lines=[{"item": till.tea, "quantity": 2}]))
    else:
        one = chance.choice(known)
        with suppress(Refused):
            chance.choice(ACTS)(till, chance, one["order"], chance.choice(one["lines"]))
