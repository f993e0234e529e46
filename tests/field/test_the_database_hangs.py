"""Users met: with PostgreSQL frozen, a request hung for 25 seconds before its 503."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.integration.catalog.conftest import Catalog, Shop, catalog, changed, limits
from tests.integration.clover.conftest import Receiving, change, logged, notice, receiving
from tests.support.eventually import eventually
from tests.support.proxy import Proxy, proxied
from tests.support.service import INTERNAL_SECRETS
from tests.support.waiting import waiting

from common.http.auth import mint_internal

__all__ = ["catalog", "changed", "limits", "logged", "receiving"]

HOLDER = "0190a0a0-0000-7000-8000-000000000001"
PRODUCT = {"name": "Mug", "sku": "MUG", "price": 1250, "currency": "USD", "status": "active"}


@pytest.fixture
async def proxy(postgres_dsn: str) -> AsyncIterator[Proxy]:
    async with proxied(postgres_dsn) as proxy:
        yield proxy


@pytest.fixture
def database_dsn(proxy: Proxy, database_dsn: str) -> str:
    return proxy.url(database_dsn)


async def ask(catalog: Catalog, method: str, path: str, body: object) -> tuple[int, str]:
    """Send one request; return its status and its Retry-After."""
    internal = path.startswith("/internal")
    token = mint_internal(INTERNAL_SECRETS, "catalog", "test") if internal else catalog.issuer.token()
    async with catalog.http.request(method, path, json=body, headers={"Authorization": f"Bearer {token}"}) as response:
        return response.status, response.headers.get("Retry-After", "")


def requests(shop: Shop) -> list[tuple[str, str, object]]:
    merchant = f"/v1/merchants/{shop.id}"
    connect = {"merchant_id": shop.id, "region": shop.region, "account_id": "acc-1", "api_token": shop.token}
    return [
        ("PUT", f"{merchant}/products/p-1", PRODUCT),
        ("GET", f"{merchant}/products/p-1", None),
        ("GET", f"{merchant}/products", None),
        ("GET", f"{merchant}/work/catalog", None),
        ("POST", f"{merchant}/work/catalog/1/retry", None),
        ("POST", "/v1/merchants", connect | {"account_email": "owner@shop.example"}),
        ("POST", "/internal/grants", {"holder": HOLDER, "service": "orders", "merchants": [{"merchant_id": shop.id}]}),
    ]


async def test_every_request_is_answered_in_time_and_can_be_repeated(catalog: Catalog, proxy: Proxy) -> None:
    """While the database hangs the answer is 503 with Retry-After within 5 s, however many ask; then all is well."""
    shop = await catalog.connected()
    proxy.stall()
    async with waiting() as waited:
        answers = await asyncio.gather(*(ask(catalog, *request) for request in requests(shop) * 4))
    assert {(status, bool(retry_after)) for status, retry_after in answers} == {(503, True)}
    assert waited.seconds < 5
    proxy.resume()

    for _ in range(2):
        status, _ = await catalog.call("PUT", f"/v1/merchants/{shop.id}/products/p-1", PRODUCT)
    assert status in {200, 202}
    assert await catalog.synced(shop)


async def test_a_webhook_is_answered_in_time(receiving: Receiving, proxy: Proxy) -> None:
    """Clover gets a 503 within 5 s and repeats the webhook; the next one is taken."""
    proxy.stall()
    async with waiting() as waited:
        answers = await asyncio.gather(*(receiving.post(notice(change(f"I:ITEM{number}"))) for number in range(30)))
    assert {(answer.status, "Retry-After" in answer.headers) for answer in answers} == {(503, True)}
    assert waited.seconds < 5
    proxy.resume()

    async def is_taken() -> bool:
        return (await receiving.post(notice(change()))).status == 200

    await eventually(is_taken)
