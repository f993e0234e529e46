"""Speaking to Clover: what is sent, what comes back, and what goes wrong on the way."""

import asyncio
import socket
from dataclasses import replace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from aiohttp.typedefs import Handler
from tests.integration.clover.conftest import OneGrant, Speaking, settings
from tests.support.clover import local_clover

from clover_sandbox.limits import Limits
from common.clock import SystemClock
from common.clover.call_budget import CallBudget
from common.clover.grants import Grant, Want
from common.clover.transport import Answered, Clover
from common.errors import (
    Ambiguous,
    AppError,
    Forbidden,
    NotFound,
    Rejected,
    Throttled,
    TimedOut,
    Unavailable,
    Undecodable,
)
from common.settings import CommonSettings
from common.telemetry.metrics import Metrics

AGENT = "QuickSync/0.1 (test)"


class Item(Answered):
    id: str
    name: str


class Numbered(Answered):
    id: int


async def test_objects_are_created_read_changed_and_deleted(speaking: Speaking) -> None:
    """The four verbs do in Clover what they say."""
    async with speaking.clover.session(speaking.shop.merchant.id) as api:
        made = await api.post("items", {"name": "Tea", "price": 350}, Item)
        changed = await api.put(f"items/{made.id}", {"name": "Green tea", "price": 350}, Item)
        read = await api.get(f"items/{made.id}", Item)
        await api.delete(f"items/{made.id}")

    assert (made.name, changed.name, read) == ("Tea", "Green tea", changed)
    assert api.region == "us"
    assert speaking.seen("DELETE") == [200]


async def test_reserved_calls_are_counted(speaking: Speaking) -> None:
    """A reservation of two makes two calls, and says when its caller makes a third."""
    async with speaking.clover.session(speaking.shop.merchant.id) as api, api.reserve(2) as pair:
        made = await pair.post("items", {"name": "Tea", "price": 350}, Item)
        async with pair.reserve(1) as same:
            await same.get(f"items/{made.id}", Item)
        with pytest.raises(RuntimeError):
            await pair.get(f"items/{made.id}", Item)

    assert (speaking.seen("POST"), speaking.seen("GET")) == ([200], [200])
    assert api.answered


async def test_a_collection_is_read_page_by_page(speaking: Speaking) -> None:
    """Every element once, with the filters given."""
    for number in range(5):
        await speaking.shop.post("/items", {"name": f"Tea {number}", "price": number, "sku": f"S{number % 2}"})
    async with speaking.clover.session(speaking.shop.merchant.id) as api:
        every = [[each.name for each in page] async for page in api.pages("items", Item, limit=2)]
        some = [page async for page in api.pages("items", Item, {"filter": ["sku=S0", "price>0"]})]

    assert sorted(name for page in every for name in page) == [f"Tea {number}" for number in range(5)]
    assert [len(page) for page in every] == [2, 2, 1]
    assert sorted(each.name for each in some[0]) == ["Tea 2", "Tea 4"]


READING = [
    ({"kind": "unauthorized"}, Forbidden),
    ({"kind": "refuse", "status": 403, "body": {"message": "no"}}, Forbidden),
    ({"kind": "throttle"}, Throttled),
    ({"kind": "fail_before"}, Unavailable),
    ({"kind": "refuse", "status": 408}, Unavailable),
    ({"kind": "delay", "ms": 3000}, TimedOut),
    ({"kind": "drop_before_apply"}, Unavailable),
    ({"kind": "truncate"}, Unavailable),
    ({"kind": "malformed"}, Unavailable),
    ({"kind": "oversize", "bytes": 17 * 1024 * 1024}, Unavailable),
    ({"kind": "refuse", "status": 302, "headers": {"Location": "/elsewhere"}}, Unavailable),
]
WRITING = [
    ({"kind": "unauthorized"}, Forbidden),
    ({"kind": "refuse", "status": 400, "body": {"message": "no"}}, Rejected),
    ({"kind": "throttle"}, Throttled),
    ({"kind": "fail_before"}, Ambiguous),
    ({"kind": "fail_after"}, Ambiguous),
    ({"kind": "delay", "ms": 3000, "when": "after"}, Ambiguous),
    ({"kind": "drop_before_apply"}, Ambiguous),
    ({"kind": "apply_then_drop"}, Ambiguous),
    ({"kind": "truncate"}, Ambiguous),
    ({"kind": "malformed"}, Ambiguous),
    ({"kind": "oversize", "bytes": 17 * 1024 * 1024}, Ambiguous),
    ({"kind": "refuse", "status": 307, "headers": {"Location": "/elsewhere"}}, Ambiguous),
]


@pytest.mark.parametrize(("fault", "error"), READING)
async def test_what_goes_wrong_with_reading(speaking: Speaking, fault: dict[str, object], error: type) -> None:
    """Each way a read can fail has its error; reading again is never in doubt."""
    speaking.local.sandbox.faults.add(fault)
    async with speaking.clover.session(speaking.shop.merchant.id) as api:
        with pytest.raises(AppError) as raised:
            await api.get("items", Answered)

    assert raised.type is error
    assert calls(speaking, error.__name__) == 1


