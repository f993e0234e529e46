"""Catalog itself on a database of its own, beside a Clover of its own; its loops do not run by themselves."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr
from tests.support.tokens import Issuer

from catalog.app import build
from catalog.settings import Settings
from clover_sandbox import app as sandbox
from clover_sandbox.merchant_factory import MerchantSpec
from clover_sandbox.sandbox import Sandbox
from common.contracts.envelope import Event
from common.http.auth import mint_internal
from common.service import Service
from common.work.worker import Worker

INTERNAL = [SecretStr("between ourselves")]
MASTER_KEY = SecretStr("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
EMAIL = "owner@shop.example"


@dataclass
class Shop:
    """A merchant in the sandbox and its token."""

    id: str
    token: str
    region: str


@dataclass
class Catalog:
    """The running service, spoken to over HTTP, and the Clover behind it."""

    service: Service
    http: TestClient[Any, Any]
    issuer: Issuer
    clover: Sandbox
    dsn: str

    async def call(
        self, method: str, path: str, body: object = None, *, internal: bool = False, **claims: Any
    ) -> tuple[int, Any]:
        """The status and the JSON of one request; as another service of ours when `internal`."""
        token = mint_internal(INTERNAL, "catalog", "orders") if internal else self.issuer.token(**claims)
        headers = {"Authorization": f"Bearer {token}"}
        async with self.http.request(method, path, json=body, headers=headers) as response:
            text = await response.text()
            return response.status, json.loads(text) if text else None

    def shop(self, region: str = "us") -> Shop:
        """A new merchant in the sandbox."""
        merchant, token = self.clover.world.add_merchant(MerchantSpec(region=region), None, None)
        return Shop(merchant.id, token, region)

    async def connect(self, shop: Shop, **other: Any) -> tuple[int, Any]:
        body = {
            "merchant_id": shop.id,
            "region": shop.region,
            "account_id": "acc-1",
            "account_email": EMAIL,
            "api_token": shop.token,
        }
        return await self.call("POST", "/v1/merchants", body | other)

    async def connected(self, region: str = "us") -> Shop:
        """A merchant that is connected already."""
        shop = self.shop(region)
        status, body = await self.connect(shop)
        assert status == 201, body
        self.clover.journal.forget()
        return shop

    async def put(self, shop: Shop, product_id: str = "p-1", **other: Any) -> tuple[int, Any]:
        body = {
            "name": "Mug",
            "sku": f"SKU-{product_id}",
            "price": 1250,
            "currency": "USD",
            "status": "active",
        }
        return await self.call("PUT", f"/v1/merchants/{shop.id}/products/{product_id}", body | other)

    async def product(self, shop: Shop, product_id: str = "p-1") -> Any:
        _, body = await self.call("GET", f"/v1/merchants/{shop.id}/products/{product_id}")
        return body

    async def run_until_idle(self) -> None:
        await self.service.worker.run_until_idle()

    def items(self, shop: Shop) -> list[dict[str, Any]]:
        """The merchant's items as they stand in Clover."""
        return list(self.clover.world.merchants[shop.id].objects["items"].newest_first(hidden_too=True))

    def calls(self) -> list[str]:
        """The calls Clover has had since the merchant was connected."""
        entries = self.clover.journal.since(0)
        return [f"{entry.method} {entry.path.rpartition('/merchants/')[2][14:]}" for entry in entries]

    async def synced(self, shop: Shop, product_id: str = "p-1") -> bool:
        """Work on what is due, and say whether the product stands in Clover."""
        await self.run_until_idle()
        return bool((await self.product(shop, product_id))["sync"]["state"] == "synced")

    async def kill_worker(self, shop: Shop) -> None:
        """Cut off the work for this merchant where it stands, and go on with another worker."""
        [turn] = [task for task in asyncio.all_tasks() if task.get_name() == f"work for {shop.id}"]
        turn.cancel()
        await asyncio.wait([turn])
        old = self.service
        self.service.worker = Worker(old.database, old.kinds, old.deps, old.metrics)

    async def emitted(self, event: type[Event]) -> list[Any]:
        """The events of this type that are to be published."""
        rows = await self.fetch("SELECT body FROM outbox WHERE type = $1 ORDER BY id", event.type)
        return [event.decode(row["body"]) for row in rows]

    async def fetch(self, sql: str, *arguments: Any) -> list[asyncpg.Record]:
        async with self.service.database.connection() as conn:
            return list(await conn.fetch(sql, *arguments))

    async def deliver(self, event: Event) -> None:
        """Have the handler of this event run."""
        async with self.service.database.unit() as unit:
            await self.service.handlers[type(event)](event, unit)


@pytest.fixture
def changed() -> dict[str, Any]:
    """Settings that differ from the usual; a test overrides this."""
    return {}


@pytest.fixture
async def catalog(database_dsn: str, changed: dict[str, Any]) -> AsyncIterator[Catalog]:
    issuer = Issuer()
    built = sandbox.build()
    async with sandbox.serving(built) as url:
        usual: dict[str, Any] = {
            "env": "dev",
            "postgres_dsn": SecretStr(database_dsn),
            "amqp_url": SecretStr("amqp://nowhere.invalid"),
            "bus_namespace": uuid4().hex,
            "clover_base_urls": dict.fromkeys(("us", "eu", "la", "sandbox"), url),
            "clover_timeout": 2.0,
            "jwt_public_keys": [issuer.public_pem],
            "internal_secrets": INTERNAL,
            "master_keys": [MASTER_KEY],
            "create_settles_seconds": 0.0,
        }
        service = build(Settings(**(usual | changed)))
        async with service.opened(), TestClient(TestServer(service.application(), access_log=None)) as http:
            yield Catalog(service, http, issuer, built.sandbox, database_dsn)
