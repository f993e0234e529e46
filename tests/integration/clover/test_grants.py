"""Grants asked of catalog over HTTP, and what happens when it does not give any."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer
from pydantic import SecretStr
from tests.integration.clover.conftest import MERCHANT, settings
from tests.support.clock import FakeClock

from common.clover.grants import (
    ASK_AGAIN_SECONDS,
    LAST_GRANT_KEPT,
    LAST_GRANT_RATE,
    WAIT_SECONDS,
    GrantAnswer,
    GrantRequest,
    HttpGrants,
)
from common.errors import Forbidden, Throttled, Unavailable
from common.http.auth import Keys

SECRET = SecretStr("shared by our services")
GRANT = GrantAnswer(
    grant_id="g1", merchant_id=MERCHANT, region="eu", access_token="token", rate=5, concurrency=2, expires_in=30
)


@dataclass
class Catalog:
    """Answers with the given statuses in turn, and with the last one from then on."""

    statuses: list[int] = field(default_factory=lambda: [200])
    body: str = GRANT.model_dump_json()
    asked: list[GrantRequest] = field(default_factory=list)
    given_back: list[str] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        Keys([], [SECRET], audience="catalog").internal(request.headers["Authorization"])
        self.asked.append(GrantRequest.model_validate_json(await request.read()))
        status = self.statuses[min(len(self.asked), len(self.statuses)) - 1]
        body = self.body if status == 200 else "{}"
        return web.Response(status=status, text=body, content_type="application/json")

    async def give_back(self, request: web.Request) -> web.Response:
        self.given_back.append(request.match_info["grant_id"])
        return web.Response(status=204)


@dataclass
class Asking:
    """A service that asks a catalog for grants."""

    catalog: Catalog
    server: BaseTestServer
    clock: FakeClock
    grants: HttpGrants


@pytest.fixture
async def asking() -> AsyncIterator[Asking]:
    catalog, clock, app = Catalog(), FakeClock(), web.Application()
    app.router.add_post("/internal/grants", catalog.take)
    app.router.add_delete("/internal/grants/{grant_id}", catalog.give_back)
    async with TestServer(app) as server:
        made: dict[str, Any] = {"catalog_url": str(server.make_url("")), "internal_secrets": [SECRET]}
        async with HttpGrants(settings(**made), "orders", clock) as grants:
            yield Asking(catalog, server, clock, grants)


async def test_a_grant_is_taken_and_given_back(asking: Asking) -> None:
    """Catalog receives the merchant and the service; one process uses one holder."""
    grant = await asking.grants.take(MERCHANT)
    await asking.grants.take(MERCHANT)
    await asking.grants.give_back(grant)

    assert GrantAnswer(**vars(grant)) == GRANT
    assert {(each.merchant_id, each.service) for each in asking.catalog.asked} == {(MERCHANT, "orders")}
    assert len({each.holder for each in asking.catalog.asked}) == 1
    assert asking.catalog.given_back == ["g1"]


async def test_a_token_is_never_shown(asking: Asking) -> None:
    """The representation of a grant omits its token."""
    assert "token='token'" not in repr(await asking.grants.take(MERCHANT))
    assert "'token'" not in repr(GRANT)


async def test_full_quota_is_retried(asking: Asking) -> None:
    """While others hold the quota, the request is repeated until there is room."""
    asking.catalog.statuses = [429, 429, 200]

    async with asking.clock.running():
        assert (await asking.grants.take(MERCHANT)).grant_id == "g1"
    assert len(asking.catalog.asked) == 3


async def test_quota_that_stays_full_raises_throttled(asking: Asking) -> None:
    """After about five seconds the caller gets Throttled, and can do something else."""
    asking.catalog.statuses = [429]
    async with asking.clock.running(speed=20):
        with pytest.raises(Throttled):
            await asking.grants.take(MERCHANT)

    assert len(asking.catalog.asked) > 1
    assert asking.clock.monotonic() > WAIT_SECONDS - 2 * ASK_AGAIN_SECONDS


@pytest.mark.parametrize("status", [403, 404])
async def test_a_merchant_that_is_not_connected_is_forbidden(asking: Asking, status: int) -> None:
    """And the token of before serves no longer, even when catalog then goes away."""
    await asking.grants.take(MERCHANT)
    asking.catalog.statuses = [status]
    with pytest.raises(Forbidden):
        await asking.grants.take(MERCHANT)
    await asking.server.close()
    with pytest.raises(Unavailable):
        await asking.grants.take(MERCHANT)


@pytest.mark.parametrize("status", [500, 503, 302, 422])
async def test_failing_catalog_leaves_the_last_grant_at_a_low_rate(asking: Asking, status: int) -> None:
    """Work continues with the last token, at a rate that is safe for all services together."""
    await asking.grants.take(MERCHANT)
    asking.catalog.statuses = [status]
    grant = await asking.grants.take(MERCHANT)
    await asking.grants.give_back(grant)

    assert (grant.access_token, grant.region) == ("token", "eu")
    assert (grant.rate, grant.concurrency) == (LAST_GRANT_RATE, 1)
    assert asking.catalog.given_back == []


async def test_unreachable_catalog_leaves_the_last_grant_for_an_hour(asking: Asking) -> None:
    """After an hour the token is too old, and no call uses it."""
    await asking.grants.take(MERCHANT)
    await asking.server.close()
    alone = await asking.grants.take(MERCHANT)
    asking.clock.advance(LAST_GRANT_KEPT + 1)
    with pytest.raises(Unavailable):
        await asking.grants.take(MERCHANT)

    assert alone.rate == LAST_GRANT_RATE


async def test_giving_back_to_an_unreachable_catalog_is_ignored(asking: Asking) -> None:
    """The grant expires by itself."""
    grant = await asking.grants.take(MERCHANT)
    await asking.server.close()

    await asking.grants.give_back(grant)


@pytest.mark.parametrize("body", ["", "{}", GRANT.model_copy(update={"rate": 0.0}).model_dump_json()])
async def test_invalid_grant_is_refused(asking: Asking, body: str) -> None:
    """A rate that allows no call is not used."""
    asking.catalog.body = body
    with pytest.raises(Unavailable):
        await asking.grants.take(MERCHANT)
