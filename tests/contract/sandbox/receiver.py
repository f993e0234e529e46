"""A receiver of the webhooks that the sandbox sends."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from tests.support.clover import Clover
from tests.support.eventually import eventually


@dataclass
class Receiver:
    """A webhook receiver that records requests."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    posts: list[Any] = field(default_factory=list)
    auths: list[str | None] = field(default_factory=list)

    hanging: asyncio.Event = field(default_factory=asyncio.Event)

    async def hang(self, request: web.Request) -> web.Response:
        await self.hanging.wait()
        return await self.take(request)

    async def take(self, request: web.Request) -> web.Response:
        self.posts.append(await request.json())
        self.auths.append(request.headers.get("X-Clover-Auth"))
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200, headers={"Location": self.url})

    def events(self) -> list[str]:
        """Return `type objectId` of every received event."""
        merchants = [rows for post in self.posts for rows in post.get("merchants", {}).values()]
        return [f"{event['type']} {event['objectId']}" for rows in merchants for event in rows]


async def subscribe(clover: Clover, receiver: Receiver, **settings: Any) -> None:
    body = {"url": receiver.url, "secret": "the-secret", "batch_ms": 20, **settings}
    assert (await clover.control("PUT", "/webhooks", body)).status == 200


async def settled(clover: Clover) -> None:
    """Return whether every event is answered."""
    assert await eventually(lambda: clover.sandbox.webhooks.waiting() == 0)
