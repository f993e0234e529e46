"""Catalog and the three services that keep copies of its merchants and links, on one database."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
from tests.integration.orders.conftest import SETTLE
from tests.support.service import serving, settings_for
from tests.support.tokens import Issuer

import catalog.app
import catalog.settings
import inventory.app
import inventory.settings
import notifier.app
import notifier.settings
import orders.app
import orders.settings
from catalog import links as catalog_links
from catalog.domain.links import NewLink
from catalog.store import connections
from common.contracts.envelope import Message
from common.service import Service
from orders import store as orders_store

OWN: dict[str, dict[str, Any]] = {
    "inventory": {},
    "orders": {"reference_key": "for references only", "order_settle_seconds": SETTLE},
    "notifier": {
        "smtp_url": "smtp://127.0.0.1:9",
        "mail_from": "QuickSync <hello@quicksync.test>",
        "public_url": "http://127.0.0.1:9",
    },
}
BUILT: dict[str, Any] = {
    "catalog": (catalog.app.build, catalog.settings.Settings),
    "inventory": (inventory.app.build, inventory.settings.Settings),
    "orders": (orders.app.build, orders.settings.Settings),
    "notifier": (notifier.app.build, notifier.settings.Settings),
}
NOWHERE = {"clover_base_urls": dict.fromkeys(("us", "eu", "la", "sandbox"), "http://127.0.0.1:9")}
MERCHANT = """
SELECT account_id, region, currency, timezone, version, connected FROM merchant WHERE merchant_id = $1
"""
LINKS = "SELECT item_id, sku, product_id, version, linked, replaced_by FROM item_link WHERE merchant_id = $1"


@dataclass
class Owner:
    """Catalog, whose rows are the truth. Its changes are made by its own store, without Clover."""

    service: Service
    url: str

    async def connect(self, merchant_id: str, timezone: str = "UTC") -> None:
        async with self.service.database.unit() as unit:
            assert await connections.claim(unit.conn, merchant_id, "acc-1")
            values = ("acc-1", "us", "USD", timezone)
            unit.emit(await connections.save_merchant(unit.conn, merchant_id, *values, unit.now))

    async def disconnect(self, merchant_id: str) -> None:
        async with self.service.database.unit() as unit:
            unit.emit(await connections.disconnect(unit.conn, merchant_id, unit.now, erase=False))

    async def link(self, merchant_id: str, product_id: str, item_id: str, sku: str) -> None:
        async with self.service.database.unit() as unit:
            await catalog_links.link_items(unit, merchant_id, [NewLink(product_id, item_id, sku)])

    async def unlink(self, merchant_id: str, item_id: str) -> None:
        async with self.service.database.unit() as unit:
            await catalog_links.unlink_items(unit, merchant_id, [item_id])

    async def take_events(self) -> list[Message]:
        """Take everything out of the outbox, oldest first."""
        rows = await fetch(self.service, "DELETE FROM outbox RETURNING id, type, body, at, position")
        return [Message(*row[:4]) for row in sorted(rows, key=lambda row: row["position"])]


async def fetch(service: Service, sql: str, *arguments: Any) -> Sequence[asyncpg.Record]:
    async with service.database.connection() as conn:
        return await conn.fetch(sql, *arguments)


async def merchant_in(service: Service, merchant_id: str) -> tuple[Any, ...] | None:
    """Return the service's row of the merchant."""
    rows = await fetch(service, MERCHANT, merchant_id)
    return tuple(rows[0]) if rows else None


async def rows_in(service: Service, merchant_id: str) -> set[tuple[Any, ...]]:
    """Return the service's rows of links, tombstones included."""
    return {tuple(row) for row in await fetch(service, LINKS, merchant_id)}


async def items_in(service: Service, merchant_id: str, skus: Sequence[str]) -> dict[str, str]:
    """Return the item of each SKU, as the service uses it."""
    if service.name == "orders":
        async with service.database.connection() as conn:
            return dict(await orders_store.links.find(conn, merchant_id, skus))
    rows = await fetch(service, "SELECT sku, item_id FROM level WHERE merchant_id = $1 AND sku <> ''", merchant_id)
    return {row["sku"]: row["item_id"] for row in rows}


def built(name: str, dsn: str, issuer: Issuer, **more: Any) -> Service:
    """Build a service whose Clover does not answer."""
    build, settings = BUILT[name]
    clover = {} if name == "notifier" else NOWHERE
    made: Service = build(settings_for(settings, dsn, issuer, **clover, **OWN.get(name, {}), **more))
    return made


@pytest.fixture
async def owner(database_dsn: str) -> AsyncIterator[Owner]:
    service = built("catalog", database_dsn, Issuer())
    async with serving(service) as http:
        yield Owner(service, str(http.make_url("")).rstrip("/"))


@pytest.fixture
async def replicas(database_dsn: str, owner: Owner) -> AsyncIterator[dict[str, Service]]:
    """Inventory, orders and notifier, whose loops do not run."""
    async with AsyncExitStack() as stack:
        made = {name: built(name, database_dsn, Issuer(), catalog_url=owner.url) for name in OWN}
        for service in made.values():
            await stack.enter_async_context(service.opened())
        yield made


@pytest.fixture
async def loop() -> asyncio.AbstractEventLoop:
    """The loop on which the services live; it rests while the test, which is not a coroutine, runs."""
    return asyncio.get_running_loop()
