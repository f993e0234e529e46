"""Calls lent over HTTP: the shares stay within Clover's limits, and Clover never refuses a call."""

import asyncio
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from tests.integration.catalog.conftest import INTERNAL, Catalog, Shop

from catalog.domain.grants import Limit
from clover_sandbox.latency import Latency
from clover_sandbox.limits import Limits
from common.clock import SystemClock
from common.clover.call_budget import CallBudget
from common.clover.grants import Want
from common.clover.lent_grants import HttpGrants
from common.clover.transport import Answered, Clover
from common.db.unit import Priority
from common.errors import Forbidden, Throttled
from common.telemetry.metrics import Metrics

APP, TOKEN = Limit(50, 10), Limit(16, 5)

EXPIRED = """
INSERT INTO grants SELECT 'GONE' || n, $1, 'orders', 'holding', now(), 1, 1, 1, 1, now() - interval '1 day'
FROM generate_series(1, 5000) AS n RETURNING 1
"""


@pytest.fixture
def limits() -> Limits:
    """Clover's documented limits."""
    return Limits()


async def lend(catalog: Catalog, *merchants: dict[str, Any], **more: Any) -> tuple[int, Any]:
    body = {"holder": str(uuid4()), "service": "orders", "merchants": merchants} | more
    return await catalog.call("POST", "/internal/grants", body, internal=True)


async def test_a_grant_has_token_and_share(catalog: Catalog) -> None:
    """A grant has the token, the region, its life, and a rate and concurrency within the limits."""
    shop = await catalog.connected("eu")
    status, lent = await lend(catalog, {"merchant_id": shop.id, "want": "all"})
    [grant] = lent["grants"]
    assert (status, lent["lease"], lent["refused"]) == (200, None, {})
    assert (grant["access_token"], grant["region"]) == (shop.token, "eu")
    assert 0 < grant["rate"] <= TOKEN.steady
    assert 0 < grant["concurrency"] <= TOKEN.slots
    assert 0 < grant["renew_in"] < grant["expires_in"] <= 18


async def test_a_lease_has_a_part_for_background_work(catalog: Catalog) -> None:
    """Of what a process may call, background work may use the share that the settings name."""
    _, lent = await lend(catalog, lease="all")
    lease = lent["lease"]
    assert 30 < lease["rate"] <= APP.rate
    assert lease["background_rate"] == pytest.approx(0.8 * lease["rate"])
    assert 0 < lease["concurrency"] <= APP.slots


async def test_asking_again_renews(catalog: Catalog) -> None:
    """The same process keeps one row for each of its shares."""
    shop, holder = await catalog.connected(), str(uuid4())
    await catalog.fetch("DELETE FROM grants RETURNING 1")
    for _ in range(2):
        await lend(catalog, {"merchant_id": shop.id}, holder=holder, lease="little")
    assert len(await catalog.fetch("SELECT 1 FROM grants")) == 2


async def test_many_merchants_are_one_request(catalog: Catalog) -> None:
    """Each gets its answer: a grant, or why there is none."""
    shops = [await catalog.connected() for _ in range(5)]
    await catalog.fetch("UPDATE grants SET expires_at = now() RETURNING 1")  # the shares of their first syncs
    expected = [{"merchant_id": shop.id, "is_expected": True} for shop in shops]
    status, lent = await lend(catalog, *expected, {"merchant_id": "0000000000000"})
    assert status == 200
    assert {grant["access_token"] for grant in lent["grants"]} == {shop.token for shop in shops}
    assert {(grant["rate"], grant["renew_in"]) for grant in lent["grants"]} == {(1.0, 0.0)}
    assert lent["refused"] == {"0000000000000": "not_connected"}


async def test_without_free_calls_nothing_is_lent(catalog: Catalog) -> None:
    """The lease is missing and the merchant is refused until another share ends."""
    shop = await catalog.connected()
    wanted = {"merchant_id": shop.id, "want": "all"}
    for number in range(60):
        _, lent = await lend(catalog, wanted, lease="all", service=f"service {number}")
        if lent["lease"] is None and lent["refused"]:
            break
    assert lent == {"lease": None, "grants": [], "refused": {shop.id: "taken"}}
    await catalog.fetch("UPDATE grants SET expires_at = now() RETURNING 1")
    _, lent = await lend(catalog, wanted, lease="all")
    assert lent["lease"]
    assert lent["grants"]


