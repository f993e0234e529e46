"""Inventory itself on a database of its own, beside a Clover of its own; its loops run only when told."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr
from tests.support.clover import Clover, Shop, local_clover
from tests.support.eventually import eventually
from tests.support.tokens import Issuer

from common.clock import SystemClock
from common.clover.grants import Grant
from common.contracts.catalog import MerchantConnected, ProductLinked
from common.contracts.clover import ObjectChanged
from common.contracts.envelope import Event, Message
from common.contracts.inventory import StockChanged
from common.ids import uuid7
from common.service import Service
from common.work.worker import Worker
from inventory.app import build
from inventory.settings import Settings

WEBHOOK_SECRET = "agreed with Clover"
WRITE = "POST"


class ForwardClock(SystemClock):
    """The machine's clock, which tests put forward."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self._ahead

    def monotonic(self) -> float:
        return super().monotonic() + self._ahead.total_seconds()

    def advance(self, seconds: float) -> None:
        self._ahead += timedelta(seconds=seconds)


@dataclass
class OpenGrants:
    """Leave for every merchant of the sandbox."""

    tokens: dict[str, str] = field(default_factory=dict)

    async def take(self, merchant_id: str) -> Grant:
        return Grant("1", merchant_id, "us", self.tokens[merchant_id], rate=1000.0, concurrency=5, expires_in=600.0)

    async def give_back(self, grant: Grant) -> None:
        """There is enough for all."""


@dataclass
class Inventory:
    """The service with its database open, and the Clover behind it."""

    service: Service
    http: TestClient[Any, Any]
    issuer: Issuer
    clover: Clover
    clock: ForwardClock
    grants: OpenGrants

    async def connect(self, *, region: str = "us") -> Shop:
        """A merchant that inventory knows and has not read yet."""
        shop = self.clover.open_shop(region)
        self.grants.tokens[shop.merchant.id] = shop.token
        async with self.service.database.connection() as conn:
            await conn.execute("INSERT INTO merchant VALUES ($1, 'acc-1', $2, 'USD', 'UTC')", shop.merchant.id, region)
        return shop

    async def item(self, shop: Shop, quantity: float | None = None, sku: str = "") -> str:
        """A new item in Clover, with a count and a link if given, which inventory has read."""
        counted = {} if quantity is None else {"quantity": quantity}
        item_id = str(shop.till("create_item", name="Mug", price=100, **counted)["id"])
        await self.changed(shop, item_id)
        if sku:
            await self.deliver(ProductLinked(merchant_id=shop.merchant.id, product_id="p-1", sku=sku, item_id=item_id))
        await self.run_until_idle()
        await self.forget()
        return item_id

    async def deliver(self, *events: Event) -> None:
        """Have these arrive from the bus, each as a message of its own."""
        await self.service.inbox.take(
            [Message(uuid7(), each.type, each.model_dump_json().encode(), self.clock.now()) for each in events]
        )

    async def changed(self, shop: Shop, item_id: str, kind: str = "I") -> None:
        """Clover hints at a change."""
        await self.deliver(
            ObjectChanged(merchant_id=shop.merchant.id, kind=kind, object_id=item_id, action="UPDATE", sent_at=0)
        )

    async def connected(self, shop: Shop) -> None:
        await self.deliver(
            MerchantConnected(
                merchant_id=shop.merchant.id, account_id="acc-1", region="us", currency="USD", timezone="UTC"
            )
        )

    async def pump(self) -> None:
        """What the bus would do: hand the hints in our outbox to our own inbox."""
        rows = await self.fetch("DELETE FROM outbox WHERE type = $1 RETURNING id, type, body, at", ObjectChanged.type)
        await self.service.inbox.take([Message(*row) for row in rows])

    async def run_until_idle(self) -> None:
        """Do all work that is due."""
        await self.service.worker.run_until_idle()

    async def later(self, seconds: float = 60) -> None:
        """Let time pass and do what is due then."""
        self.clock.advance(seconds)
        await self.run_until_idle()

    async def kill_once(self, called: Callable[[], bool]) -> None:
        """Work until Clover has been called so, then go on as the process that comes after this one died."""
        working = asyncio.create_task(self.run_until_idle())
        await eventually(called)
        working.cancel()
        await asyncio.wait([working])
        service = self.service
        service.worker = Worker(service.database, service.kinds, service.deps, service.metrics)

    async def ask(self, method: str, shop: Shop, path: str, body: Any = None, **claims: Any) -> tuple[int, Any]:
        """A request below the merchant: its status and JSON."""
        headers = {"Authorization": f"Bearer {self.issuer.token(**claims)}", "Content-Type": "application/json"}
        sent = None if body is None else io.BytesIO(json.dumps(body).encode())
        url = f"/v1/merchants/{shop.merchant.id}{path}"
        async with self.http.request(method, url, data=sent, headers=headers) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else None

    async def adjust(self, shop: Shop, sku: str, delta: float, key: str = "") -> Any:
        """One adjustment that must be taken; the movement it became."""
        body = {"adjustments": [{"key": key or uuid4().hex, "sku": sku, "delta": delta, "cause": "web sale"}]}
        status, answer = await self.ask("POST", shop, "/stock/adjustments", body)
        assert status == 200, answer
        return answer["adjustments"][0]

    async def stock(self, shop: Shop, name: str) -> tuple[float | None, float | None]:
        """Our number and Clover's as last seen."""
        status, level = await self.ask("GET", shop, f"/stock/{name}")
        assert status == 200, level
        return level["on_hand"], level["clover"]

    async def told(self) -> Sequence[StockChanged]:
        """The changes of stock that are to be published, in their order."""
        rows = await self.fetch("SELECT body FROM outbox WHERE type = $1 ORDER BY id", StockChanged.type)
        return [StockChanged.decode(row["body"]) for row in rows]

    async def held(self) -> dict[str, str]:
        """The keys that wait for a person, and why."""
        return {row["key"]: row["error"] for row in await self.fetch("SELECT key, error FROM work WHERE held")}

    async def forget(self) -> None:
        """Begin afresh with what was told and what was called."""
        await self.fetch("DELETE FROM outbox")
        self.clover.sandbox.journal.forget()

    def calls(self, method: str = "") -> list[str]:
        """The calls Clover has had, those of one method or all."""
        entries = self.clover.sandbox.journal.since(0)
        return [f"{each.method} {each.path.partition('/item_stocks')[2]}" for each in entries if method in each.method]

    async def fetch(self, sql: str, *arguments: Any) -> list[asyncpg.Record]:
        async with self.service.database.connection() as conn:
            return list(await conn.fetch(sql, *arguments))


@pytest.fixture
async def inventory(database_dsn: str) -> AsyncIterator[Inventory]:
    issuer, clock, grants = Issuer(), ForwardClock(), OpenGrants()
    async with local_clover(seed=1) as clover:
        settings = Settings(
            env="dev",
            postgres_dsn=SecretStr(database_dsn),
            amqp_url=SecretStr("amqp://nowhere.invalid"),
            clover_base_urls={"us": clover.url, "eu": clover.url},
            clover_timeout=2.0,
            clover_webhook_secrets=[SecretStr(WEBHOOK_SECRET)],
            jwt_public_keys=[issuer.public_pem],
        )
        service = build(settings, clock, grants)
        async with service.opened(), TestClient(TestServer(service.application(), access_log=None)) as http:
            yield Inventory(service, http, issuer, clover, clock, grants)
