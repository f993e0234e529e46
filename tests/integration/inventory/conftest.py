"""The inventory service with a database and a Clover sandbox of its own; its loops run only on request."""

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
ADD_MERCHANT = """
INSERT INTO merchant (merchant_id, account_id, region, currency, timezone) VALUES ($1, 'acc-1', $2, 'USD', 'UTC')
"""


class ForwardClock(SystemClock):
    """The machine's clock, which tests move forward."""

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
    """Grants for every merchant of the sandbox, without a limit."""

    tokens: dict[str, str] = field(default_factory=dict)

    async def take(self, merchant_id: str) -> Grant:
        return Grant("1", merchant_id, "us", self.tokens[merchant_id], rate=1000.0, concurrency=5, expires_in=600.0)

    async def give_back(self, grant: Grant) -> None:
        """Nothing is limited, so nothing is given back."""


@dataclass
class Inventory:
    """The service with its database open, and its Clover sandbox."""

    service: Service
    http: TestClient[Any, Any]
    issuer: Issuer
    clover: Clover
    clock: ForwardClock
    grants: OpenGrants

    async def connect(self, *, region: str = "us") -> Shop:
        """Open a merchant that inventory knows and has not read yet."""
        shop = self.clover.open_shop(region)
        self.grants.tokens[shop.merchant.id] = shop.token
        async with self.service.database.connection() as conn:
            await conn.execute(ADD_MERCHANT, shop.merchant.id, region)
        return shop

    async def item(self, shop: Shop, quantity: float | None = None, sku: str = "") -> str:
        """Create an item in Clover, with a count and a link if given, and have inventory read it."""
        counted = {} if quantity is None else {"quantity": quantity}
        item_id = str(shop.till("create_item", name="Mug", price=100, **counted)["id"])
        await self.changed(shop, item_id)
        if sku:
            await self.deliver(ProductLinked(merchant_id=shop.merchant.id, product_id="p-1", sku=sku, item_id=item_id))
        await self.run_until_idle()
        await self.forget()
        return item_id

    async def deliver(self, *events: Event) -> None:
        """Deliver these events, each as a message of its own."""
        await self.service.inbox.take(
            [Message(uuid7(), each.type, each.model_dump_json().encode(), self.clock.now()) for each in events]
        )

    async def changed(self, shop: Shop, item_id: str, kind: str = "I") -> None:
        """Deliver the event of a webhook about this item."""
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
        """Deliver the webhook events of our outbox to our own inbox, as the bus would."""
        rows = await self.fetch("DELETE FROM outbox WHERE type = $1 RETURNING id, type, body, at", ObjectChanged.type)
        await self.service.inbox.take([Message(*row) for row in rows])

    async def run_until_idle(self) -> None:
        """Do all work that is due."""
        await self.service.worker.run_until_idle()

    async def later(self, seconds: float = 60) -> None:
        """Move the clock forward and do all work that is due then."""
        self.clock.advance(seconds)
        await self.run_until_idle()

    async def kill_once(self, called: Callable[[], bool]) -> None:
        """Work until Clover has had this call, kill the worker, and start a new one."""
        working = asyncio.create_task(self.run_until_idle())
        await eventually(called)
        working.cancel()
        await asyncio.wait([working])
        service = self.service
        service.worker = Worker(service.database, service.kinds, service.deps, service.metrics)

    async def ask(self, method: str, shop: Shop, path: str, body: Any = None, **claims: Any) -> tuple[int, Any]:
        """Send a request below the path of the merchant; return the status and the JSON."""
        headers = {"Authorization": f"Bearer {self.issuer.token(**claims)}", "Content-Type": "application/json"}
        sent = None if body is None else io.BytesIO(json.dumps(body).encode())
        url = f"/v1/merchants/{shop.merchant.id}{path}"
        async with self.http.request(method, url, data=sent, headers=headers) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else None

    async def adjust(self, shop: Shop, sku: str, delta: float, key: str = "") -> Any:
        """Send one adjustment that must succeed; return its movement."""
        body = {"adjustments": [{"key": key or uuid4().hex, "sku": sku, "delta": delta, "cause": "web sale"}]}
        status, answer = await self.ask("POST", shop, "/stock/adjustments", body)
        assert status == 200, answer
        return answer["movements"][0]

    async def stock(self, shop: Shop, name: str) -> tuple[float | None, float | None]:
        """Return our quantity and Clover's last count."""
        status, level = await self.ask("GET", shop, f"/stock/{name}")
        assert status == 200, level
        return level["on_hand"], level["clover_count"]

    async def stock_changes(self) -> Sequence[StockChanged]:
        """Return the StockChanged events in the outbox, in their order."""
        rows = await self.fetch("SELECT body FROM outbox WHERE type = $1 ORDER BY id", StockChanged.type)
        return [StockChanged.decode(row["body"]) for row in rows]

    async def held(self) -> dict[str, str]:
        """Return the held keys with their reasons."""
        return {row["key"]: row["error"] for row in await self.fetch("SELECT key, error FROM work WHERE held")}

    async def forget(self) -> None:
        """Clear the outbox and the journal of calls."""
        await self.fetch("DELETE FROM outbox")
        self.clover.sandbox.journal.forget()

    def calls(self, method: str = "") -> list[str]:
        """Return the calls to Clover, of one method or of all."""
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
        service = build(settings, clock=clock, grants=grants)
        async with service.opened(), TestClient(TestServer(service.application(), access_log=None)) as http:
            yield Inventory(service, http, issuer, clover, clock, grants)
