"""Grants over HTTP: the granted shares stay within Clover's limits, and Clover never refuses a call."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from tests.integration.catalog.conftest import INTERNAL, Catalog, Shop
from tests.support.eventually import eventually

from catalog.domain.grants import Limit, Limits
from clover_sandbox.latency import Latency
from common.clock import SystemClock
from common.clover.grants import HttpGrants
from common.clover.transport import Answered, Clover
from common.telemetry.metrics import Metrics

LIMITS = Limits(app=Limit(50, 10), token=Limit(16, 5))

GRANTED = """
SELECT coalesce(max(rate), 0)::float AS rate, coalesce(max(concurrency), 0) AS concurrency
FROM (SELECT sum(rate) AS rate, sum(concurrency) AS concurrency FROM grants GROUP BY {by}) AS granted
"""


async def take(catalog: Catalog, shop: Shop, holder: str) -> tuple[int, Any]:
    body = {"merchant_id": shop.id, "holder": holder, "service": "orders"}
    return await catalog.call("POST", "/internal/grants", body, internal=True)


async def hold_all(catalog: Catalog, shop: Shop) -> list[Any]:
    """Take grants for the merchant until no capacity is left."""
    taken = []
    while (answer := await take(catalog, shop, str(uuid4())))[0] == 200:
        taken.append(answer[1])
    return taken


async def test_a_grant_has_token_and_share(catalog: Catalog) -> None:
    """A grant has the token, the region, its lifetime, and a rate and concurrency within the limits."""
    shop = await catalog.connected("eu")
    status, grant = await take(catalog, shop, str(uuid4()))
    assert status == 200
    assert (grant["access_token"], grant["region"], grant["expires_in"]) == (shop.token, "eu", 3.0)
    assert 0 < grant["rate"] <= LIMITS.token.steady
    assert 0 < grant["concurrency"] <= LIMITS.token.slots


async def test_asking_again_renews_the_grant(catalog: Catalog) -> None:
    """The same holder keeps its grant id and gets its present share."""
    shop, holder = await catalog.connected(), str(uuid4())
    _, first = await take(catalog, shop, holder)
    _, second = await take(catalog, shop, holder)
    assert first["grant_id"] == second["grant_id"]
    assert len(await catalog.fetch("SELECT 1 FROM grants WHERE state = 'holding'")) == 1


async def test_a_grant_without_free_capacity_is_throttled(catalog: Catalog) -> None:
    """The answer is 429 until another process gives a grant back."""
    shop = await catalog.connected()
    taken = await hold_all(catalog, shop)
    holder = str(uuid4())
    status, body = await take(catalog, shop, holder)
    assert (status, body["type"]) == (429, "urn:quicksync:problem:throttled")
    await catalog.fetch("DELETE FROM grants WHERE state = 'waiting' AND holder <> $1 RETURNING 1", holder)
    assert (await catalog.call("DELETE", f"/internal/grants/{taken[0]['grant_id']}", internal=True))[0] == 204
    assert (await take(catalog, shop, holder))[0] == 200


@pytest.mark.parametrize("changed", [{"grant_seconds": 0.2}])
async def test_grants_of_crashed_processes_expire(catalog: Catalog) -> None:
    """A grant that is not renewed is free for others after its lifetime."""
    shop = await catalog.connected()
    await hold_all(catalog, shop)
    holder = str(uuid4())

    async def taken() -> bool:
        return (await take(catalog, shop, holder))[0] == 200

    await eventually(taken, within=5)


async def test_parallel_requests_stay_within_both_limits(catalog: Catalog) -> None:
    """Parallel requests for several merchants leave the sums below both limits."""
    shops = [await catalog.connected() for _ in range(4)]
    await catalog.fetch("DELETE FROM grants RETURNING 1")
    answers = await asyncio.gather(*(take(catalog, shop, str(uuid4())) for shop in shops for _ in range(6)))
    assert {status for status, _ in answers} == {200, 429}
    [app] = await catalog.fetch(GRANTED.format(by="()"))
    [token] = await catalog.fetch(GRANTED.format(by="merchant_id"))
    assert app["rate"] <= LIMITS.app.steady + 1e-6
    assert app["concurrency"] <= LIMITS.app.slots
    assert token["rate"] <= LIMITS.token.steady + 1e-6
    assert token["concurrency"] <= LIMITS.token.slots


async def test_invalid_grant_requests_are_refused(catalog: Catalog) -> None:
    """An unknown merchant gets 404, a public bearer token 401, an invalid body 422."""
    shop = await catalog.connected()
    assert (await take(catalog, Shop("0000000000000", "", "us"), str(uuid4())))[0] == 404
    assert (await catalog.call("POST", "/internal/grants", {"merchant_id": shop.id}))[0] == 401
    assert (await take(catalog, shop, "no uuid"))[0] == 422
    assert (await catalog.call("DELETE", "/internal/grants/none", internal=True))[0] == 404


async def test_three_services_at_full_speed_are_never_throttled(catalog: Catalog) -> None:
    """Processes that call Clover for the same merchants at their full rate see no 429."""
    shops = [await catalog.connected() for _ in range(3)]
    settings = catalog.service.settings.model_copy(
        update={"catalog_url": str(catalog.http.make_url("")), "internal_secrets": INTERNAL}
    )
    catalog.clover.pipeline.latency = Latency(30, 30)
    catalog.clover.journal.forget()
    until = asyncio.get_running_loop().time() + 5

    async def session(clover: Clover, shop: Shop, calls: int) -> None:
        while asyncio.get_running_loop().time() < until:
            async with clover.session(shop.id) as api:
                await asyncio.gather(*(api.get("items", Answered) for _ in range(calls)))

    async def process(name: str, calls: int) -> None:
        clock = SystemClock()
        async with Clover(settings, HttpGrants(settings, name, clock), Metrics(), clock, user_agent="Test/1") as clover:
            await asyncio.gather(*(session(clover, shop, calls) for shop in shops))

    await asyncio.gather(process("inventory", 1), process("orders", 20), process("notifier", 5))
    assert catalog.clover.journal.by_status.keys() == {"200"}
    assert catalog.clover.journal.total > 5 * 0.5 * LIMITS.app.steady
