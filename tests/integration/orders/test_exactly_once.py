"""Calls fail and processes die, and every order is in Clover exactly once, exact to the cent."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from tests.integration.orders.conftest import ADA, SETTLE, Orders, in_clover
from tests.support.clover import Shop
from tests.support.eventually import eventually

from common.clover.transport import MerchantApi
from common.contracts.orders import OrderSynced
from common.contracts.problems import Code, ProblemClosed, ProblemOpened
from common.db.unit import Priority

STEPS = {
    "order": ("POST", r"/orders$"),
    "lines": ("POST", r"/bulk_line_items$"),
    "customer": ("POST", r"/customers$"),
    "attach": ("POST", r"/orders/\w+$"),
    "payment": ("POST", r"/payments$"),
    "verify": ("GET", r"/orders/\w+\?"),
}
FAULTS: dict[str, dict[str, Any]] = {
    "applied, then dropped": {"kind": "apply_then_drop"},
    "dropped before": {"kind": "drop_before_apply"},
    "5xx after applying": {"kind": "fail_after", "status": 503},
    "5xx before applying": {"kind": "fail_before", "status": 500},
    "answer cut short": {"kind": "truncate"},
    "answer is no JSON": {"kind": "malformed"},
    "429": {"kind": "throttle"},
    "429 with retry-after": {"kind": "throttle", "retry_after": 1, "limit": "token_concurrent"},
}


async def assert_once(orders: Orders, shop: Shop, customers: int = 1) -> None:
    """Assert one order in Clover, whole and paid once, and one event."""
    [made] = in_clover(shop)
    assert [line["price"] for line in made.lines] == [1250, 1250, 999]
    assert [payment["amount"] for payment in made.payments] == [3499]
    assert made.record["paymentState"] == "PAID"
    assert len(made.customers) == len(list(shop.merchant.objects["customers"].everything())) == customers
    assert await orders.state(shop) == "paid"
    assert len(await orders.emitted(OrderSynced)) == 1
    await orders.assert_announced(shop)


def submissions(orders: Orders, shop: Shop) -> list[str]:
    """Every creation sent and every look-up answered or not, in their order."""
    calls = [
        each for each in orders.clover.sandbox.journal.since(0) if each.path.endswith(f"{shop.merchant.id}/orders")
    ]
    names = {True: "looked", False: "asked"}
    return ["sent" if each.method == "POST" else names[each.status == 200] for each in calls]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("step", STEPS)
async def test_a_call_that_goes_wrong(orders: Orders, step: str, fault: str) -> None:
    """A fault at any step, twice in a row, ends in one order that is whole and paid once."""
    shop = await orders.connected()
    method, path = STEPS[step]
    orders.clover.fail(method=method, path=path, times=2, **FAULTS[fault])
    await orders.put(shop, customer=ADA)
    await orders.settle_for(6 * SETTLE)
    assert orders.clover.sandbox.faults.rules()[0].played >= 1
    await assert_once(orders, shop)


@pytest.mark.parametrize("step", ["order", "lines", "customer", "payment"])
async def test_a_call_that_is_applied_late(orders: Orders, step: str) -> None:
    """A write that Clover applies long after its connection was lost is found, not repeated."""
    shop = await orders.connected()
    method, path = STEPS[step]
    orders.clover.fail("apply_late", method=method, path=path, times=1, seconds=0.4)
    await orders.put(shop, customer=ADA)
    await orders.run_until_idle()
    writes = orders.clover.sandbox.journal.writes_applied
    assert await orders.next_due() is not None
    await eventually(lambda: orders.clover.sandbox.journal.writes_applied > writes)
    await orders.settle_for(2 * SETTLE)
    await assert_once(orders, shop)


async def test_a_look_up_that_lags_behind(orders: Orders) -> None:
    """While Clover's index does not know the order yet, it is asked again over the settle time and never resent."""
    shop = await orders.connected()
    orders.clover.fail("apply_then_drop", method="POST", path=r"/orders$", times=1)
    orders.clover.fail("stale_index", method="GET", path=r"/orders\?", seconds=3600, id="stale")
    await orders.put(shop, customer=ADA)
    await orders.settle_for(SETTLE * 0.9)
    assert await orders.state(shop) == "unknown"
    orders.clover.sandbox.faults.remove("stale")
    await orders.settle_for(SETTLE)
    await assert_once(orders, shop)
    assert submissions(orders, shop).count("sent") == 1


