"""Users met: an order that waited or was refused could not be corrected, and its old total went to Clover, paid.

While nothing of an order is in Clover the corrected one takes its place; the old one never goes there afterwards.
"""

import asyncio
from typing import Any

import pytest
from tests.integration.orders.conftest import ADA, SETTLE, Orders, changed, in_clover, order, orders

from common.contracts.problems import Code, ProblemClosed

__all__ = ["changed", "orders"]

ONE: dict[str, Any] = {"lines": [{"sku": "MUG", "name": "Mug", "quantity": 1, "unit_price": 1250}], "total": 1250}


def events(seen: Any) -> list[tuple[str, str]]:
    return [(each["event"], each["detail"]) for each in seen["timeline"]]


async def test_a_held_order_is_corrected(orders: Orders) -> None:
    """It still waits with all others, and once the order type exists the corrected total goes to Clover."""
    shop = await orders.connected(order_type=False)
    await orders.put(shop, customer=ADA)
    await orders.run_until_idle()
    status, body = await orders.put(shop, customer=ADA, **ONE)
    assert (status, body["state"], body["total"], body["units"]) == (202, "held", 1250, 1)
    assert events(body)[-1] == ("corrected", "lines, total")
    assert (await orders.put(shop, customer=ADA, **ONE))[0] == 200
    orders.add_order_type(shop)
    await orders.settle_for(12)
    [made] = in_clover(shop)
    assert (made.record["total"], len(made.lines), [each["amount"] for each in made.payments]) == (1250, 1, [1250])
    [closed] = await orders.emitted(ProblemClosed)
    assert closed.resumed_count == 1


async def test_a_refused_order_is_corrected(orders: Orders) -> None:
    """The remedy of a refused order works: the correction is sent at once, and the problem closes."""
    shop = await orders.connected()
    orders.clover.fail("refuse", method="POST", path=r"/orders$", times=1)
    await orders.put(shop)
    await orders.run_until_idle()
    assert await orders.state(shop) == "rejected"
    assert (await orders.put(shop, **ONE))[0] == 202
    await orders.run_until_idle()
    [made] = in_clover(shop)
    assert (await orders.state(shop), made.record["total"]) == ("paid", 1250)
    [closed] = await orders.emitted(ProblemClosed)
    assert (closed.code, closed.resumed_count) == (Code.ORDER_REJECTED, 1)


async def test_an_order_that_was_not_sent_yet(orders: Orders) -> None:
    """A correction before the first attempt, even of all its fields, is what Clover gets."""
    shop = await orders.connected()
    await orders.put(shop, customer=ADA)
    other: dict[str, Any] = {
        "number": "#2",
        "placed_at": "2026-11-24T10:00:00+01:00",
        "customer": ADA | {"email": "b@example.com"},
    }
    assert (await orders.put(shop, **ONE, **other))[0] == 202
    assert events(await orders.seen(shop))[-1] == ("corrected", "customer, lines, number, placed_at, total")
    await orders.run_until_idle()
    [made] = in_clover(shop)
    assert (made.record["title"], made.record["total"]) == ("shopify #2", 1250)
    [customer] = shop.merchant.objects["customers"].everything()
    [email] = shop.merchant.contacts[customer["id"]]["emailAddresses"]
    assert email["emailAddress"] == "b@example.com"


async def test_the_same_lines_in_another_sequence(orders: Orders) -> None:
    """They are the same order, while it waits and when it is in Clover."""
    shop = await orders.connected()
    _, first = await orders.put(shop)
    assert first["state"] == "ready"
    mug = {"sku": "MUG", "name": "Mug", "quantity": 1, "unit_price": 1250}
    poster = {"sku": "POSTER", "name": "Poster", "quantity": 1, "unit_price": 999}
    for lines in ([poster, mug | {"quantity": 2}], [mug, poster, mug]):
        status, body = await orders.put(shop, lines=lines)
        assert (status, [each for each, _ in events(body)]) == (200, ["received"])
    await orders.run_until_idle()
    assert (await orders.put(shop, lines=[poster, mug | {"quantity": 2}]))[0] == 200


async def test_an_order_in_doubt_is_not_corrected_yet(orders: Orders) -> None:
    """While it is not known whether it got to Clover the answer is 409 with Retry-After; then it can be corrected."""
    shop = await orders.connected()
    orders.clover.fail("drop_before_apply", method="POST", path=r"/orders$", times=1)
    await orders.put(shop)
    await orders.run_until_idle()
    assert await orders.state(shop) == "unknown"
    status, body = await orders.put(shop, **ONE)
    assert (status, body["type"]) == (409, "urn:quicksync:problem:order_being_sent")
    sent: dict[str, Any] = {"json": order(shop) | ONE, "headers": {"Authorization": f"Bearer {orders.issuer.token()}"}}
    async with orders.http.put(orders.path(shop, "o-1"), **sent) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (409, "5")
    assert (await orders.seen(shop))["total"] == 3499
    orders.clover.fail("throttle", method="POST", path=r"/orders$", id="later")
    await orders.settle_for(2 * SETTLE)
    assert await orders.state(shop) == "ready"
    assert (await orders.put(shop, **ONE))[0] == 202
    orders.clover.sandbox.faults.clear()
    await orders.settle_for(SETTLE)
    assert [each.record["total"] for each in in_clover(shop)] == [1250]


