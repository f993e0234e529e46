"""Each write of the plan fails at each point, and the order still ends in Clover exactly once."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.integration.orders.conftest import ADA, SETTLE, InClover, Orders, in_clover
from tests.support.clover import Shop

from common.contracts.orders import OrderCancelled, OrderCompleted, OrderSynced
from orders.domain.clover_order import CloverOrder, Payment
from orders.domain.order import Order, RequestedAction
from orders.domain.plan import missing
from orders.domain.progress import Progress, State
from orders.domain.source import Line, Source
from orders.domain.writes import (
    BY_NAME,
    AddLines,
    AttachCustomer,
    CreateCustomer,
    CreateOrder,
    Delete,
    Lock,
    Pay,
    Write,
)

CALLS: dict[type[Write], tuple[str, str]] = {
    CreateOrder: ("POST", r"orders$"),
    AddLines: ("POST", r"orders/\w+/bulk_line_items$"),
    CreateCustomer: ("POST", r"customers$"),
    AttachCustomer: ("POST", r"orders/\w+$"),
    Pay: ("POST", r"orders/\w+/payments$"),
    Lock: ("POST", r"orders/\w+$"),
    Delete: ("DELETE", r"orders/\w+$"),
}
"""The call of each write."""

PINS, TOTAL = 103, 309
BODY: dict[str, Any] = {
    "lines": [{"sku": "PIN", "name": "Pin", "quantity": PINS, "unit_price": 3}],
    "total": TOTAL,
    "customer": ADA,
}
SOURCE = Source(
    "shopify",
    "mugs.example",
    "#1",
    "USD",
    (Line("PIN", "Pin", PINS, 3),),
    TOTAL,
    None,
    datetime(2026, 1, 1, tzinfo=UTC),
)
NEW = Order("MRCHNT0000001", "o-1", "REFERENCE001", SOURCE, b"sealed", None, Progress())
PAID = replace(NEW, progress=Progress(state=State.PAID, clover_order_id="0RDER00000001"))
PAYMENT = Payment("REFERENCE001", TOTAL, "SUCCESS")

PLANS: list[Write] = [
    *missing(NEW, CloverOrder()),
    *missing(replace(PAID, requested_action=RequestedAction.COMPLETE), CloverOrder(payments=(PAYMENT,), state="open")),
    *missing(replace(PAID, requested_action=RequestedAction.CANCEL), CloverOrder()),
]
CASES = [
    *[pytest.param(write, False, id=f"{write.name} {write.key}") for write in PLANS],
    *[
        pytest.param(write, True, id=f"{write.name} {write.key} counted")
        for write in PLANS
        if isinstance(write, AddLines)
    ],
]
"""Each write; lines also in a Clover that returns no `userData`, whose rows are counted."""
REQUESTS = {Lock: "complete", Delete: "cancel"}
"""The action that makes the plan hold such a write."""


class Killed(BaseException):
    """The process is gone."""


@dataclass
class FailPoint:
    """A Clover session in which the process dies at one write: before its call leaves, or after it was answered."""

    clover: Any
    write: Write | None
    before: bool
    forget_row_ids: bool = False
    calls: int = 0

    @asynccontextmanager
    async def session(self, merchant_id: str) -> AsyncIterator["FailingApi"]:
        async with self.clover.session(merchant_id) as api:
            yield FailingApi(api, self)

    def strikes(self, method: str, path: str) -> bool:
        if self.write is None or not is_call_of(self.write, method, path):
            return False
        self.calls += 1
        return self.calls == call_number(self.write)


@dataclass
class FailingApi:
    """The API of one merchant with the fail-point in it."""

    api: Any
    point: FailPoint

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.api, name)
        if name not in {"post", "delete"}:
            return found

        async def call(path: str, *arguments: Any, **named: Any) -> Any:
            fatal = self.point.strikes(name.upper(), path)
            if fatal and self.point.before:
                raise Killed
            answer = await found(path, *self._as_sent(arguments), **named)
            if fatal:
                raise Killed
            return answer

        return call

    def _as_sent(self, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        if not self.point.forget_row_ids or not arguments or "items" not in arguments[0]:
            return arguments
        rows = [{k: v for k, v in row.items() if k != "userData"} for row in arguments[0]["items"]]
        return ({"items": rows}, *arguments[1:])


def is_call_of(write: Write, method: str, path: str) -> bool:
    expected, pattern = CALLS[type(write)]
    return method == expected and re.fullmatch(pattern, path) is not None


def call_number(write: Write) -> int:
    """Return how many calls that look like this write's come before it, and itself."""
    alike = [each for each in PLANS if CALLS[type(each)] == CALLS[type(write)]]
    return 1 if type(write) in REQUESTS else alike.index(write) + 1


