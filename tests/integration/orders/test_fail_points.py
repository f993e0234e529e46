"""The way of an order fails at each point around each write of its plan, and it still ends in Clover exactly once."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from tests.integration.orders.conftest import ADA, SETTLE, InClover, Orders, in_clover
from tests.support.clover import Shop

from common.contracts.orders import OrderCancelled, OrderCompleted, OrderSynced
from common.db.unit import Priority
from orders.domain.clover_order import CloverOrder, CloverRow, Payment
from orders.domain.order import Order, RequestedAction
from orders.domain.plan import missing
from orders.domain.progress import Progress, State
from orders.domain.row_ids import row_ids
from orders.domain.source import Line, Source
from orders.domain.taxes import MerchantTaxes
from orders.domain.writes import (
    BY_NAME,
    AddLines,
    AttachCustomer,
    CreateCustomer,
    CreateOrder,
    Delete,
    Lock,
    Pay,
    RemoveLine,
    UpdateOrder,
    Write,
)

CALLS: dict[type[Write], tuple[str, str]] = {
    CreateOrder: ("POST", r"orders$"),
    RemoveLine: ("DELETE", r"orders/\w+/line_items/\w+"),
    AddLines: ("POST", r"orders/\w+/bulk_line_items$"),
    UpdateOrder: ("POST", r"orders/\w+$"),
    CreateCustomer: ("POST", r"customers$"),
    AttachCustomer: ("POST", r"orders/\w+$"),
    Pay: ("POST", r"orders/\w+/payments$"),
    Lock: ("POST", r"orders/\w+$"),
    Delete: ("DELETE", r"orders/\w+$"),
}
"""The call of each write."""

PINS, TOTAL = 103, 309
PIN, CAP = Line("PIN", "Pin", PINS, 3), Line("CAP", "Cap", 1, 500)
BODY: dict[str, Any] = {
    "lines": [{"sku": "PIN", "name": "Pin", "quantity": PINS, "unit_price": 3}],
    "total": TOTAL,
    "customer": ADA,
}
EDIT = BODY | {
    "lines": [
        {"sku": "PIN", "name": "Pin", "quantity": PINS - 1, "unit_price": 3},
        {"sku": "CAP", "name": "Cap", "quantity": 1, "unit_price": 500},
    ],
    "total": TOTAL + 497,
}
SOURCE = Source("shopify", "mugs.example", "#1", "USD", TOTAL, None, datetime(2026, 1, 1, tzinfo=UTC), lines=(PIN,))
NEW = Order("MRCHNT0000001", "o-1", "REFERENCE001", SOURCE, b"sealed", None, Progress())
PAID = replace(
    NEW,
    progress=Progress(state=State.PAID, clover_order_id="0RDER00000001", customer_settled=True, recorded_paid=TOTAL),
)
EDITED = replace(
    PAID,
    source=replace(SOURCE, lines=(replace(PIN, quantity=PINS - 1), CAP), total=TOTAL + 497),
    progress=PAID.progress.edit(MerchantTaxes(), changed=[]),
)
WHOLE = CloverOrder(
    rows=tuple(CloverRow(ours, f"L{number}") for number, ours in enumerate(row_ids(PAID))),
    total=TOTAL,
    payments=(Payment("REFERENCE001", TOTAL, "SUCCESS"),),
    state="open",
)

PLANS: dict[str, list[Write]] = {
    "create": missing(NEW, CloverOrder()),
    "complete": missing(replace(PAID, requested_action=RequestedAction.COMPLETE), WHOLE),
    "cancel": missing(replace(PAID, requested_action=RequestedAction.CANCEL), CloverOrder()),
    "edit": missing(EDITED, WHOLE),
}
"""The writes of each thing that happens to an order, from the plan itself."""
MOMENTS = ("begun", "sent", "recorded")
"""After the write was noted and before its call; after its answer and before that is recorded; before the next call."""
FAULTS = ("kill", "exception", "cancel", "hang")
WRITES = [(what, write) for what, plan in PLANS.items() for write in plan]
CASES = [
    *[pytest.param(*each, False, id=f"{each[0]}-{each[1].name}-{each[1].key[:13]}") for each in WRITES],
    *[
        pytest.param(*each, True, id=f"{each[0]}-{each[1].name}-{each[1].key}-without-ids")
        for each in WRITES
        if isinstance(each[1], AddLines) and each[0] == "create"
    ],
]
"""Each write; lines also in a Clover that returns no `userData`, whose rows are known by the ids of Clover."""


class Killed(BaseException):
    """The process is gone."""


@dataclass
class FailPoint:
    """A Clover session in which something happens at one write: `moment` says when, `fault` what.

    `is_announced` returns whether a creation is noted; it is asked before each one leaves.
    """

    clover: Any
    is_announced: Callable[[str], Awaitable[bool]]
    write: Write | None = None
    moment: str = "begun"
    fault: str = "kill"
    forget_row_ids: bool = False
    calls: int = 0
    armed: bool = False
    struck: asyncio.Event = field(default_factory=asyncio.Event)
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def session(self, merchant_id: str, priority: Priority, **options: Any) -> AsyncIterator["FailingApi"]:
        async with self.clover.session(merchant_id, priority, **options) as api:
            yield FailingApi(api, self)

    def is_its_call(self, what: str, method: str, path: str) -> bool:
        if self.write is None or not is_call_of(self.write, method, path):
            return False
        self.calls += 1
        return self.calls == call_number(what, self.write)

    async def strike(self) -> None:
        """Let the fault happen, once."""
        self.write, self.armed = None, False
        self.struck.set()
        match self.fault:
            case "kill":
                raise Killed
            case "exception":
                raise ZeroDivisionError("a bug of ours")
            case _:
                await self.goes_on.wait()


@dataclass
class FailingApi:
    """The API of one merchant with the fail-point in it."""

    api: Any
    point: FailPoint

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.api, name)
        if name == "reserve":
            return self._reserve
        if name not in {"get", "post", "delete"}:
            return found

        async def call(path: str, *arguments: Any, **named: Any) -> Any:
            point = self.point
            if point.armed:
                await point.strike()
            if (name, path) == ("post", "orders"):
                assert await point.is_announced(arguments[0]["externalReferenceId"])
            ours = point.is_its_call(current.get("what", "create"), name.upper(), path)
            if ours and point.moment == "begun":
                await point.strike()
            answer = await found(path, *self._as_sent(arguments), **named)
            if ours and point.moment == "sent":
                await point.strike()
            point.armed = ours and point.moment == "recorded"
            return answer

        return call

    @asynccontextmanager
    async def _reserve(self, calls: int) -> AsyncIterator["FailingApi"]:
        async with self.api.reserve(calls) as reserved:
            yield FailingApi(reserved, self.point)

    def _as_sent(self, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        if not self.point.forget_row_ids or not isinstance(arguments[0], dict) or "items" not in arguments[0]:
            return arguments
        rows = [{k: v for k, v in row.items() if k != "userData"} for row in arguments[0]["items"]]
        return ({"items": rows}, *arguments[1:])


REFUSED = 400
"""Clover's answer to a creation that changed nothing, which may be repeated at once."""

