"""The catalog service on its own database, with its own Clover sandbox. Tests run its loops step by step."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr
from tests.support.clock import MovedClock
from tests.support.service import INTERNAL_SECRETS, Harness, serving, settings_for
from tests.support.tokens import Issuer

from catalog.app import build
from catalog.settings import Settings
from clover_sandbox import app as sandbox
from clover_sandbox.limits import Limits
from clover_sandbox.merchant_factory import MerchantSpec
from clover_sandbox.rest.inventory_kinds import ITEMS
from clover_sandbox.rest.objects import make
from clover_sandbox.sandbox import Sandbox
from clover_sandbox.sandbox import Settings as SandboxSettings
from clover_sandbox.shapes import accept
from clover_sandbox.till.actions import play_till
from common.contracts.clover import ObjectChanged

INTERNAL = INTERNAL_SECRETS
EMAIL = "owner@shop.example"
FREE = Limits(app=100_000, token=100_000)


@dataclass
class Shop:
    """A merchant in the sandbox and its token."""

    id: str
    token: str
    region: str


@dataclass(repr=False)
class Catalog(Harness):
    """The service, and the sandbox behind it."""

    clover: Sandbox

    def shop(self, region: str = "us") -> Shop:
        """Make a merchant in the sandbox."""
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
        """Make a merchant and connect it."""
        shop = self.shop(region)
        status, body = await self.connect(shop)
        assert status == 201, body
        await self.fetch("DELETE FROM work WHERE kind = 'check_setup'")  # a dozen calls, which have tests of their own
        await self.run_until_idle()  # the first sweep
        self.clover.journal.forget()
        return shop

    async def set_up(self) -> Shop:
        """Make a merchant, connect it and check its setup."""
        shop = self.shop()
        status, body = await self.connect(shop)
        assert status == 201, body
        await self.run_until_idle()
        self.clover.journal.forget()
        return shop

    async def connected_by_oauth(self, region: str = "us") -> Shop:
        """Make a merchant and connect it by OAuth."""
        shop = self.shop(region)
        await self.connect_by_oauth(shop)
        await self.fetch("DELETE FROM work WHERE kind = 'check_setup'")
        await self.run_until_idle()
        self.clover.journal.forget()
        return shop

    async def connect_by_oauth(self, shop: Shop) -> None:
        """Connect the merchant by OAuth, as a person who allows the access."""
        app = self.clover.world.app
        query = {"client_id": app.id, "redirect_uri": "https://quicksync.example/", "merchant_id": shop.id}
        location = self.clover.oauth.authorize(query).headers["Location"]
        [code] = parse_qs(urlsplit(location).query)["code"]
        status, body = await self.connect(shop, api_token=None, oauth_code=code)
        assert status in {200, 201}, body

    async def put(self, shop: Shop, product_id: str = "p-1", **other: Any) -> tuple[int, Any]:
        body = {
            "name": "Mug",
            "sku": f"SKU-{product_id}",
            "price": 1250,
            "currency": "USD",
            "status": "active",
        }
        return await self.call("PUT", f"/v1/merchants/{shop.id}/products/{product_id}", body | other)

    async def call_table(self, method: str, path: str, table: str | bytes | None = None) -> tuple[int, Any]:
        """Send or read a table; return the status and the answer, which may be JSON."""
        headers = {"Content-Type": "text/csv"} | self.issuer.headers()
        body = table.encode() if isinstance(table, str) else table
        async with self.http.request(method, path, data=body and io.BytesIO(body), headers=headers) as response:
            text = await response.text()
            return response.status, json.loads(text) if "json" in response.content_type else text

    async def product(self, shop: Shop, product_id: str = "p-1") -> Any:
        _, body = await self.call("GET", f"/v1/merchants/{shop.id}/products/{product_id}")
        return body

    def items(self, shop: Shop) -> list[dict[str, Any]]:
        """Return the merchant's items in Clover."""
        return list(self.clover.world.merchants[shop.id].objects["items"].newest_first(hidden_too=True))

    def add_item(self, shop: Shop, **fields: Any) -> str:
        """Add an item to Clover as if it existed before QuickSync; return its id."""
        merchant = self.clover.world.merchants[shop.id]
        item = make(merchant, ITEMS, accept(ITEMS.shape, {"name": "Old mug", "price": 900} | fields))
        return str(item["id"])

    async def hear(self, shop: Shop, item_id: str, action: Literal["CREATE", "UPDATE", "DELETE"] = "UPDATE") -> None:
        """Deliver Clover's webhook about this item, and do the work it causes."""
        await self.deliver(
            ObjectChanged(merchant_id=shop.id, kind="I", object_id=item_id, action=action, sent_at=1),
        )
        self.clock.advance(5)
        await self.run_until_idle()

    async def sweep(self) -> None:
        """Wait for the next read of all items, and do the work it causes."""
        self.clock.advance(3601)
        await self.run_until_idle()

    async def compare(self) -> None:
        """Wait for the next comparison, and do the work it causes."""
        self.clock.advance(301)
        await self.run_until_idle()

    def till(self, shop: Shop, action: str, **given: Any) -> Any:
        """Do this at the till, without a webhook."""
        return play_till(self.clover.world.merchants[shop.id], action, given)

    def apply_late(self, path: str, seconds: float = 0.5) -> None:
        """Let Clover apply the next POST to this path only after its caller has given up."""
        self.clover.faults.add(
            {"kind": "apply_late", "seconds": seconds, "method": "POST", "path": path, "times": 1},
        )

    def calls(self) -> list[str]:
        """Return the calls Clover received since the merchant was connected."""
        entries = self.clover.journal.since(0)
        return [f"{entry.method} {entry.path.rpartition('/merchants/')[2][14:]}" for entry in entries]

    async def synced(self, shop: Shop, product_id: str = "p-1") -> bool:
        """Run the due work; return whether the product is synced."""
        await self.run_until_idle()
        return bool((await self.product(shop, product_id))["sync"]["state"] == "synced")

    async def synced_on_retry(self, shop: Shop) -> bool:
        """Run the due work, now and after the pause before a retry; return whether the product is synced."""
        await self.run_until_idle()
        self.clock.advance(10)
        return await self.synced(shop)

    async def kill_worker(self, shop: Shop) -> None:
        """Cancel the running work of this merchant and continue with a new worker."""
        [turn] = [task for task in asyncio.all_tasks() if task.get_name() == f"work for {shop.id}"]
        turn.cancel()
        await asyncio.wait([turn])
        self.new_worker()