async def crash_before(_orders: Orders, write: Write, deps: FailPoint) -> None:
    deps.write, deps.before = write, True


async def crash_after(_orders: Orders, write: Write, deps: FailPoint) -> None:
    deps.write, deps.before = write, False


async def lose_answer(orders: Orders, write: Write, _deps: FailPoint) -> None:
    _fault(orders, write, "apply_then_drop")


async def refuse(orders: Orders, write: Write, _deps: FailPoint) -> None:
    _fault(orders, write, "refuse")


def _fault(orders: Orders, write: Write, kind: str) -> None:
    method, path = CALLS[type(write)]
    orders.clover.fail(kind, method=method, path=f"/{path}", after=call_number(write) - 1, times=1, id="fault")


POINTS: list[Callable[[Orders, Write, FailPoint], Awaitable[None]]] = [crash_before, crash_after, lose_answer, refuse]


def test_every_write_has_its_fail_points() -> None:
    """A write that is added to the plan is added here."""
    assert set(CALLS) == set(BY_NAME.values()) == {type(each) for each in PLANS}
    assert [each.key for each in PLANS if isinstance(each, AddLines)] == ["1-100", "101-103"]


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.__name__)
@pytest.mark.parametrize(("write", "forget_row_ids"), CASES)
async def test_a_write_that_fails_ends_once_in_clover(
    orders: Orders, write: Write, point: Callable[[Orders, Write, FailPoint], Awaitable[None]], forget_row_ids: bool
) -> None:
    """Wherever one of its writes fails, the order is in Clover once, whole and paid once, or cancelled once."""
    orders.clover.sandbox.switches.set({"paid_locks": "no"})
    shop, request = await orders.connected(), REQUESTS.get(type(write))
    deps = FailPoint(orders.service.deps.clover, None, before=False, forget_row_ids=forget_row_ids)
    orders.new_worker(replace(orders.service.deps, clover=deps))
    await orders.put(shop, **BODY)
    if request:
        await orders.settle_for(SETTLE)
        await orders.act(shop, request)
    await point(orders, write, deps)
    try:
        await orders.run_until_idle()
    except* Killed:
        await orders.fetch("DELETE FROM lease")
    assert deps.calls or orders.clover.sandbox.faults.rules()[0].played == 1
    orders.new_worker(replace(orders.service.deps, clover=replace(deps, write=None)))
    await orders.settle_for(3 * SETTLE)
    if await orders.state(shop) in {"rejected", "held"}:
        await orders.act(shop, "retry")
        await orders.settle_for(SETTLE)

    customers = 0 if point is refuse and write.optional else 1
    await assert_ended_once(orders, shop, request, customers)


async def assert_ended_once(orders: Orders, shop: Shop, request: str | None, customers: int) -> None:
    if request == "cancel":
        assert (await orders.state(shop), in_clover(shop)) == ("cancelled", [])
        assert len(await orders.emitted(OrderCancelled)) == len(in_clover(shop, deleted=True)) == 1
        return
    [made] = in_clover(shop)
    assert_whole(made, customers)
    assert await orders.state(shop) == ("done" if request else "paid")
    assert len(await orders.emitted(OrderSynced)) == 1
    assert len(await orders.emitted(OrderCompleted)) == (1 if request else 0)


def assert_whole(made: InClover, customers: int) -> None:
    assert [line["price"] for line in made.lines] == [3] * PINS
    assert [payment["amount"] for payment in made.payments] == [TOTAL]
    assert len(made.customers) == customers