async def test_a_look_up_that_fails(orders: Orders) -> None:
    """As long as Clover cannot be asked about a lost order nothing is sent again, however long that takes."""
    shop = await orders.connected()
    orders.clover.fail("drop_before_apply", method="POST", path=r"/orders$", times=1)
    orders.clover.fail("fail_before", method="GET", path=r"/orders\?", id="down")
    await orders.put(shop, customer=ADA)
    await orders.settle_for(3 * SETTLE)
    assert await orders.state(shop) == "unknown"
    assert "sent" not in submissions(orders, shop)[1:]
    orders.clover.sandbox.faults.clear()
    await orders.settle_for(4 * SETTLE)
    await assert_once(orders, shop)


async def test_nothing_is_sent_again_before_several_looks(orders: Orders) -> None:
    """Between two submissions of an order lie at least three answered looks, the last a settle time later."""
    shop = await orders.connected()
    orders.clover.fail("drop_before_apply", method="POST", path=r"/orders$", times=2)
    await orders.put(shop, customer=ADA)
    await orders.settle_for(6 * SETTLE)
    sent = submissions(orders, shop)
    between = "".join(each[0] for each in sent).split("s")
    assert sent.count("sent") == 3
    assert all(len(looks) >= 3 for looks in between[1:-1])
    await assert_once(orders, shop)


async def test_a_look_up_that_finds_a_stranger(orders: Orders) -> None:
    """An order counts as ours only by its reference, even if the look-up finds others."""
    shop = await orders.connected()
    stranger = await shop.post("/orders", {"state": "open", "externalReferenceId": "STRANGER0001", "total": 3499})
    orders.clover.fail("drop_before_apply", method="POST", path=r"/orders$", times=1)
    orders.clover.fail("refuse", method="GET", path=r"/orders\?", status=200, body={"elements": [stranger]})
    await orders.put(shop)
    await orders.settle_for(2 * SETTLE)
    _, ours = in_clover(shop)
    assert (await orders.seen(shop))["clover_order_id"] == ours.record["id"]
    assert await orders.state(shop) == "paid"


async def test_pressing_retry_in_doubt_only_looks(orders: Orders) -> None:
    """Retry on an unknown order asks Clover again and sends nothing."""
    shop = await orders.connected()
    orders.clover.fail("drop_before_apply", method="POST", path=r"/orders$", times=1)
    await orders.put(shop)
    for _ in range(8):
        await orders.run_until_idle()
        await orders.act(shop, "retry")
    assert await orders.state(shop) == "unknown"
    assert submissions(orders, shop).count("sent") == 1


@pytest.mark.parametrize("step", ["order", "payment"])
async def test_a_long_doubt_opens_a_problem_and_sync_continues(orders: Orders, step: str) -> None:
    """A Clover that keeps answering one kind of write with errors is a problem until it accepts them."""
    shop = await orders.connected()
    method, path = STEPS[step]
    orders.clover.fail("fail_before", method=method, path=path, status=500)
    await orders.put(shop)
    problems: list[str] = []
    while not problems:
        await orders.settle_for(1000)
        problems = [each.code for each in await orders.emitted(ProblemOpened)]
    orders.clover.sandbox.faults.clear()
    await orders.settle_for(4000)

    assert problems == [Code.CLOVER_UNREACHABLE]
    assert await orders.state(shop) == "paid"
    assert [(each.code, each.resumed_count) for each in await orders.emitted(ProblemClosed)] == [
        (Code.CLOVER_UNREACHABLE, 1)
    ]