async def test_parallel_requests_stay_within_both_limits(catalog: Catalog) -> None:
    """The sums of what is lent are below both limits."""
    shops = [await catalog.connected() for _ in range(4)]
    wanted = [{"merchant_id": shop.id, "want": "all"} for shop in shops]
    await catalog.fetch("DELETE FROM grants RETURNING 1")
    await asyncio.gather(*(lend(catalog, *wanted, lease="all", service=f"service {number}") for number in range(12)))
    sums = "SELECT subject, sum(rate) AS rate, sum(concurrency) AS concurrency FROM grants GROUP BY subject"
    rows = await catalog.fetch(sums)
    assert {row["subject"] for row in rows} == {"", *(shop.id for shop in shops)}
    for row in rows:
        limit, steady = (TOKEN, TOKEN.steady) if row["subject"] else (APP, APP.rate)
        assert row["rate"] <= steady + 1e-6
        assert row["concurrency"] <= limit.concurrency


async def test_expired_shares_are_deleted_in_portions(catalog: Catalog) -> None:
    """A table full of shares of merchants long gone delays nobody, and empties itself."""
    await catalog.fetch(EXPIRED, uuid4())
    for _ in range(6):
        assert (await lend(catalog, lease="little"))[0] == 200
    assert not await catalog.fetch("SELECT 1 FROM grants WHERE expires_at < now() - interval '1 hour'")


async def test_after_an_absence_of_catalog_single_calls_are_counted(catalog: Catalog) -> None:
    """Processes went on with one call a second, and have not asked yet; those that are gone count for seconds only."""
    await catalog.fetch("DELETE FROM grants RETURNING 1")
    await lend(catalog, lease="all", service="inventory")
    over = "UPDATE grants SET expires_at = now() - interval '1 s', saved_at = now() - interval '1 minute' RETURNING 1"
    await catalog.fetch(over)
    await lend(catalog, lease="all")
    [row] = await catalog.fetch(
        "SELECT rate, calls, concurrency, expires_at - now() AS lasts FROM grants WHERE rate = 0"
    )
    assert (row["calls"], row["concurrency"]) == (1, 1)
    assert timedelta(seconds=10) < row["lasts"] < timedelta(seconds=16)
    await catalog.fetch(over)
    await lend(catalog, lease="all")
    assert len(await catalog.fetch("SELECT 1 FROM grants WHERE rate = 0")) == 1  # that of the second one


async def test_a_disconnected_merchant_is_refused_everywhere_within_seconds(catalog: Catalog) -> None:
    """A process that has the merchant's grant uses it until its end at most."""
    shop = await catalog.connected()
    async with HttpGrants(_settings(catalog), "orders", catalog.clock) as grants:
        clock = catalog.clock
        await grants.take(shop.id, Want.LITTLE)
        assert (await catalog.call("DELETE", f"/v1/merchants/{shop.id}"))[0] == 204
        clock.advance(20)
        with pytest.raises(Forbidden):
            await grants.take(shop.id, Want.LITTLE)


async def test_invalid_requests_are_refused(catalog: Catalog) -> None:
    """A public bearer token gets 401, an invalid body 422."""
    body = {"holder": str(uuid4()), "service": "orders"}
    assert (await catalog.call("POST", "/internal/grants", body))[0] == 401
    assert (await catalog.call("POST", "/internal/grants", body | {"holder": "no uuid"}, internal=True))[0] == 422
    many = [{"merchant_id": "0000000000000"}] * 201
    assert (await catalog.call("POST", "/internal/grants", body | {"merchants": many}, internal=True))[0] == 422


async def test_nine_processes_at_full_speed_are_never_throttled(catalog: Catalog) -> None:
    """Three replicas of three services call for the same merchants as fast as they may, and see no 429."""
    shops = [await catalog.connected() for _ in range(12)]
    await catalog.fetch("DELETE FROM grants RETURNING 1")  # the shares of their first syncs
    catalog.clover.pipeline.latency = Latency(30, 30)
    catalog.clover.journal.forget()
    until = asyncio.get_running_loop().time() + 6

    async def visits(clover: Clover, some: list[Shop], priority: Priority) -> None:
        while asyncio.get_running_loop().time() < until:
            for shop in some:
                with suppress(Throttled):  # the worker does something else meanwhile
                    async with clover.session(shop.id, priority) as api:
                        await asyncio.gather(*(api.get("items", Answered) for _ in range(3)))

    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        for service in ("catalog", "inventory", "orders"):
            for number in range(3):
                clock = SystemClock()
                grants = HttpGrants(_settings(catalog), service, clock)
                budget = CallBudget(grants, clock)
                clover = await stack.enter_async_context(
                    Clover(_settings(catalog), grants, budget, Metrics(), clock, user_agent="Test/1")
                )
                # as the workers do, the replicas of a service call for different merchants
                group.create_task(visits(clover, shops[number::3], Priority.NORMAL))
    assert catalog.clover.journal.by_status.keys() == {"200"}
    assert catalog.clover.journal.total > 50


def _settings(catalog: Catalog) -> Any:
    return catalog.service.settings.model_copy(update={"catalog_url": catalog.url, "internal_secrets": INTERNAL})
