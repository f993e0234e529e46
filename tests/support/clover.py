"""A local Clover in the test's process, with access over HTTP and to its ground truth."""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from clover_sandbox.app import build, serving
from clover_sandbox.limits import Limits
from clover_sandbox.merchant import Merchant
from clover_sandbox.merchant_factory import MerchantSpec
from clover_sandbox.sandbox import Sandbox, Settings
from clover_sandbox.till.actions import play_till

UNLIMITED = Limits(0, 0, 0, 0)


@dataclass(frozen=True)
class Reply:
    """One answer. `body` is the parsed JSON, or the text if it is not JSON."""

    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class Shop:
    """One merchant of the sandbox, with a client for its REST API."""

    merchant: Merchant
    token: str
    url: str
    http: aiohttp.ClientSession

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """Send a REST call below this merchant, with a `path` like `/items`."""
        sent = {"Authorization": f"Bearer {self.token}", **headers}
        url = f"{self.url}/v3/merchants/{self.merchant.id}{path}"
        async with self.http.request(method, url, json=body, headers=sent) as answer:
            return Reply(answer.status, answer.headers.copy(), _readable(await answer.text()))

    async def get(self, path: str) -> Any:
        """Return the body of a GET that must succeed."""
        reply = await self.call("GET", path)
        assert reply.status == 200, reply
        return reply.body

    async def post(self, path: str, body: Any) -> Any:
        """Return the body of a POST that must succeed."""
        reply = await self.call("POST", path, body)
        assert reply.status == 200, reply
        return reply.body

    def till(self, action: str, **given: Any) -> Any:
        """Run an action at this merchant's till."""
        return play_till(self.merchant, action, given)

    def count(self, item_id: str) -> float | None:
        """Return Clover's count of an item, or None if never counted."""
        quantity = self.merchant.stocks[item_id].quantity if item_id in self.merchant.stocks else None
        return None if quantity is None else float(quantity)

    def moved(self, item_id: str) -> float:
        """Return the quantity of an item that the till moved."""
        return float(self.merchant.stocks[item_id].till_moved)


@dataclass(frozen=True)
class Clover:
    """The sandbox and an HTTP client."""

    sandbox: Sandbox
    url: str
    http: aiohttp.ClientSession

    def open_shop(self, region: str = "us", permissions: set[str] | None = None, **spec: Any) -> Shop:
        """Create a merchant with the app installed."""
        merchant, token = self.sandbox.world.add_merchant(MerchantSpec(region=region, **spec), permissions)
        return Shop(merchant, token, self.url, self.http)

    async def control(self, method: str, path: str = "", body: Any = None) -> Reply:
        """Call the control API, with a `path` like `/faults`."""
        async with self.http.request(method, f"{self.url}/_sandbox{path}", json=body) as answer:
            return Reply(answer.status, answer.headers.copy(), await answer.json())

    def fail(self, kind: str, **rule: Any) -> None:
        """Add a fault rule."""
        self.sandbox.faults.add({"kind": kind, **rule})


@contextlib.asynccontextmanager
async def local_clover(limits: Limits = UNLIMITED, **settings: Any) -> AsyncIterator[Clover]:
    """Run a sandbox for the test, without rate limits by default."""
    built = build(Settings(limits=limits, **settings))
    async with serving(built) as url, aiohttp.ClientSession() as http:
        yield Clover(built.sandbox, url, http)


def _readable(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
