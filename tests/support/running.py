"""A running system for tests, and a shop on it that acts as merchant, till and online store."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
from tests.support import forks
from tests.support.eventually import eventually

from quicksync_dev.demo.world import Json, StepFailed, World
from quicksync_dev.system import Options, System

PATIENCE = 120
"""Seconds within which everything on a running system shows, on a machine of any speed."""

QUICK = {"QS_ORDER_SETTLE_SECONDS": "3", "QS_CREATE_SETTLES_SECONDS": "3"}
"""Resolve writes without an answer within three seconds instead of a minute, as the sandbox is never that late."""


@asynccontextmanager
async def running_system(
    postgres_dsn: str | None, amqp_url: str | None, settings: Mapping[str, str] = QUICK, replicas: int = 1
) -> AsyncIterator[System]:
    """Run a system of the test's own. Without addresses it also starts its own servers, which the test may kill."""
    with tempfile.TemporaryDirectory(prefix="quicksync-e2e-") as folder:
        options = Options(
            postgres_dsn=postgres_dsn, amqp_url=amqp_url, settings=settings, replicas=replicas, spawn=forks.fork
        )
        system = System(_open_to_all(folder), options, lambda _: None)
        await asyncio.to_thread(forks.prepare)
        try:
            async with system:
                yield system
        finally:
            await system.discard()


def _open_to_all(folder: str) -> Path:
    """Let the servers, which run as other users, reach their folders."""
    path = Path(folder)
    path.chmod(0o755)
    return path


