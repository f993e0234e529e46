"""Leases and grants asked of catalog over HTTP, for many merchants at once, and what happens without catalog."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer
from pydantic import SecretStr
from tests.integration.clover.conftest import MERCHANT, settings
from tests.support.clock import FakeClock

from common.clover.grants import MOST_MERCHANTS, GrantAnswer, GrantRequest, LeaseAnswer, Lent, Refusal, Want
from common.clover.lent_grants import (
    ASK_AGAIN_SECONDS,
    ASK_SECONDS,
    WAIT_SECONDS,
    HttpGrants,
    LentGrants,
)
from common.clover.own_lease import LAST_LEASE_LASTS, LAST_RATE
from common.errors import Forbidden, Throttled, Unavailable
from common.http.auth import Keys
from common.recent import LONGEST

SECRET = SecretStr("shared by our services")
LEASE = LeaseAnswer(rate=20, background_rate=16, concurrency=4, renew_in=10, expires_in=15)


def grant(merchant_id: str, **changes: Any) -> GrantAnswer:
    share: dict[str, Any] = {"rate": 5, "concurrency": 2, "renew_in": 0, "expires_in": 30}
    return GrantAnswer(merchant_id=merchant_id, region="eu", access_token="token", **(share | changes))


@dataclass
class Catalog:
    """Lends what is asked for. Answers with the given statuses in turn, and with the last one from then on."""

    statuses: list[int] = field(default_factory=lambda: [200])
    refused: dict[str, Refusal] = field(default_factory=dict)
    has_lease: bool = True
    body: str = ""
    asked: list[GrantRequest] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def lend(self, request: web.Request) -> web.Response:
        Keys([], [SECRET], audience="catalog").internal(request.headers["Authorization"])
        asked = GrantRequest.model_validate_json(await request.read())
        self.asked.append(asked)
        self.arrived.set()
        await self.open.wait()
        status = self.statuses[min(len(self.asked), len(self.statuses)) - 1]
        grants = [grant(each.merchant_id) for each in asked.merchants if each.merchant_id not in self.refused]
        lent = Lent(lease=LEASE if asked.lease and self.has_lease else None, grants=grants, refused=self.refused)
        text = (self.body or lent.model_dump_json()) if status == 200 else "{}"
        return web.Response(status=status, text=text, content_type="application/json")

    def merchants(self) -> list[list[str]]:
        return [[each.merchant_id for each in request.merchants] for request in self.asked]


@dataclass
class Asking:
    """A service that asks a catalog for its calls."""

    catalog: Catalog
    server: BaseTestServer
    clock: FakeClock
    grants: HttpGrants


@pytest.fixture
async def asking() -> AsyncIterator[Asking]:
    catalog, clock, app = Catalog(), FakeClock(), web.Application()
    catalog.open.set()
    app.router.add_post("/internal/grants", catalog.lend)
    async with TestServer(app) as server:
        made: dict[str, Any] = {"catalog_url": str(server.make_url("")), "internal_secrets": [SECRET]}
        async with HttpGrants(settings(**made), "orders", clock) as grants:
            yield Asking(catalog, server, clock, grants)


def merchants(count: int) -> list[str]:
    return [f"MRCHNT{number:07}" for number in range(100, 100 + count)]


async def test_a_grant_is_asked_for_once_while_it_lasts(asking: Asking) -> None:
    """Catalog receives the merchant and the service; one process is one holder."""
    taken = await asking.grants.take(MERCHANT, Want.LITTLE)
    await asking.grants.take(MERCHANT, Want.LITTLE)
    assert GrantAnswer(**vars(taken)) == grant(MERCHANT)
    assert asking.catalog.merchants() == [[MERCHANT]]
    asking.clock.advance(30)
    await asking.grants.take(MERCHANT, Want.LITTLE)

    assert {each.service for each in asking.catalog.asked} == {"orders"}
    assert len({each.holder for each in asking.catalog.asked}) == 1
    assert len(asking.catalog.asked) == 2


async def test_a_grant_taken_before_has_the_rest_of_its_time(asking: Asking) -> None:
    """Else it would be used longer than catalog counts it."""
    await asking.grants.take(MERCHANT, Want.LITTLE)
    asking.clock.advance(20)
    assert (await asking.grants.take(MERCHANT, Want.LITTLE)).expires_in == 10


async def test_all_a_merchant_has_is_asked_for_anew(asking: Asking) -> None:
    """A grant for single calls does not serve a session that needs more."""
    await asking.grants.take(MERCHANT, Want.LITTLE)
    await asking.grants.take(MERCHANT, Want.ALL)
    assert [request.merchants[0].want for request in asking.catalog.asked] == [Want.LITTLE, Want.ALL]


async def test_expected_merchants_come_along(asking: Asking) -> None:
    """Their turns need no request, so that fifty visits cost one."""
    expected = merchants(60)
    asking.grants.expect(expected)
    await asking.grants.take(MERCHANT, Want.LITTLE)
    for each in expected:
        await asking.grants.take(each, Want.LITTLE)
    [request] = asking.catalog.asked
    assert [each.is_expected for each in request.merchants] == [False] + 60 * [True]


async def test_the_lease_is_renewed_along_with_grants(asking: Asking) -> None:
    """In the second half of its time, so that not each of the two costs a request; the process uses it at once."""
    await asking.grants.lease(Want.ALL)
    asking.clock.advance(4)
    await asking.grants.take(MERCHANT, Want.LITTLE)
    assert asking.grants.renewed(Want.ALL) is None
    asking.clock.advance(2)
    await asking.grants.take(merchants(1)[0], Want.LITTLE)
    asking.clock.advance(3)
    renewed = asking.grants.renewed(Want.ALL)
    assert renewed
    assert (renewed.renew_in, renewed.expires_in) == (7, 12)
    assert asking.grants.renewed(Want.ALL) is None
    assert [each.lease for each in asking.catalog.asked] == [Want.ALL, None, Want.ALL]


async def test_a_grant_that_came_meanwhile_is_not_asked_for(asking: Asking) -> None:
    """The merchant was expected, and its turn began while the request was under way."""
    asking.catalog.open.clear()
    asking.grants.expect(merchants(1))
    async with asyncio.TaskGroup() as group:
        group.create_task(asking.grants.take(MERCHANT, Want.LITTLE))
        await asking.catalog.arrived.wait()
        group.create_task(asking.grants.take(merchants(1)[0], Want.LITTLE))
        await asyncio.sleep(0)
        asking.catalog.open.set()
    assert asking.catalog.merchants() == [[MERCHANT, *merchants(1)]]


async def test_a_request_of_before_brings_no_forgotten_grant_back(asking: Asking) -> None:
    """An expected merchant that is connected with another token meanwhile would be called with that of before."""
    [expected] = merchants(1)
    asking.catalog.open.clear()
    asking.grants.expect([expected])
    first = asyncio.create_task(asking.grants.take(MERCHANT, Want.LITTLE))
    await asking.catalog.arrived.wait()
    asking.grants.forget(expected)
    asking.catalog.open.set()
    await first
    await asking.grants.take(expected, Want.LITTLE)
    await asking.grants.take(expected, Want.LITTLE)
    assert asking.catalog.merchants() == [[MERCHANT, expected], [expected]]


async def test_merchants_are_expected_for_one_request(asking: Asking) -> None:
    """One that is not named again has no turn, and other services could need its calls."""
    expected = merchants(3)
    asking.grants.expect(expected)
    await asking.grants.take(MERCHANT, Want.LITTLE)
    asking.clock.advance(60)
    await asking.grants.take(MERCHANT, Want.LITTLE)
    assert asking.catalog.merchants() == [[MERCHANT, *expected], [MERCHANT]]


async def test_requests_that_meet_go_together(asking: Asking) -> None:
    """While one is under way, all that come wait for the next one; the lease is in it too."""
    asking.catalog.open.clear()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(asking.grants.take(MERCHANT, Want.LITTLE))
        await asking.catalog.arrived.wait()
        others = [group.create_task(asking.grants.take(each, Want.LITTLE)) for each in merchants(30)]
        leases = [group.create_task(asking.grants.lease(want)) for want in (Want.ALL, Want.LITTLE)]
        await asyncio.sleep(0)
        asking.catalog.open.set()
    assert {each.result().merchant_id for each in [first, *others]} == {MERCHANT, *merchants(30)}
    assert [each.result().rate for each in leases] == [LEASE.rate, LEASE.rate]
    assert asking.catalog.merchants() == [[MERCHANT], merchants(30)]
    assert asking.catalog.asked[1].lease is Want.ALL


async def test_a_cancelled_request_does_not_stop_the_others(asking: Asking) -> None:
    """One turn that is cut off takes the answer of nobody else with it."""
    asking.catalog.open.clear()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(asking.grants.take(MERCHANT, Want.LITTLE))
        await asking.catalog.arrived.wait()
        other = group.create_task(asking.grants.take(merchants(1)[0], Want.LITTLE))
        await asyncio.sleep(0)
        first.cancel()
        asking.catalog.open.set()
    assert other.result().merchant_id == merchants(1)[0]


async def test_a_request_names_only_so_many_merchants(asking: Asking) -> None:
    """Catalog would refuse a larger one."""
    asking.grants.expect(merchants(500))
    await asking.grants.take(MERCHANT, Want.LITTLE)
    assert [len(each) for each in asking.catalog.merchants()] == [MOST_MERCHANTS]


async def test_a_token_is_never_shown(asking: Asking) -> None:
    """The representation of a grant omits its token."""
    assert "token='token'" not in repr(await asking.grants.take(MERCHANT, Want.LITTLE))
    assert "'token'" not in repr(grant(MERCHANT))


@pytest.mark.parametrize("what", ["lease", "grant"])
async def test_what_is_taken_is_asked_for_again(asking: Asking, what: str) -> None:
    """For about five seconds; then the caller gets Throttled, and can do something else."""
    asking.catalog.has_lease, asking.catalog.refused = False, {MERCHANT: Refusal.TAKEN}
    async with asking.clock.running(speed=20):
        with pytest.raises(Throttled):
            await (asking.grants.lease(Want.ALL) if what == "lease" else asking.grants.take(MERCHANT, Want.LITTLE))

    assert len(asking.catalog.asked) > 1
    assert asking.clock.monotonic() > WAIT_SECONDS - 2 * ASK_AGAIN_SECONDS


async def test_a_merchant_that_is_not_connected_is_forbidden(asking: Asking) -> None:
    """And the token of before serves no longer, even when catalog then goes away."""
    await asking.grants.take(MERCHANT, Want.LITTLE)
    asking.clock.advance(30)
    asking.catalog.refused = {MERCHANT: Refusal.NOT_CONNECTED}
    with pytest.raises(Forbidden):
        await asking.grants.take(MERCHANT, Want.LITTLE)
    await asking.server.close()
    with pytest.raises(Unavailable):
        await asking.grants.take(MERCHANT, Want.LITTLE)


@pytest.mark.parametrize("status", [500, 503, 302, 422, 404, 403])
async def test_failing_catalog_leaves_the_last_grants_at_a_low_rate(asking: Asking, status: int) -> None:
    """Work continues with the last token, at a rate that is safe for all services together."""
    await asking.grants.take(MERCHANT, Want.LITTLE)
    await asking.grants.lease(Want.ALL)
    asking.clock.advance(30)
    asking.catalog.statuses = [status]
    taken = await asking.grants.take(MERCHANT, Want.LITTLE)
    lease = await asking.grants.lease(Want.ALL)

    assert (taken.access_token, taken.region) == ("token", "eu")
    assert (taken.rate, taken.concurrency) == (LAST_RATE, 1)
    assert (lease.rate, lease.background_rate, lease.concurrency) == (LAST_RATE, LAST_RATE, 1)
    assert lease.expires_in == LAST_LEASE_LASTS


async def test_unreachable_catalog_leaves_the_last_token_for_an_hour(asking: Asking) -> None:
    """After an hour the token is too old; it is no longer in memory."""
    await asking.grants.take(MERCHANT, Want.LITTLE)
    await asking.server.close()
    asking.clock.advance(LONGEST - 1)
    assert (await asking.grants.take(MERCHANT, Want.LITTLE)).rate == LAST_RATE
    asking.clock.advance(1)
    with pytest.raises(Unavailable):
        await asking.grants.take(MERCHANT, Want.LITTLE)


async def test_calls_wait_seldom_for_a_catalog_that_hangs() -> None:
    """Each request takes its whole time, so the last lease is renewed without one for three times as long."""
    clock, answers, asked_at = FakeClock(), [Lent(lease=LEASE)], list[float]()

    async def hang(_: GrantRequest) -> Lent:
        asked_at.append(clock.monotonic())
        if answers:
            return answers.pop()
        clock.advance(ASK_SECONDS)
        raise Unavailable("catalog cannot be reached")

    grants = LentGrants(hang, "orders", clock)
    start = clock.monotonic()
    for _ in range(20):
        lease = await grants.lease(Want.LITTLE)
        clock.advance(LAST_LEASE_LASTS)

    assert lease.rate == LAST_RATE
    assert [round(each - start) for each in asked_at] == [0, 1, 13, 25]


async def test_a_process_that_never_had_a_lease_calls_nobody_without_catalog(asking: Asking) -> None:
    """It cannot know how many others call."""
    await asking.server.close()
    with pytest.raises(Unavailable):
        await asking.grants.lease(Want.LITTLE)


@pytest.mark.parametrize(
    "body", ["", "[]", Lent(grants=[grant(MERCHANT).model_copy(update={"rate": 0.0})]).model_dump_json()]
)
async def test_an_invalid_answer_is_refused(asking: Asking, body: str) -> None:
    """A rate that allows no call is not used."""
    asking.catalog.body = body or "nothing"
    with pytest.raises(Unavailable):
        await asking.grants.take(MERCHANT, Want.LITTLE)
