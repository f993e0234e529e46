"""Users met: with a limit of 60 calls a second, as larger apps get, catalog refused its own answer."""

from uuid import uuid4

import pytest
from tests.integration.catalog.conftest import INTERNAL, Catalog, catalog, limits

from common.clock import SystemClock
from common.clover.call_budget import CallBudget
from common.clover.grants import Want
from common.clover.lent_grants import HttpGrants
from common.clover.transport import Answered, Clover
from common.telemetry.metrics import Metrics

__all__ = ["catalog", "limits"]

LIMITS = {"app": 1000, "token": 60, "app_concurrent": 300, "token_concurrent": 200}


@pytest.fixture
def changed() -> dict[str, object]:
    return {"clover_limits": LIMITS}


async def test_the_whole_limit_is_lent(catalog: Catalog) -> None:
    """Another service gets the rate and the concurrency that the settings allow, and uses them."""
    shop = await catalog.connected()
    settings = catalog.service.settings.model_copy(update={"catalog_url": catalog.url, "internal_secrets": INTERNAL})
    clock = SystemClock()
    async with HttpGrants(settings, "orders", clock) as grants:
        await catalog.fetch("DELETE FROM grants RETURNING 1")  # as when the shares of catalog's own process have ended
        grant = await grants.take(shop.id, Want.ALL)
        assert grant.rate > 40
        assert grant.concurrency > 10
        lease = await grants.lease(Want.ALL)
        assert lease.rate > 50
        assert lease.concurrency > 10
    grants = HttpGrants(settings, "orders", clock)
    async with (
        Clover(settings, grants, CallBudget(grants, clock), Metrics(), clock, user_agent="test") as clover,
        clover.session(shop.id) as api,
    ):
        assert await api.get("", Answered)


async def test_two_holders_share_it(catalog: Catalog) -> None:
    """A second process gets a share too; together they stay within the limit."""
    shop = await catalog.connected()
    await catalog.fetch("DELETE FROM grants RETURNING 1")
    rates = []
    for _ in range(2):
        wanted = {"merchant_id": shop.id, "want": "all"}
        body = {"merchants": [wanted], "holder": str(uuid4()), "service": "orders"}
        status, lent = await catalog.call("POST", "/internal/grants", body, internal=True)
        assert status == 200
        rates += [grant["rate"] for grant in lent["grants"]]
    assert len(rates) == 2
    assert sum(rates) <= LIMITS["token"]