class Shop:
    """One merchant on a running system. Its calls are repeated while a component is down."""

    def __init__(self, world: World, region: str) -> None:
        self._world = world
        self._region = region

    @property
    def merchant(self) -> str:
        return self._world.merchants[self._region]

    async def connect(self, email: str = "owner@shop.localhost", items: int = 0) -> None:
        """Create the merchant in the sandbox, with this many items that QuickSync does not know, and connect it."""
        made = await self._world.clover("POST", "/merchants", {"region": self._region})
        self._world.merchants[self._region] = made["id"]
        if items:
            filled = {"count": items, "prefix": "OLD-", "quantity": 1}
            await self._world.clover("POST", f"/merchants/{made['id']}/items", filled)
        account = {"account_id": "e2e", "account_email": email}
        await self.call(
            "POST", "", {"merchant_id": made["id"], "region": self._region, "api_token": made["token"], **account}
        )

    async def call(self, method: str, path: str, body: object = None) -> Any:
        """Call the API until the gateway passes the call on; a `path` is below this merchant."""
        place = f"/v1/merchants/{self.merchant}{path}" if path else "/v1/merchants"

        async def answered() -> tuple[Any] | None:
            try:
                status, answer = await self._world.quicksync(method, place, body)
            except (aiohttp.ClientError, TimeoutError):
                return None
            if status in {502, 503, 504}:
                return None
            assert status < 400, f"{method} {place} answered {status}: {answer}"
            return (answer,)

        (answer,) = await eventually(answered, within=PATIENCE)
        return answer

    async def stock_soup(self, quantity: int) -> None:
        """Create a product in Clover and count this quantity of it."""
        price = {"price": 500, "currency": "USD" if self._region == "us" else "EUR"}
        product = {"name": "Soup", "sku": "SOUP", "status": "active", **price}
        await self.call("PUT", "/products/soup", product)
        item = await eventually(self._item_of_soup, within=PATIENCE)
        await self.till("recount", {"item": item, "quantity": quantity})
        await self.stock_is(quantity)

    async def _item_of_soup(self) -> str | None:
        item: str | None = (await self.call("GET", "/products/soup"))["item_id"]
        return item

    async def till(self, action: str, body: object) -> Any:
        return await self._world.till(self._region, action, body)

    async def order(self, number: int, quantity: int = 1, **other: Any) -> None:
        """Place an order that QuickSync sends to Clover."""
        line = {"sku": "SOUP", "name": "Soup", "quantity": quantity, "unit_price": 500}
        body: Json = {
            "channel": {"channel": "shopify", "store": "soup.myshopify.com"},
            "number": f"#{number}",
            "currency": "USD" if self._region == "us" else "EUR",
            "lines": [line],
            "total": 500 * quantity,
            "placed_at": "2026-11-23T09:30:00Z",
        }
        await self.call("PUT", f"/orders/{number}", body | other)

    async def orders(self, state: str) -> int:
        """Count the orders in this state."""
        count, after = 0, ""
        while True:
            page = await self.call("GET", f"/orders?state={state}&limit=200{after}")
            count += len(page["orders"])
            if page["next"] is None:
                return count
            after = f"&cursor={page['next']}"

    async def adjust(self, key: str, delta: float) -> None:
        change = {"key": key, "sku": "SOUP", "delta": delta, "cause": "web sale"}
        await self.call("POST", "/stock/adjustments", {"adjustments": [change]})

    async def stock_is(self, quantity: float, within: float = PATIENCE) -> None:
        """Wait until QuickSync and Clover both have this stock."""

        async def agreed() -> None:
            ours = (await self.call("GET", "/stock/SOUP"))["on_hand"]
            [theirs] = [item["quantity"] for item in (await self.truth())["items"] if item.get("sku") == "SOUP"]
            assert (ours, theirs) == (quantity, quantity), f"QuickSync has {ours}, Clover has {theirs}"

        await eventually(lambda: _patiently(agreed), within=within)

    async def truth(self) -> Any:
        """Return the sandbox's own state of the merchant."""
        return await self._world.clover("GET", f"/merchants/{self.merchant}")

    async def reads(self, collection: str) -> list[float]:
        """Return when Clover received the reads of this collection's pages, in seconds since 1970."""
        query = urlencode({"merchant": self.merchant, "path": rf"/{collection}(\?|$)", "limit": 10_000})
        shown = await self._world.clover("GET", f"/requests?method=GET&{query}")
        return [each["in"] / 1000 for each in shown["requests"] if each["status"] == 200]

    @asynccontextmanager
    async def answered_late(self, method: str, path: str) -> AsyncIterator[None]:
        """During the block, Clover answers these calls two seconds after it has applied them."""
        late = {"kind": "delay", "when": "after", "ms": 2000, "merchant": self.merchant}
        rule = await self._world.clover("POST", "/faults", {**late, "method": method, "path": path})
        yield
        await self._world.clover("DELETE", f"/faults/{rule['id']}")

    async def counters(self) -> Json:
        """Return the sandbox's counters over the calls of all merchants."""
        shown: Json = await self._world.clover("GET", "/requests?limit=0")
        return dict(shown["counters"])

    async def clover_orders(self) -> list[Json]:
        """Return our orders in Clover, oldest first, including deleted ones."""
        shown = await self._world.clover("GET", f"/merchants/{self.merchant}/orders")
        return [order for order in shown["orders"] if not order["from_till"]]

    async def open_problems(self) -> list[Json]:
        shown = await self.call("GET", "/problems")
        return [problem for problem in shown["problems"] if problem["state"] == "open"]

    async def mails(self) -> list[str]:
        """Return the subjects of the e-mails about this merchant."""
        return [mail["subject"] for mail in await self._world.mails() if self.merchant in mail["text"]]


async def _patiently(check: Any) -> bool:
    """Run the check; an error from a component that is down counts as a failed assertion."""
    try:
        await check()
    except (StepFailed, aiohttp.ClientError, TimeoutError) as error:
        raise AssertionError(f"{type(error).__name__}: {error}") from error
    return True


@asynccontextmanager
async def shop_on(system: System, region: str = "us", items: int = 0) -> AsyncIterator[Shop]:
    """Connect a new merchant on the system."""
    async with aiohttp.ClientSession() as session:
        shop = Shop(World(system.env(), session, lambda _: None), region)
        await shop.connect(items=items)
        yield shop


def in_order(orders: Sequence[Json]) -> list[str]:
    """Return the order numbers in the order titles, in the order of Clover's list."""
    return [order["title"].rpartition("#")[2] for order in orders]
