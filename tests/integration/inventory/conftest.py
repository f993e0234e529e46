"""The inventory service with a database and a Clover sandbox of its own; its loops run only on request."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr
from tests.support.catalog import StubCatalog, local_catalog
from tests.support.clock import MovedClock
from tests.support.clover import Clover, Shop, local_clover
from tests.support.eventually import eventually
from tests.support.service import Harness, OpenGrants, serving, settings_for
from tests.support.tokens import Issuer
from tests.support.versions import next_version

from common.contracts.catalog import MerchantConnected, MerchantDisconnected, ProductLinked, ProductUnlinked
from common.contracts.clover import ObjectChanged
from common.contracts.envelope import Event, Message
from common.contracts.inventory import StockChanged
from inventory.app import build
from inventory.settings import Settings

WEBHOOK_SECRET = "agreed with Clover"
WRITE = "POST"
ADD_MERCHANT = """
INSERT INTO merchant (merchant_id, account_id, region, currency, timezone) VALUES ($1, 'acc-1', $2, 'USD', 'UTC')
"""


@dataclass(repr=False)
class Inventory(Harness):
    """The service with its database open, and its Clover sandbox."""

    clover: Clover
    grants: OpenGrants
    catalog: StubCatalog
    linked_items: dict[tuple[str, str], str] = field(default_factory=dict)

    async def connect(self, *, region: str = "us") -> Shop:
        """Open a merchant that catalog and inventory know, and that inventory has not read yet."""
        shop = self.clover.open_shop(region)
        self.grants.shops[shop.merchant.id] = shop
        self.catalog.connect(shop.merchant.id, region)
        async with self.service.database.connection() as conn:
            await conn.execute(ADD_MERCHANT, shop.merchant.id, region)
        return shop

    async def item(self, shop: Shop, quantity: float | None = None, sku: str = "") -> str:
        """Create an item in Clover, with a count and a link if given, and have inventory read it."""
        counted = {} if quantity is None else {"quantity": quantity}
        item_id = str(shop.till("create_item", name="Mug", price=100, **counted)["id"])
        await self.changed(shop, item_id)
        if sku:
            await self.linked(shop, sku, item_id)
        await self.run_until_idle()
        await self.forget()
        return item_id

    async def linked(self, shop: Shop, sku: str, item_id: str) -> None:
        """Deliver the events of a link, first that of the item that loses the SKU to this one."""
        link: dict[str, Any] = {"merchant_id": shop.merchant.id, "product_id": "p-1", "sku": sku}
        old, self.linked_items[shop.merchant.id, sku] = self.linked_items.get((shop.merchant.id, sku)), item_id
        events: list[Event] = []
        if old not in {None, item_id}:
            events.append(ProductUnlinked(**link, item_id=old, version=next_version(), replaced_by=item_id))
        await self.deliver(*events, ProductLinked(**link, item_id=item_id, version=next_version()))

    async def changed(self, shop: Shop, item_id: str, kind: str = "I") -> None:
        """Deliver the event of a webhook about this item."""
        await self.deliver(
            ObjectChanged(merchant_id=shop.merchant.id, kind=kind, object_id=item_id, action="UPDATE", sent_at=0)
        )

    async def connected(self, shop: Shop) -> None:
        await self.deliver(MerchantConnected(version=next_version(), **self._merchant(shop)))

    async def disconnected(self, shop: Shop) -> None:
        await self.deliver(MerchantDisconnected(version=next_version(), **self._merchant(shop)))

    def _merchant(self, shop: Shop) -> dict[str, Any]:
        merchant = {"merchant_id": shop.merchant.id, "account_id": "acc-1", "region": "us"}
        return merchant | {"currency": "USD", "timezone": "UTC"}

    async def pump(self) -> None:
        """Deliver the webhook events of our outbox to our own inbox, as the bus would."""
        rows = await self.fetch("DELETE FROM outbox WHERE type = $1 RETURNING id, type, body, at", ObjectChanged.type)
        await self.service.inbox.take([Message(*row) for row in rows])

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
        self.new_worker()

    async def ask(self, method: str, shop: Shop, path: str, body: Any = None, **claims: Any) -> tuple[int, Any]:
        """Send a request below the path of the merchant; return the status and the JSON."""
        return await self.call(method, f"/v1/merchants/{shop.merchant.id}{path}", body, **claims)

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
        return await self.emitted(StockChanged)

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


@asynccontextmanager
async def serving_inventory(dsn: str) -> AsyncIterator[Inventory]:
    """Run the service on this database, with a Clover and a catalog of its own."""
    issuer, clock, grants = Issuer(), MovedClock(), OpenGrants()
    async with local_clover(seed=1) as clover, local_catalog() as catalog:
        settings = settings_for(
            Settings,
            dsn,
            issuer,
            catalog_url=catalog.url,
            clover_base_urls={"us": clover.url, "eu": clover.url},
            clover_webhook_secrets=[SecretStr(WEBHOOK_SECRET)],
        )
        service = build(settings, clock=clock, grants=grants)
        async with serving(service) as http:
            yield Inventory(service, http, issuer, clock, clover, grants, catalog)


@pytest.fixture
async def inventory(database_dsn: str) -> AsyncIterator[Inventory]:
    async with serving_inventory(database_dsn) as inventory:
        yield inventory