current: dict[str, str] = {}
"""The events of the order in the running test: the plan that its calls are counted in."""


def is_call_of(write: Write, method: str, path: str) -> bool:
    expected, pattern = CALLS[type(write)]
    return method == expected and re.fullmatch(pattern, path) is not None


def call_number(what: str, write: Write) -> int:
    """Return how many calls of this plan that look like this write's come before it, and itself."""
    alike = [each for each in PLANS[what] if CALLS[type(each)] == CALLS[type(write)]]
    return alike.index(write) + 1


def test_every_write_has_its_fail_points() -> None:
    """A write that is added to the plan is added here."""
    assert set(CALLS) == set(BY_NAME.values()) == {type(write) for _, write in WRITES}
    assert [each.key for each in PLANS["create"] if isinstance(each, AddLines)] == ["1-100", "101-103"]


async def begin(orders: Orders, shop: Shop, what: str) -> None:
    """Bring an order to where this happens to it, and request it."""
    await orders.put(shop, **BODY)
    if what == "create":
        return
    await orders.settle_for(1)
    assert await orders.state(shop) == "paid"
    if what == "edit":
        await orders.call("PUT", f"{orders.path(shop, 'o-1')}?edit=true", body_of(orders, shop) | EDIT)
    else:
        await orders.act(shop, what)


def body_of(_orders: Orders, shop: Shop) -> dict[str, Any]:
    return {
        "channel": {"channel": "shopify", "store": "mugs.example"},
        "number": "#1001",
        "currency": shop.merchant.currency,
        "placed_at": "2026-11-23T10:00:00+01:00",
    }


async def work_until_struck(orders: Orders, point: FailPoint) -> None:
    """Work until the fault happens; a process that hangs loses its lease to another one, and then goes on."""
    working = asyncio.ensure_future(orders.run_until_idle())
    struck = asyncio.ensure_future(point.struck.wait())
    await asyncio.wait([working, struck], return_when=asyncio.FIRST_COMPLETED)
    assert point.struck.is_set()
    turns = list(orders.worker.turns.tasks.values())
    if point.fault == "cancel":
        for each in turns:
            each.cancel()
    elif point.fault == "hang":
        await orders.fetch("UPDATE lease SET expires_at = now() - interval '1 second' RETURNING name")
        orders.new_worker(replace(orders.service.deps, clover=quiet(point)))
        await orders.settle_for(3 * SETTLE)
        point.goes_on.set()
    try:
        with suppress(asyncio.CancelledError):
            await working
    except* Killed:
        await orders.fetch("DELETE FROM lease RETURNING name")  # the next process need not wait until it expires
    await asyncio.gather(*turns, return_exceptions=True)