@pytest.fixture
def changed() -> dict[str, Any]:
    """Settings that differ from the usual; a test overrides this."""
    return {}


@pytest.fixture
def limits() -> Limits:
    """Clover's limits, which the tests of them override: the others wait for no turn to call."""
    return FREE


@pytest.fixture
async def catalog(database_dsn: str, changed: dict[str, Any], limits: Limits) -> AsyncIterator[Catalog]:
    issuer, clock = Issuer(), MovedClock()
    built = sandbox.build(SandboxSettings(limits=limits))
    async with sandbox.serving(built) as url:
        usual = {
            "clover_base_urls": dict.fromkeys(("us", "eu", "la", "sandbox"), url),
            "clover_web_urls": dict.fromkeys(("us", "eu", "la", "sandbox"), url),
            "clover_app_id": built.sandbox.world.app.id,
            "clover_app_secret": SecretStr(built.sandbox.world.app.secret),
            "public_url": "https://quicksync.example",
            "clover_limits": limits.named(),
            "create_settles_seconds": 0.0,
            "batch_gathers_seconds": 0.0,
        }
        service = build(settings_for(Settings, database_dsn, issuer, **(usual | changed)), clock=clock)
        async with serving(service) as http:
            yield Catalog(service, http, issuer, clock, built.sandbox)
