"""Calls that hang at Clover for longer than their shares, of several processes; Clover counts what is in flight."""

import asyncio
from contextlib import AsyncExitStack, suppress

import pytest
from tests.integration.catalog.conftest import INTERNAL, Catalog

from clover_sandbox.latency import Latency
from clover_sandbox.limits import Limits
from common.clock import SystemClock
from common.clover.call_budget import CallBudget
from common.clover.lent_grants import HttpGrants
from common.clover.transport import Answered, Clover
from common.db.unit import Priority
from common.errors import AppError
from common.telemetry.metrics import Metrics

HANGS_MS = 5000.0
SHARES_LAST = 0.6


@pytest.fixture
def changed() -> dict[str, object]:
    return {"grant_seconds": SHARES_LAST}


@pytest.fixture
def limits() -> Limits:
    """Clover's documented limits."""
    return Limits()


async def test_clover_never_has_more_in_flight_than_it_allows(catalog: Catalog) -> None:
    """Three processes come while the calls of a first one hang, of the same merchant and of others."""
    shops = [await catalog.connected() for _ in range(8)]
    settings = catalog.service.settings.model_copy(update={"catalog_url": catalog.url, "internal_secrets": INTERNAL})
    catalog.clover.pipeline.latency = Latency(HANGS_MS, HANGS_MS)
    catalog.clover.limiter.forget()
    await catalog.fetch("DELETE FROM grants RETURNING 1")  # the shares of their first syncs

    async def call(clover: Clover, merchant_id: str) -> None:
        while True:
            with suppress(AppError):
                async with clover.session(merchant_id, Priority.LIVE) as api:
                    await asyncio.gather(*(api.get("items", Answered) for _ in range(4)))
            await asyncio.sleep(0.1)

    async with AsyncExitStack() as stack:
        calling = []
        for service in ("orders", "inventory", "catalog", "reports"):
            clock = SystemClock()
            grants = HttpGrants(settings, service, clock)
            budget = CallBudget(grants, clock)
            clover = Clover(settings, grants, budget, Metrics(), clock, user_agent="Test/1")
            await stack.enter_async_context(clover)
            calling += [asyncio.create_task(call(clover, shop.id)) for shop in shops]
            await asyncio.sleep(1)
        for each in calling:
            each.cancel()
        await asyncio.wait(calling)

    peaks = catalog.clover.limiter.peaks()
    assert sum(catalog.clover.limiter.over_limit.values()) == 0
    assert 7 <= peaks["app_most_in_flight"] <= 10
    assert peaks["token_most_in_flight"] <= 5
