"""One service calls another: its internal routes for itself, its public routes on behalf of an account."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr
from tests.integration.http.conftest import SECRETS, Client
from tests.support.shop import MERCHANT, OTHER, Listing, OrderIn, OrderView, Shop

from common import errors
from common.http.auth import Claims, mint_internal
from common.http.client import MAX_ANSWER, InternalClient
from common.settings import CommonSettings

ORDERS = f"/v1/merchants/{MERCHANT}/orders"
VISITOR = Claims("anna", frozenset({"orders:read", "orders:write"}), frozenset({MERCHANT}))


def settings(secrets: list[SecretStr] = SECRETS) -> CommonSettings:
    return CommonSettings(
        env="dev", postgres_dsn=SecretStr("postgresql://"), amqp_url=SecretStr("amqp://"), internal_secrets=secrets
    )


@pytest.fixture
async def internal(client: Client) -> AsyncIterator[InternalClient]:
    """A client of the shop, as the service `orders` has it."""
    async with InternalClient(settings(), "orders", "shop", str(client.make_url(""))) as internal:
        yield internal


async def test_a_visitor_acts_through_another_service(internal: InternalClient, shop: Shop) -> None:
    """A public route accepts a call on behalf of an account that has its scope and its merchant."""
    stored = await internal.call(
        "PUT", f"{ORDERS}/A-1", OrderView, body=OrderIn(total=5, lines=[]), on_behalf_of=VISITOR
    )
    listed = await internal.call("GET", f"{ORDERS}?limit=5", Listing, on_behalf_of=VISITOR)

    assert stored.total == shop.orders["A-1"].total == 5
    assert [each.source_id for each in listed.orders] == ["A-1"]


async def test_a_visitor_has_only_the_rights_of_the_account(internal: InternalClient, shop: Shop) -> None:
    """Neither a scope nor a merchant that the account lacks comes with the token of a service."""
    reader = Claims("anna", frozenset({"orders:read"}), frozenset({MERCHANT}))
    elsewhere = Claims("anna", frozenset({"*"}), frozenset({OTHER}))
    with pytest.raises(errors.Forbidden):
        await internal.call("PUT", f"{ORDERS}/A-1", OrderView, body=OrderIn(total=5, lines=[]), on_behalf_of=reader)
    with pytest.raises(errors.NotFound):
        await internal.call("GET", ORDERS, Listing, on_behalf_of=elsewhere)
    with pytest.raises(errors.Forbidden):
        await internal.call("GET", ORDERS, Listing, on_behalf_of=Claims())

    assert shop.orders == {}


async def test_internal_routes_take_services_and_no_visitors(internal: InternalClient) -> None:
    """A token made on behalf of an account opens no internal route, not even one with all rights."""
    await internal.send("POST", "/internal/grants")
    with pytest.raises(errors.Unavailable, match="401"):
        await internal.send("POST", "/internal/grants", on_behalf_of=Claims("root", frozenset("*"), frozenset("*")))
    with pytest.raises(errors.Unavailable, match="401"):
        await internal.send("GET", ORDERS)


@pytest.mark.parametrize(
    ("secrets", "audience"), [(SECRETS, "catalog"), ([SecretStr("another")], "shop")], ids=["audience", "secret"]
)
async def test_a_token_is_for_one_service(client: Client, secrets: list[SecretStr], audience: str) -> None:
    """A public route refuses a token for another service, and one that is signed with an unknown secret."""
    token = mint_internal(secrets, audience, "orders", VISITOR)

    assert (await client.get(ORDERS, headers={"Authorization": f"Bearer {token}"})).status == 401


ERRORS: list[tuple[int, dict[str, str], type[Exception]]] = [
    (400, {}, errors.Rejected),
    (401, {}, errors.Unavailable),
    (403, {}, errors.Forbidden),
    (404, {}, errors.NotFound),
    (422, {}, errors.Rejected),
    (429, {"Retry-After": "7"}, errors.Throttled),
    (302, {"Location": "/elsewhere"}, errors.Unavailable),
    (500, {}, errors.Unavailable),
]


@pytest.fixture
async def answering() -> AsyncIterator[tuple[InternalClient, Callable[[web.Response], None]]]:
    """A client, and a function that sets the next answer it gets."""
    answers: list[web.Response] = []

    async def answer(_: web.Request) -> web.Response:
        return answers.pop()

    app = web.Application()
    app.router.add_get("/x", answer)
    async with (
        TestServer(app) as server,
        InternalClient(settings(), "orders", "shop", str(server.make_url("/")), timeout=2) as internal,
    ):
        yield internal, answers.append


@pytest.mark.parametrize(("status", "headers", "error"), ERRORS, ids=str)
async def test_a_refusal_becomes_an_error_of_ours(
    answering: Any, status: int, headers: dict[str, str], error: type[Exception]
) -> None:
    """Each status of the other service is one error of the tree."""
    internal, set_answer = answering
    set_answer(web.Response(status=status, headers=headers, text="{}"))
    with pytest.raises(error) as raised:
        await internal.send("GET", "/x")

    assert getattr(raised.value, "retry_after", None) == (timedelta(seconds=7) if status == 429 else None)


@pytest.mark.parametrize("text", ["", "[]", "x" * (MAX_ANSWER + 1)], ids=["empty", "another shape", "too large"])
async def test_an_answer_that_cannot_be_read_is_unavailable(answering: Any, text: str) -> None:
    """An empty, foreign or endless answer is an error, and its text is not repeated."""
    internal, set_answer = answering
    set_answer(web.Response(text=text))
    with pytest.raises(errors.Unavailable, match="shop"):
        await internal.call("GET", "/x", OrderView)


async def test_a_service_that_is_gone_is_unavailable() -> None:
    """A refused connection and a client that is not open are both Unavailable."""
    internal = InternalClient(settings(), "orders", "shop", "http://127.0.0.1:9")
    with pytest.raises(errors.Unavailable, match="not open"):
        await internal.send("GET", "/x")
    async with internal:
        with pytest.raises(errors.Unavailable, match="cannot be reached"):
            await internal.send("GET", "/x")
