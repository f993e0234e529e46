"""Each fault: the client's view and the ground truth."""

import asyncio
from typing import Any

import aiohttp
import pytest
from tests.support.clover import Clover, Shop
from tests.support.eventually import eventually

from clover_sandbox.latency import Latency

WRITE = {"method": "POST", "path": "/item_stocks/"}


@pytest.fixture
async def item(shop: Shop) -> str:
    """An item with a count of 5."""
    made = await shop.post("/items", {"name": "Item", "price": 250, "sku": "S"})
    await shop.post(f"/item_stocks/{made['id']}", {"quantity": 5})
    return str(made["id"])


async def write(shop: Shop, item: str) -> int:
    """Write a count of 3. Return the status, 0 without an answer."""
    try:
        return (await shop.call("POST", f"/item_stocks/{item}", {"quantity": 3})).status
    except aiohttp.ClientError:
        return 0


@pytest.mark.parametrize(
    ("rule", "status", "count"),
    [
        ({"kind": "refuse", "status": 422, "body": {"message": "no"}}, 422, 5),
        ({"kind": "unauthorized"}, 401, 5),
        ({"kind": "throttle"}, 429, 5),
        ({"kind": "fail_before"}, 500, 5),
        ({"kind": "fail_before", "status": 502, "body": "Bad Gateway"}, 502, 5),
        ({"kind": "fail_after"}, 503, 3),
        ({"kind": "delay", "ms": 1}, 200, 3),
        ({"kind": "delay", "ms": 1, "when": "after"}, 200, 3),
        ({"kind": "drop_before_apply"}, 0, 5),
        ({"kind": "apply_then_drop"}, 0, 3),
        ({"kind": "truncate"}, 0, 3),
        ({"kind": "malformed"}, 200, 3),
        ({"kind": "oversize", "bytes": 100_000}, 200, 3),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else None,
)
async def test_a_fault_has_its_status_and_effect(
    clover: Clover, shop: Shop, item: str, rule: dict[str, Any], status: int, count: float
) -> None:
    """Status, count in Clover and journal match the fault."""
    clover.fail(**WRITE, **rule)

    assert await write(shop, item) == status
    assert shop.count(item) == count
    entry = list(clover.sandbox.journal.since(0))[-1]
    assert (entry.applied, entry.fault) == (count == 3, rule["kind"])


@pytest.mark.parametrize(("answer", "status"), [("drop", 0), ("hang", 0), (504, 504)])
async def test_a_late_write_is_applied_after_its_answer(
    clover: Clover, shop: Shop, item: str, answer: Any, status: int
) -> None:
    """The answer is missing or a gateway timeout, and the write is applied later."""
    clover.fail("apply_late", seconds=0.2, answer=answer, **WRITE)
    seen = await write(shop, item)

    assert seen == status
    assert await eventually(lambda: shop.count(item) == 3)
    assert clover.sandbox.journal.writes_applied == 3


async def test_a_late_write_overwrites_earlier_applied_ones(clover: Clover, shop: Shop, item: str) -> None:
    """This is the risk of repeating a write that is only late."""
    clover.fail("apply_late", seconds=0.2, answer="drop", times=1, **WRITE)
    await write(shop, item)
    await shop.post(f"/item_stocks/{item}", {"quantity": 7})

    assert await eventually(lambda: shop.count(item) == 3)


async def test_a_throttle_fault_ends_after_its_times(clover: Clover, shop: Shop, item: str) -> None:
    """The first calls get a 429 with retry-after and a limit's header, then calls succeed."""
    clover.fail("throttle", times=2, retry_after=7, limit="app_concurrent")
    replies = [await shop.call("GET", f"/items/{item}") for _ in range(3)]

    assert [each.status for each in replies] == [429, 429, 200]
    assert replies[0].headers["retry-after"] == "7"
    assert "X-RateLimit-crossTokenConcurrentLimit" in replies[0].headers


async def test_a_stale_index_hides_young_orders(clover: Clover, shop: Shop) -> None:
    """A look-up by reference does not find the order, a read by id does."""
    order = await shop.post("/orders", {"state": "open", "externalReferenceId": "REF"})
    clover.fail("stale_index", seconds=20, method="GET", path="externalReferenceId", times=1)
    lookups = [await shop.get("/orders?filter=externalReferenceId=REF") for _ in range(2)]

    assert [len(each["elements"]) for each in lookups] == [0, 1]
    assert (await shop.get(f"/orders/{order['id']}"))["externalReferenceId"] == "REF"


@pytest.mark.parametrize(("when", "count"), [("before", 3), ("after", 2)])
async def test_a_sale_can_be_made_in_the_window_of_a_write(
    clover: Clover, shop: Shop, item: str, when: str, count: float
) -> None:
    """A sale before the write is lost in the count, but never in the ground truth."""
    clover.fail("till", action="sell", input={"sku": "S"}, when=when, times=1, **WRITE)
    await write(shop, item)

    assert shop.count(item) == count
    assert shop.merchant.stocks[item].till_moved == -1


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_till_that_refuses_leaves_the_call_alone(clover: Clover, shop: Shop, item: str, when: str) -> None:
    """The call is applied and answered; the rule has the till's refusal."""
    clover.fail("till", action="sell", input={"sku": "NONE"}, when=when, **WRITE)

    assert await write(shop, item) == 200
    assert "sku" in str(clover.sandbox.faults.rules()[0].row()["refused"])


async def test_an_oversized_answer_is_valid_json(clover: Clover, shop: Shop, item: str) -> None:
    """The body has the announced length."""
    clover.fail("oversize", bytes=3_000_000)
    reply = await shop.call("GET", f"/items/{item}")

    assert int(reply.headers["Content-Length"]) > 3_000_000
    assert reply.body["id"] == item


async def test_latency_passes_before_and_after_the_write(clover: Clover, shop: Shop, item: str) -> None:
    """A write is applied neither at once nor only with its answer."""
    clover.sandbox.pipeline.latency = Latency(400, 400)
    call = asyncio.create_task(write(shop, item))

    assert shop.count(item) == 5
    assert await eventually(lambda: shop.count(item) == 3)
    assert not call.done()
    assert await call == 200