@pytest.mark.parametrize("look_up", ["none", "5xx before applying", "dropped before", "answer is no JSON"])
async def test_orders_after_those_in_doubt_go_on(orders: Orders, look_up: str) -> None:
    """Orders in doubt do not keep the next from being paid, also when they cannot be looked up; they follow after."""
    shop, sources = await orders.connected(), ["o-1", "o-2", "o-3", "o-4"]
    orders.clover.fail("drop_before_apply", method="POST", path=r"/orders$", times=2)
    if look_up != "none":
        orders.clover.fail(method="GET", path=r"/orders\?", id="look-up", **FAULTS[look_up])
    for source_id in sources:
        await orders.put(shop, source_id)
    await orders.settle_for(20)  # Clover may have been given a rest in between
    assert [await orders.state(shop, each) for each in sources] == ["unknown", "unknown", "paid", "paid"]
    orders.clover.sandbox.faults.clear()
    await orders.settle_for(3 * SETTLE)
    assert sorted(each.record["note"] for each in in_clover(shop)) == [f"QuickSync order {each}" for each in sources]


async def test_orders_stay_in_order_while_clover_throttles(orders: Orders) -> None:
    """While Clover throttles, no order overtakes another; a later order waits for the pause too."""
    shop = await orders.connected()
    orders.clover.fail("throttle", method="POST", path=r"/orders$", times=4, after=2)
    for number in range(6):
        await orders.put(shop, f"o-{number}")
    await orders.run_until_idle()
    await orders.put(shop, "o-6")
    await orders.settle_for(60)
    assert [each.record["note"].split()[-1] for each in in_clover(shop)] == [f"o-{n}" for n in range(7)]


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Deadly:
    """A way to Clover on which the process dies at one call, before it leaves or after it was answered."""

    clover: Any
    at: int
    before: bool
    calls: int = 0

    @asynccontextmanager
    async def session(self, merchant_id: str, priority: Priority, **options: Any) -> AsyncIterator["DeadlyApi"]:
        async with self.clover.session(merchant_id, priority, **options) as api:
            yield DeadlyApi(api, self)

    async def strike(self, call: Callable[[], Awaitable[Any]]) -> Any:
        self.calls += 1
        fatal = self.calls == self.at
        if fatal and self.before:
            raise Killed
        answer = await call()
        if fatal:
            raise Killed
        return answer


@dataclass
class DeadlyApi:
    """The same on one merchant's API."""

    api: MerchantApi
    fate: Deadly

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.api, name)
        if name == "reserve":
            return self._reserve
        if name not in {"get", "post", "delete"}:
            return found
        return lambda *arguments, **named: self.fate.strike(lambda: found(*arguments, **named))

    @asynccontextmanager
    async def _reserve(self, calls: int) -> AsyncIterator["DeadlyApi"]:
        async with self.api.reserve(calls) as reserved:
            yield DeadlyApi(reserved, self.fate)


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, 7))
async def test_a_process_killed_at_each_call(orders: Orders, at: int, before: bool) -> None:
    """Killed before or after any of its calls, the next process brings the order to the same end."""
    shop = await orders.connected()
    fate = Deadly(orders.service.deps.clover, at, before)
    orders.new_worker(replace(orders.service.deps, clover=fate))
    await orders.put(shop, customer=ADA)
    with pytest.RaisesGroup(Killed):
        await orders.run_until_idle()
    assert fate.calls == at
    orders.new_worker()
    await orders.settle_for(3 * SETTLE)
    await assert_once(orders, shop)
    sent_without_look = "sentsent" in "".join(submissions(orders, shop))
    assert not sent_without_look


@dataclass
class Waiting:
    """A way to Clover on which no call has its permit before the test says so."""

    clover: Any
    waits: asyncio.Event = field(default_factory=asyncio.Event)
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def session(self, merchant_id: str, priority: Priority, **options: Any) -> AsyncIterator[MerchantApi]:
        async with self.clover.session(merchant_id, priority, **options) as api:
            reserve = api.reserve

            @asynccontextmanager
            async def late(calls: int) -> AsyncIterator[MerchantApi]:
                self.waits.set()
                await self.goes_on.wait()
                async with reserve(calls) as reserved:
                    yield reserved

            api.reserve = late
            yield api


