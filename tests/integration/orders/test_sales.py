"""Sales made in Clover, from the till to the events: by webhook, by sweep, each once, and never an order of ours."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from tests.integration.orders.conftest import Orders
from tests.integration.orders.till import Till, open_till

from clover_sandbox.answers import Refused
from clover_sandbox.events import Event
from common.contracts.problems import Code, ProblemClosed, ProblemOpened

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