@pytest.mark.parametrize(("fault", "error"), WRITING)
async def test_what_goes_wrong_with_writing(speaking: Speaking, fault: dict[str, object], error: type) -> None:
    """Whenever a write may have been applied the error says so; it is never sent a second time."""
    await speaking.shop.get("")  # so that the pool holds a connection
    speaking.local.sandbox.faults.add(fault)
    async with speaking.clover.session(speaking.shop.merchant.id) as api:
        with pytest.raises(AppError) as raised:
            await api.post("items", {"name": "Tea", "price": 1}, Item)

    assert raised.type is error
    assert len(speaking.seen("POST")) == 1


@pytest.mark.parametrize("method", ["put", "delete"])
async def test_no_write_is_repeated_on_a_lost_connection(speaking: Speaking, method: str) -> None:
    """A PUT or DELETE, which aiohttp would send a PUT or DELETE again when a connection breaks, is sent once."""
    item = await speaking.shop.post("/items", {"name": "Tea", "price": 1})
    async with speaking.clover.session(speaking.shop.merchant.id) as api:
        await api.get("items", Answered)
        speaking.fail("apply_then_drop", method=method.upper())
        path = f"items/{item['id']}"
        write = api.put(path, {"name": "Green tea", "price": 1}, Item) if method == "put" else api.delete(path)
        with pytest.raises(Ambiguous):
            await write

    assert len(speaking.seen(method.upper())) == 1


async def test_a_write_whose_answer_does_not_fit_is_in_doubt(speaking: Speaking) -> None:
    """The call was applied, but its outcome is unknown."""
    async with speaking.clover.session(speaking.shop.merchant.id) as api:
        with pytest.raises(Ambiguous):
            await api.post("items", {"name": "Tea", "price": 1}, Numbered)


async def test_a_read_that_does_not_fit_names_the_field(speaking: Speaking) -> None:
    """Asking again would not help, so it is permanent."""
    item = await speaking.shop.post("/items", {"name": "Tea", "price": 1})
    async with speaking.clover.session(speaking.shop.merchant.id) as api:
        with pytest.raises(Undecodable, match="id"):
            await api.get(f"items/{item['id']}", Numbered)


async def test_what_is_not_there_is_not_found(speaking: Speaking) -> None:
    """404 is no failure of the connection."""
    async with speaking.clover.session(speaking.shop.merchant.id) as api:
        with pytest.raises(NotFound):
            await api.get("orders/0RDER00000001", Answered)


async def test_plain_text_refusals_are_read(speaking: Speaking) -> None:
    """405 comes as plain text (recorded)."""
    async with speaking.clover.session(speaking.shop.merchant.id) as api:
        with pytest.raises(Rejected, match="405 PUT not allowed") as refused:
            await api.put("customers/CUST0MER00001", {}, Answered)

    assert refused.value.status == 405


