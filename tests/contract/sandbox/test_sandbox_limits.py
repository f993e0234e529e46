"""The rate limits from a client's view, and the sandbox's counters."""

import asyncio

import pytest
from tests.support.clover import local_clover

from clover_sandbox.limits import Limits


async def test_a_burst_exceeds_the_token_limit() -> None:
    """16 calls pass; the rest get a 429 with that limit's header, without retry-after, and are not applied."""
    async with local_clover(Limits(app_concurrent=0, token_concurrent=0)) as clover:
        shop = clover.open_shop()
        replies = await asyncio.gather(*(shop.call("POST", "/orders", {"state": "open"}) for _ in range(20)))
        refused = [each for each in replies if each.status == 429]

        assert len(refused) == 4
        assert all(each.headers["X-RateLimit-tokenLimit"] == "16" for each in refused)
        assert not any("retry-after" in each.headers for each in refused)
        assert refused[0].body == {"message": "429 Too Many Requests"}
        assert len(shop.merchant.objects["orders"]) == 16
        assert clover.sandbox.limiter.over_limit["token"] == 4


async def test_six_calls_in_flight_are_one_too_many() -> None:
    """The sixth concurrent call of a token gets a retry-after."""
    async with local_clover(Limits(0, 0)) as clover:
        shop = clover.open_shop()
        clover.fail("delay", ms=300)
        replies = await asyncio.gather(*(shop.call("GET", "/items") for _ in range(6)))

        assert sorted(each.status for each in replies) == [200] * 5 + [429]
        (refused,) = [each for each in replies if each.status == 429]
        assert (refused.headers["X-RateLimit-tokenConcurrentLimit"], refused.headers["retry-after"]) == ("5", "1")
        assert clover.sandbox.limiter.peaks()["token_most_in_flight"] == 5


async def test_an_answered_call_is_no_longer_in_flight() -> None:
    """Sequential calls never reach the limit, even if some are refused or dropped."""
    async with local_clover(Limits(0, 0, 1, 1)) as clover:
        shop = clover.open_shop()
        clover.fail("refuse", times=1)
        statuses = [(await shop.call("GET", path)).status for path in ("/items", "/items/NONE", "/items", "/items")]

        assert statuses == [400, 404, 200, 200]


async def test_merchants_share_the_app_limit() -> None:
    """Five merchants with 12 calls each stay within their own limits but exceed the app's 50."""
    async with local_clover(Limits(app_concurrent=0, token_concurrent=0)) as clover:
        shops = [clover.open_shop() for _ in range(5)]
        replies = await asyncio.gather(*(shop.call("GET", "/items") for _ in range(12) for shop in shops))
        refused = [each for each in replies if each.status == 429]

        assert len(refused) == 10
        assert all("X-RateLimit-crossTokenLimit" in each.headers for each in refused)


async def test_headers_may_be_absent() -> None:
    """One client reported a 429 without headers."""
    async with local_clover(Limits(token=1)) as clover:
        clover.sandbox.switches.set({"rate_headers": "absent"})
        shop = clover.open_shop()
        await shop.call("GET", "/items")
        refused = await shop.call("GET", "/items")

        assert refused.status == 429
        assert not [name for name in refused.headers if name.lower().startswith(("x-ratelimit", "retry"))]


@pytest.mark.parametrize(
    ("mode", "body"),
    [("json", {"message": "429 Too Many Requests"}), ("text", "429 Too Many Requests"), ("empty", "")],
)
async def test_the_body_of_a_429_is_a_switch(mode: str, body: object) -> None:
    """The switch applies to exceeded limits and to throttle faults."""
    async with local_clover(Limits(token=1)) as clover:
        clover.sandbox.switches.set({"throttle_body": mode})
        shop = clover.open_shop()
        await shop.call("GET", "/items")
        refused = [await shop.call("GET", "/items")]
        clover.sandbox.limiter.limits = Limits(0, 0, 0, 0)
        clover.fail("throttle")
        refused.append(await shop.call("GET", "/items"))

        assert [(each.status, each.body) for each in refused] == [(429, body)] * 2


async def test_a_success_has_no_limit_headers() -> None:
    """423 recorded answers carried no rate header."""
    async with local_clover(Limits()) as clover:
        reply = await clover.open_shop().call("GET", "/items")

        assert reply.status == 200
        assert not [name for name in reply.headers if name.lower().startswith(("x-ratelimit", "retry"))]


@pytest.mark.parametrize("token", ["", "wrong"])
async def test_a_call_without_a_valid_token_is_not_counted(token: str) -> None:
    """The token check comes before the limits."""
    async with local_clover(Limits(app=1)) as clover:
        shop = clover.open_shop()
        for _ in range(3):
            await shop.call("GET", "/items", Authorization=f"Bearer {token}")

        assert (await shop.call("GET", "/items")).status == 200