def quiet(point: FailPoint) -> FailPoint:
    """Return the same Clover without a fault."""
    return FailPoint(point.clover, point.is_announced, forget_row_ids=point.forget_row_ids)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("what", "write", "forget_row_ids"), CASES)
async def test_a_process_that_fails_at_a_write(
    orders: Orders, what: str, write: Write, forget_row_ids: bool, fault: str
) -> None:
    """At each moment around the write: the order is in Clover once, whole and paid once, or cancelled once."""
    orders.clover.sandbox.switches.set({"paid_locks": "no"})
    for moment in MOMENTS:
        shop = await orders.connected()
        point = FailPoint(orders.service.deps.clover, orders.is_announced, None, moment, fault, forget_row_ids)
        orders.new_worker(replace(orders.service.deps, clover=quiet(point)))
        await begin(orders, shop, what)
        current["what"], point.write = what, write
        orders.new_worker(replace(orders.service.deps, clover=point))
        if moment == "recorded" and write is PLANS[what][-1] and what == "cancel":
            continue  # no call comes after a deletion
        await work_until_struck(orders, point)
        orders.new_worker(replace(orders.service.deps, clover=quiet(point)))
        await orders.settle_for(3 * SETTLE)
        await assert_ended_once(orders, shop, what, customers=1)


@pytest.mark.parametrize("kind", ["apply_then_drop", "refuse"])
@pytest.mark.parametrize(("what", "write", "forget_row_ids"), CASES)
async def test_a_call_that_fails(orders: Orders, what: str, write: Write, forget_row_ids: bool, kind: str) -> None:
    """An answer that is lost is looked up; a refused write goes at the merchant's retry."""
    orders.clover.sandbox.switches.set({"paid_locks": "no"})
    shop, point = (
        await orders.connected(),
        FailPoint(orders.service.deps.clover, orders.is_announced, forget_row_ids=forget_row_ids),
    )
    orders.new_worker(replace(orders.service.deps, clover=point))
    await begin(orders, shop, what)
    method, path = CALLS[type(write)]
    orders.clover.fail(kind, method=method, path=f"/{path}", after=call_number(what, write) - 1, times=1, id="fault")
    await orders.settle_for(3 * SETTLE)
    assert orders.clover.sandbox.faults.rules()[0].played == 1
    if await orders.state(shop) in {"rejected", "held"}:
        await orders.act(shop, "retry")
        await orders.settle_for(SETTLE)
    await assert_ended_once(orders, shop, what, customers=0 if kind == "refuse" and write.optional else 1)


async def assert_ended_once(orders: Orders, shop: Shop, what: str, customers: int) -> None:
    """Assert the invariants of orders: each ends, once and exact, and nothing was sent blindly."""
    assert_looked_before_repeating(orders, shop)
    await orders.assert_announced(shop)
    mine = shop.merchant.id
    synced = [each for each in await orders.emitted(OrderSynced) if each.merchant_id == mine]
    if what == "cancel":
        assert (await orders.state(shop), in_clover(shop)) == ("cancelled", [])
        cancelled = [each for each in await orders.emitted(OrderCancelled) if each.merchant_id == mine]
        assert len(cancelled) == len(in_clover(shop, deleted=True)) == 1
        return
    [made] = in_clover(shop)
    assert in_clover(shop, deleted=True) == []
    assert_whole(made, customers, edited=what == "edit")
    assert await orders.state(shop) == ("done" if what == "complete" else "paid")
    completed = [each for each in await orders.emitted(OrderCompleted) if each.merchant_id == mine]
    assert len(synced) == (2 if what == "edit" else 1)
    assert len(completed) == (1 if what == "complete" else 0)


def assert_looked_before_repeating(orders: Orders, shop: Shop) -> None:
    """Assert that between two creations Clover answered at least three look-ups (O5)."""
    entries = orders.clover.sandbox.journal.since(0)
    calls = [each for each in entries if each.path.endswith(f"{shop.merchant.id}/orders")]
    sent = [number for number, each in enumerate(calls) if each.method == "POST" and each.status != REFUSED]
    for before, after in pairwise(sent):
        assert len([each for each in calls[before:after] if each.method == "GET" and each.status == 200]) >= 3


def assert_whole(made: InClover, customers: int, *, edited: bool) -> None:
    rows = sorted(line["price"] for line in made.lines)
    assert rows == ([3] * (PINS - 1) + [500] if edited else [3] * PINS)
    assert [payment["amount"] for payment in made.payments] == ([TOTAL, 497] if edited else [TOTAL])
    assert made.record["total"] == (TOTAL + 497 if edited else TOTAL)
    assert len(made.customers) == customers