async def test_an_order_of_which_something_is_in_clover(orders: Orders) -> None:
    """It is refused with the fields that differ, paid or only begun."""
    shop = await orders.connected()
    orders.clover.fail("refuse", method="POST", path=r"/payments$", times=1)
    await orders.put(shop)
    await orders.run_until_idle()
    for _ in range(2):
        status, body = await orders.put(shop, **ONE)
        assert (status, body["type"]) == (409, "urn:quicksync:problem:order_differs")
        assert [each["field"] for each in body["errors"]] == ["lines", "total"]
        await orders.act(shop, "retry")
        await orders.run_until_idle()
    assert [each.record["total"] for each in in_clover(shop)] == [3499]


@pytest.mark.parametrize("other", [{}, ONE])
async def test_an_id_is_used_again_after_a_cancel(orders: Orders, other: dict[str, Any]) -> None:
    """An order that was cancelled before it was sent makes room for a new one under its id."""
    shop = await orders.connected()
    await orders.put(shop)
    assert (await orders.act(shop, "cancel"))[0] == 200
    status, body = await orders.put(shop, **other)
    assert (status, body["state"], body["requested_action"]) == (202, "ready", None)
    assert [each for each, _ in events(body)] == ["received", "cancelled", "received"]
    await orders.run_until_idle()
    assert [each.record["total"] for each in in_clover(shop)] == [other.get("total", 3499)]


async def test_an_order_deleted_in_clover_stays_cancelled(orders: Orders) -> None:
    """An order that was in Clover is not brought back by a repeat, nor replaced by another under its id."""
    shop = await orders.connected()
    await orders.put(shop)
    await orders.run_until_idle()
    await orders.act(shop, "cancel")
    await orders.run_until_idle()
    assert (await orders.put(shop))[0] == 200
    status, body = await orders.put(shop, **ONE)
    assert (status, body["type"]) == (409, "urn:quicksync:problem:order_cancelled")
    await orders.run_until_idle()
    assert (await orders.state(shop), in_clover(shop)) == ("cancelled", [])


async def test_a_correction_races_with_the_worker(orders: Orders) -> None:
    """However the two meet, after a 202 only the corrected total is ever sent, and after a 409 the old one."""
    shop = await orders.connected()
    await orders.put(shop, "warm-up")
    await orders.run_until_idle()
    answers = {}
    for number in range(30):
        source_id = f"o-{number}"
        await orders.put(shop, source_id)

        async def correct(source_id: str = source_id, turns: int = number) -> None:
            for _ in range(turns):
                await asyncio.sleep(0)
            answers[source_id] = (await orders.put(shop, source_id, **ONE))[0]

        await asyncio.gather(correct(), orders.run_until_idle())
    await orders.settle_for(10)
    totals = {each.record["note"].split()[-1]: each.record["total"] for each in in_clover(shop)}
    assert len(totals) == len(in_clover(shop)) == 31
    assert {each: totals[each] for each in answers} == {
        each: 1250 if status == 202 else 3499 for each, status in answers.items()
    }


async def test_a_correction_between_reading_and_sending(orders: Orders, monkeypatch: pytest.MonkeyPatch) -> None:
    """A correction that commits after the worker has read the order stops the old one before its first byte."""
    shop = await orders.connected()
    await orders.put(shop)
    deps = orders.service.deps
    session = type(deps.clover).session

    def corrected_first(clover: Any, *arguments: Any, **options: Any) -> Any:
        monkeypatch.undo()
        return _after(orders.put(shop, **ONE), session(clover, *arguments, **options))

    monkeypatch.setattr(type(deps.clover), "session", corrected_first)
    await orders.run_until_idle()
    await orders.settle_for(5)
    assert [each.record["total"] for each in in_clover(shop)] == [1250]


class _after:  # noqa: N801 - reads as a word
    """A session that opens after something else has happened."""

    def __init__(self, first: Any, session: Any) -> None:
        self._first, self._session = first, session

    async def __aenter__(self) -> Any:
        assert (await self._first)[0] == 202
        return await self._session.__aenter__()

    async def __aexit__(self, *error: object) -> Any:
        return await self._session.__aexit__(*error)