@pytest.mark.parametrize("method", ["get", "post"])
async def test_a_clover_that_is_not_there_is_unavailable(method: str) -> None:
    """A call that never left changed nothing, written or read."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        async with opened(url) as clover, clover.session("MRCHNT0000001") as api:
            with pytest.raises(Unavailable):
                await (api.get("items", Answered) if method == "get" else api.post("items", {}, Answered))


async def test_a_host_without_a_name_is_unavailable() -> None:
    """DNS that does not know the host is a network failure like any other."""
    async with opened("http://clover.invalid") as clover, clover.session("MRCHNT0000001") as api:
        with pytest.raises(Unavailable):
            await api.post("items", {}, Answered)


async def test_a_server_without_tls_is_unavailable(speaking: Speaking) -> None:
    """A failed handshake sends nothing."""
    url = speaking.local.url.replace("http:", "https:")
    async with opened(url) as clover, clover.session("MRCHNT0000001") as api:
        with pytest.raises(Unavailable):
            await api.post("items", {}, Answered)


async def test_every_call_says_who_asks_and_with_which_token() -> None:
    """The User-Agent is mandatory, the token travels in its header alone, no trace or cookie goes out."""
    seen: list[web.Request] = []

    async def note(request: web.Request) -> web.StreamResponse:
        seen.append(request)
        return web.json_response({}, headers={"Set-Cookie": "a=b"})

    async with (
        TestServer(application(note)) as server,
        opened(str(server.make_url(""))) as clover,
        clover.session("MRCHNT0000001") as api,
    ):
        await api.get("", Answered)
        await api.get("items", Answered, {"expand": "categories"})

    assert [request.path_qs for request in seen] == [
        "/v3/merchants/MRCHNT0000001", "/v3/merchants/MRCHNT0000001/items?expand=categories"
    ]  # fmt: skip
    assert {request.headers["User-Agent"] for request in seen} == {AGENT}
    assert {request.headers["Authorization"] for request in seen} == {"Bearer token"}
    assert not any({"Cookie", "traceparent"} & set(request.headers) for request in seen)


async def test_a_429_is_counted_and_slows_what_follows(speaking: Speaking) -> None:
    """Everybody rests for the time named; then calls go again."""
    speaking.fail("throttle", times=1, retry_after=1)
    clock = SystemClock()
    async with speaking.clover.session(speaking.shop.merchant.id) as api:
        with pytest.raises(Throttled):
            await api.get("items", Answered)
        began = clock.monotonic()
        await api.get("items", Answered)

    assert clock.monotonic() - began > 0.9
    assert speaking.metrics.registry.get_sample_value("quicksync_clover_throttled_total") == 1


async def test_sessions_of_one_merchant_share_its_grant(speaking: Speaking) -> None:
    """It is taken once while it lasts."""
    merchant = speaking.shop.merchant.id
    async with speaking.clover.session(merchant):
        pass
    async with speaking.clover.session(merchant) as api:
        await api.get("items", Answered)

    assert speaking.grants.taken == [Want.LITTLE]


async def test_a_session_of_several_calls_asks_for_all_it_can_have(speaking: Speaking) -> None:
    """One call needs no more than the first grant; the second one asks for more."""
    merchant, token = speaking.shop.merchant.id, speaking.shop.token
    speaking.grants.grant = Grant(merchant, "us", token, 1000, 5, renew_in=0, expires_in=30)
    async with speaking.clover.session(merchant) as api:
        await api.get("items", Answered)
        assert speaking.grants.taken == [Want.LITTLE]
        await api.get("items", Answered)

    assert speaking.grants.taken == [Want.LITTLE, Want.ALL]


async def test_a_grant_that_ended_is_taken_anew(speaking: Speaking) -> None:
    """A call under an old grant would be one more than catalog knows of."""
    merchant, token = speaking.shop.merchant.id, speaking.shop.token
    speaking.grants.grant = Grant(merchant, "us", token, 1000, 5, renew_in=0, expires_in=-1)
    async with speaking.clover.session(merchant) as api:
        await api.get("items", Answered)

    assert len(speaking.grants.taken) > 1
    assert set(speaking.grants.taken) == {Want.LITTLE}


async def test_a_token_that_was_replaced_is_no_lost_connection(speaking: Speaking) -> None:
    """The call is made again with the new token, and the caller notices nothing; a pair of calls stays together."""
    merchant = speaking.shop.merchant.id
    speaking.grants.grant = replace(speaking.grants.grant, access_token="the one before")
    async with speaking.clover.session(merchant) as api:
        speaking.grants.grant = replace(speaking.grants.grant, access_token=speaking.shop.token)
        await api.get("items", Answered)
        async with api.reserve(2) as pair:
            speaking.grants.grant = replace(speaking.grants.grant, access_token="the one before")
            await pair.get("items", Answered)
            await pair.get("items", Answered)


async def test_a_refused_token_is_asked_for_anew(speaking: Speaking) -> None:
    """Once the merchant is connected again, its next session has the new token at once."""
    merchant = speaking.shop.merchant.id
    speaking.grants.grant = replace(speaking.grants.grant, access_token="the one before")
    async with speaking.clover.session(merchant) as api:
        with pytest.raises(Forbidden):
            await api.get("items", Answered)
    speaking.grants.grant = replace(speaking.grants.grant, access_token=speaking.shop.token)
    async with speaking.clover.session(merchant) as api:
        await api.get("items", Answered)


async def test_clovers_limits_are_kept_with_the_documented_grant() -> None:
    """Fifty concurrent calls within a token's share of the grant get no 429."""
    async with local_clover(Limits()) as local:
        shop = local.open_shop()
        grant = Grant(shop.merchant.id, "us", shop.token, rate=15, concurrency=5, renew_in=20, expires_in=30)
        clover = client(settings(clover_base_urls={"us": local.url}), grant)
        async with clover, clover.session(shop.merchant.id) as api:
            await asyncio.gather(*(api.get("items", Answered) for _ in range(50)))

        assert set(local.sandbox.limiter.over_limit.values()) == {0}


def calls(speaking: Speaking, outcome: str) -> float | None:
    return speaking.metrics.registry.get_sample_value("quicksync_clover_calls_total", {"outcome": outcome})


def opened(url: str) -> Clover:
    """A transport to this address, for a merchant whose grant is wide."""
    grant = Grant("MRCHNT0000001", "us", "token", rate=1000, concurrency=5, renew_in=20, expires_in=30)
    return client(settings(clover_base_urls={"us": url}, clover_timeout=2), grant)


def client(made: CommonSettings, grant: Grant) -> Clover:
    """The transport with this grant, and without a limit on the process."""
    grants, clock = OneGrant(grant), SystemClock()
    return Clover(made, grants, CallBudget(grants, clock), Metrics(), clock, user_agent=AGENT)


def application(handler: Handler) -> web.Application:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    return app