async def test_an_order_that_waits_for_its_call_is_in_no_doubt_after_a_crash(orders: Orders) -> None:
    """A write is noted as under way once it has its permit, so a kill leaves only calls in flight in doubt."""
    shop = await orders.connected()
    clover = Waiting(orders.service.deps.clover)
    orders.new_worker(replace(orders.service.deps, clover=clover))
    for number in range(3):
        await orders.put(shop, f"o-{number}")
    working = asyncio.create_task(orders.run_until_idle())
    await clover.waits.wait()
    assert await orders.fetch("SELECT FROM source_order WHERE sending IS NOT NULL") == []
    clover.goes_on.set()
    await working
    assert [await orders.state(shop, f"o-{number}") for number in range(3)] == ["paid"] * 3


async def test_a_worker_cancelled_while_clover_creates(orders: Orders) -> None:
    """A call that our own shutdown cuts off counts as one that may have been applied."""
    shop = await orders.connected()
    orders.clover.fail("delay", method="POST", path=r"/orders$", ms=600, when="after", times=1)
    await orders.put(shop, customer=ADA)
    stop = asyncio.Event()
    running = asyncio.create_task(orders.worker.run(stop))
    await eventually(lambda: in_clover(shop))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await orders.fetch("DELETE FROM lease")
    orders.new_worker()
    await orders.settle_for(2 * SETTLE)
    await assert_once(orders, shop)


async def test_two_in_clover_under_one_reference(orders: Orders) -> None:
    """If Clover ever shows two, the earlier one is taken and no third is made; the timeline names the other."""
    shop = await orders.connected()
    orders.clover.fail("apply_then_drop", method="POST", path=r"/orders$", times=1)
    orders.clover.fail("stale_index", method="GET", path=r"/orders\?", seconds=3600, id="stale")
    await orders.put(shop)
    await orders.run_until_idle()
    [first] = in_clover(shop)
    reference = (await orders.seen(shop))["reference"]
    second = await shop.post("/orders", {"state": "open", "externalReferenceId": reference})
    shop.merchant.objects["orders"].change(second["id"], {"createdTime": second["createdTime"] + 2000})
    orders.clover.sandbox.faults.clear()
    orders.clock.advance(timedelta(seconds=10))
    await orders.run_until_idle()
    seen = await orders.seen(shop)
    assert seen["clover_order_id"] == first.record["id"]
    assert len(in_clover(shop)) == 2
    [said] = [each["detail"] for each in seen["timeline"] if each["event"] == "duplicate_found"]
    assert f"goes on with {first.record['id']}. Look at {second['id']}" in said


async def test_an_order_that_clover_would_not_find_any_more(orders: Orders) -> None:
    """Its creation is in doubt over 90 days without a connection: it waits for a person, and is not made twice."""
    shop = await orders.connected()
    orders.clover.fail("apply_then_drop", method="POST", path=r"/orders$", times=1)
    orders.clover.fail("unauthorized", method="GET", path=r"/orders\?")
    await orders.put(shop)
    await orders.run_until_idle()
    absent = timedelta(days=100)
    await orders.clover.control("POST", "/clock", {"advance": absent.total_seconds()})
    orders.clock.advance(absent)
    orders.clover.sandbox.faults.clear()
    await orders.reconnect(shop)
    await orders.settle_for(3 * SETTLE)
    seen = await orders.seen(shop)
    assert (seen["state"], seen["problem"]["code"]) == ("held", Code.ORDER_REJECTED)
    assert "which finds orders for 90 days only" in seen["problem"]["reason"]
    assert len(in_clover(shop)) == 1
    await orders.act(shop, "cancel")
    await orders.settle_for(3 * SETTLE)
    assert (await orders.state(shop), (await orders.put(shop))[0]) == ("cancelled", 202)
