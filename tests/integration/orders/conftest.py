"""Orders itself on a database of its own, beside a Clover of its own; its loops run only when a test says so."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.support.clock import MovedClock
from tests.support.clover import Clover, Shop, local_clover
from tests.support.service import Harness, OpenGrants, serving, settings_for
from tests.support.tokens import Issuer
from tests.support.versions import next_version

from clover_sandbox.world import DEFAULT_PERMISSIONS
from common.contracts.catalog import MerchantConnected, ProductLinked
from common.contracts.clover import ObjectChanged
from common.contracts.notifier import RecheckRequested
from common.contracts.problems import Code
from orders.app import build
from orders.domain.setup import ORDER_TYPE
from orders.kinds import FIND_SETUP
from orders.settings import Settings

SETTLE = 60.0

ADA = {"first_name": "Ada", "last_name": "Byron", "email": "ada@example.com", "phone": "+1 212 555 0100"}


@dataclass
class Catalog:
    """Catalog's answers on its internal routes. SKUs are unknown unless a test says otherwise."""

    merchants: dict[str, Any] = field(default_factory=dict)
    links: dict[str, dict[str, Any]] = field(default_factory=dict)
    is_down: bool = False
    asked: int = 0

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Serve the routes and return their address."""
        app = web.Application()
        app.router.add_get("/internal/merchants/{merchant_id}", self._merchant)
        app.router.add_post("/internal/merchants/{merchant_id}/links:lookup", self._lookup)
        async with TestServer(app) as server:
            yield str(server.make_url("")).rstrip("/")

    async def _merchant(self, request: web.Request) -> web.Response:
        if self.is_down:
            return web.Response(status=503)
        found = self.merchants.get(request.match_info["merchant_id"])
        return web.json_response(found) if found else web.Response(status=404)

    async def _lookup(self, request: web.Request) -> web.Response:
        self.asked += 1
        if self.is_down:
            return web.Response(status=503)
        skus = (await request.json())["skus"]
        return web.json_response({"links": [{"sku": s, **self.links.get(s, {"state": "unknown"})} for s in skus]})


@dataclass(repr=False)
class Orders(Harness):
    """The service, and the Clover and the catalog behind it."""

    clover: Clover
    grants: OpenGrants
    catalog: Catalog

    async def connected(self, region: str = "us", *, order_type: bool = True, without: Sequence[str] = ()) -> Shop:
        """A merchant that orders knows, with the order type and every permission unless the test takes some away."""
        shop = self.clover.open_shop(region, set(DEFAULT_PERMISSIONS - set(without)))
        self.grants.shops[shop.merchant.id] = shop
        await self.reconnect(shop)
        if order_type:
            self.add_order_type(shop)
        return shop

    async def reconnect(self, shop: Shop) -> None:
        """Catalog tells that the merchant is connected."""
        event = MerchantConnected(
            version=next_version(),
            merchant_id=shop.merchant.id,
            account_id="acc-1",
            region=shop.merchant.region,
            currency=shop.merchant.currency,
            timezone="America/New_York",
        )
        await self.deliver(event)

    def add_order_type(self, shop: Shop, label: str = ORDER_TYPE) -> Any:
        """The merchant makes the order type."""
        return shop.till("create_order_type", label=label)

    async def put(self, shop: Shop, source_id: str = "o-1", **other: Any) -> tuple[int, Any]:
        """Send an order of two mugs and a poster, or another."""
        return await self.call("PUT", self.path(shop, source_id), order(shop) | other)

    def path(self, shop: Shop, source_id: str = "") -> str:
        return f"/v1/merchants/{shop.merchant.id}/orders" + (f"/{source_id}" if source_id else "")

    async def act(self, shop: Shop, what: str, source_id: str = "o-1") -> tuple[int, Any]:
        return await self.call("POST", f"{self.path(shop, source_id)}/{what}")

    async def seen(self, shop: Shop, source_id: str = "o-1") -> Any:
        """The order as the API shows it."""
        status, body = await self.call("GET", self.path(shop, source_id))
        assert status == 200, body
        return body

    async def state(self, shop: Shop, source_id: str = "o-1") -> str:
        return str((await self.seen(shop, source_id))["state"])

    async def settle_for(self, seconds: float) -> None:
        """Work through so much time, from one due row to the next."""
        end = self.clock.now() + timedelta(seconds=seconds)
        await self.run_until_idle()
        while (due := await self.next_due()) is not None and due <= end:
            self.clock.advance(max(due - self.clock.now(), timedelta(seconds=0.1)))  # what is due may have to rest
            await self.run_until_idle()
        self.clock.advance(max(end - self.clock.now(), timedelta(0)))

    async def next_due(self) -> datetime | None:
        """When the next row of work is due."""
        [row] = await self.fetch("SELECT min(due_at) AS due_at FROM work WHERE NOT held")
        return row["due_at"] or None

    async def object_changed(self, shop: Shop, kind: str, object_id: str = "0RDER00000001") -> None:
        """A webhook of this kind has come in."""
        event = ObjectChanged(merchant_id=shop.merchant.id, kind=kind, object_id=object_id, action="UPDATE", sent_at=1)
        await self.deliver(event)

    async def link(self, shop: Shop, sku: str, item_id: str) -> None:
        link = {"merchant_id": shop.merchant.id, "product_id": "p", "sku": sku, "item_id": item_id}
        await self.deliver(ProductLinked(**link, version=next_version()))

    async def recheck(self, shop: Shop, code: Code = Code.ORDER_TYPE_MISSING) -> None:
        await self.deliver(RecheckRequested(merchant_id=shop.merchant.id, code=code))

    async def setup_due_in(self) -> float:
        """In how many seconds the setup is looked for again."""
        [row] = await self.fetch("SELECT due_at FROM work WHERE kind = $1", FIND_SETUP)
        return float((row["due_at"] - self.clock.now()).total_seconds())

    async def is_announced(self, reference: str) -> bool:
        """Whether it is committed that the creation of this order is under way (O4)."""
        sending = "SELECT FROM source_order WHERE reference = $1 AND sending = 'create_order'"
        return bool(await self.fetch(sending, reference))

    async def assert_announced(self, shop: Shop) -> None:
        """Assert that no order is in Clover without our record, and none was sent more often than noted (O4)."""
        noted = "SELECT reference FROM timeline WHERE merchant_id = $1 AND event = 'create_sent'"
        announced = [row["reference"] for row in await self.fetch(noted, shop.merchant.id)]
        made = [each.record["externalReferenceId"] for each in (*in_clover(shop), *in_clover(shop, deleted=True))]
        assert set(made) <= set(announced)
        assert self.calls(shop).count("POST orders") <= len(announced)

    def calls(self, shop: Shop) -> list[str]:
        """The calls Clover has had for this merchant."""
        found = [e for e in self.clover.sandbox.journal.since(0) if e.merchant_id == shop.merchant.id]
        return [f"{e.method} {e.path.partition(shop.merchant.id + '/')[2]}" for e in found]


def order(shop: Shop) -> dict[str, Any]:
    """Two mugs and a poster."""
    return {
        "channel": {"channel": "shopify", "store": "mugs.example"},
        "number": "#1001",
        "currency": shop.merchant.currency,
        "lines": [
            {"sku": "MUG", "name": "Mug", "quantity": 2, "unit_price": 1250},
            {"sku": "POSTER", "name": "Poster", "quantity": 1, "unit_price": 999},
        ],
        "total": 3499,
        "placed_at": "2026-11-23T10:00:00+01:00",
    }


@dataclass(frozen=True)
class InClover:
    """An order as it is in the sandbox."""

    record: dict[str, Any]
    lines: list[dict[str, Any]]
    payments: list[dict[str, Any]]
    customers: list[str]


def in_clover(shop: Shop, *, deleted: bool = False) -> list[InClover]:
    """The shop's orders in Clover, oldest first."""
    merchant = shop.merchant
    found = [each for each in merchant.objects["orders"].everything() if ("deletedTimestamp" in each) == deleted]
    return [
        InClover(
            record,
            [line.record for line in merchant.sheets[record["id"]].lines.values()],
            [p for p in merchant.objects["payments"].everything() if p["order"]["id"] == record["id"]],
            merchant.sheets[record["id"]].customer_ids,
        )
        for record in found
    ]


@pytest.fixture
def changed() -> dict[str, Any]:
    """Settings that differ from the usual; a test overrides this."""
    return {}


@asynccontextmanager
async def serving_orders(dsn: str, clover: Clover, changed: dict[str, Any]) -> AsyncIterator[Orders]:
    issuer, clock, grants, catalog = Issuer(), MovedClock(), OpenGrants(), Catalog()
    async with catalog.serving() as catalog_url:
        usual = {
            "catalog_url": catalog_url,
            "clover_base_urls": dict.fromkeys(("us", "eu", "la"), clover.url),
            "reference_key": "for references only",
            "order_settle_seconds": SETTLE,
        }
        settings = settings_for(Settings, dsn, issuer, **(usual | changed))
        service = build(settings, clock=clock, grants=grants)
        async with serving(service) as http:
            yield Orders(service, http, issuer, clock, clover, grants, catalog)


@pytest.fixture
async def orders(database_dsn: str, changed: dict[str, Any]) -> AsyncIterator[Orders]:
    async with local_clover() as clover, serving_orders(database_dsn, clover, changed) as orders:
        yield orders
