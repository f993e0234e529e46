"""Notifier as production builds it, on its own database, with a catalog that has contacts and a mail server."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from pydantic import SecretStr
from tests.support.clock import FakeClock
from tests.support.postbox import Postbox, listening
from tests.support.tokens import Issuer

from common.contracts.catalog import MerchantConnected
from common.contracts.envelope import Event, Message
from common.contracts.problems import Code, ProblemClosed, ProblemOpened
from common.http.auth import Keys
from common.ids import uuid7
from common.service import Service
from notifier.app import build
from notifier.settings import Settings

MERCHANT = "MRCHNT0000001"
OTHER = "MRCHNT0000002"
SECRET = "between our services"
MASTER_KEY = b64encode(bytes(32)).decode()
BUILD: dict[str, Any] = {"env": "dev", "host": "127.0.0.1", "port": 0, "internal_secrets": SECRET}


@dataclass
class Directory:
    """A catalog that answers with one contact."""

    url: str = ""
    email: str = "owner@example.com"
    name: str = "Sunrise Coffee"
    status: int = 200
    asked: int = 0

    async def answer(self, request: web.Request) -> web.Response:
        Keys([], [SecretStr(SECRET)], "catalog").internal(request.headers.get("Authorization"))
        self.asked += 1
        body = {"account_id": "acc-1", "account_email": self.email, "name": self.name, "region": "us"}
        return web.json_response(body | {"timezone": "America/New_York", "currency": "USD"}, status=self.status)


@dataclass
class Notifier:
    """The service. Its HTTP server, its wake-ups and its feed run; events and work are driven by the test."""

    service: Service
    clock: FakeClock
    issuer: Issuer
    postbox: Postbox
    directory: Directory
    url: str
    session: aiohttp.ClientSession
    revisions: Iterator[int] = field(default_factory=lambda: count(1))

    async def deliver(self, *events: Event) -> list[Message]:
        """Deliver these events together, as one batch of messages."""
        messages = [
            Message(uuid7(), event.type, event.model_dump_json().encode(), self.clock.now()) for event in events
        ]
        await self.service.inbox.take(messages)
        return messages

    async def run_until_idle(self) -> None:
        """Advance past the delay of the first email, and do all work that is due."""
        self.clock.advance(timedelta(seconds=3))
        await self.service.worker.run_until_idle()

    async def connect(
        self, merchant_id: str = MERCHANT, region: str = "us", timezone: str = "America/New_York"
    ) -> None:
        await self.deliver(
            MerchantConnected(
                merchant_id=merchant_id, account_id="acc-1", region=region, currency="USD", timezone=timezone
            )
        )

    async def open(self, waiting: int = 1, opened_at: datetime | None = None, **other: Any) -> None:
        """Report that orders wait for their order type, or what `other` names."""
        event = {"merchant_id": MERCHANT, "code": Code.ORDER_TYPE_MISSING, "opened_at": opened_at or self.clock.now()}
        values = {"waiting": waiting, "revision": next(self.revisions)}
        await self.deliver(ProblemOpened(**(event | values | other)))

    async def close(self, resumed_count: int = 1, opened_at: datetime | None = None, **other: Any) -> None:
        """Report that they went through."""
        event = {"merchant_id": MERCHANT, "code": Code.ORDER_TYPE_MISSING, "opened_at": opened_at or self.clock.now()}
        await self.deliver(ProblemClosed(**(event | {"resumed_count": resumed_count} | other)))

    async def get(self, path: str, **other: Any) -> Any:
        """The JSON of a GET with a token for everything, whose status is 200."""
        async with self.session.get(self.url + path, headers=self.issuer.headers(), **other) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def problems(self, state: str = "open") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.get(f"/v1/merchants/{MERCHANT}/problems?state={state}"))["problems"]
        return found

    async def activity(self) -> list[str]:
        """The messages of the activity feed, newest first."""
        return [each["message"] for each in (await self.get(f"/v1/merchants/{MERCHANT}/activity"))["activity"]]

    async def log_in(self, scope: str = "*", merchants: tuple[str, ...] = ("*",)) -> tuple[int, str]:
        """Follow a login link in this session. Returns the page it ends on."""
        token = self.issuer.token(scope, merchants)
        return await self.page(f"/dashboard/login?token={token}")

    async def page(self, path: str, **other: Any) -> tuple[int, str]:
        async with self.session.get(self.url + path, **other) as response:
            return response.status, await response.text()

    async def execute(self, sql: str) -> None:
        async with self.service.database.unit() as unit:
            await unit.conn.execute(sql)

    async def fetch(self, sql: str, *arguments: Any) -> list[Any]:
        async with self.service.database.connection() as conn:
            return list(await conn.fetch(sql, *arguments))


@pytest.fixture
async def directory() -> AsyncIterator[Directory]:
    """A catalog that only has contacts."""
    catalog = Directory()
    app = web.Application()
    app.router.add_get("/internal/merchants/{merchant_id}/contact", catalog.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    catalog.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield catalog
    await runner.cleanup()


@pytest.fixture
def postbox() -> Any:
    """A real SMTP server that keeps what it accepts."""
    with listening() as box:
        yield box


@pytest.fixture
async def notifier(database_dsn: str, amqp_url: str, directory: Directory, postbox: Postbox) -> AsyncIterator[Notifier]:
    """Notifier, with one connected merchant."""
    issuer, clock = Issuer(), FakeClock()
    settings = Settings(
        **BUILD,
        master_keys=MASTER_KEY,
        postgres_dsn=database_dsn,
        amqp_url=amqp_url,
        jwt_public_keys=issuer.public_pem,
        catalog_url=directory.url,
        smtp_url=postbox.url,
        smtp_timeout=2,
        mail_from="QuickSync <hello@quicksync.test>",
        public_url="http://127.0.0.1:9",
    )
    async with AsyncExitStack() as stack:
        made = await _started(stack, build(settings, clock=clock), clock, issuer, postbox, directory)
        await made.connect()
        await made.service.worker.run_until_idle()
        yield made


async def _started(
    stack: AsyncExitStack, service: Service, clock: FakeClock, issuer: Issuer, postbox: Postbox, directory: Directory
) -> Notifier:
    await stack.enter_async_context(service.opened())
    service.consumer.ready.set()  # as if it consumed: `deliver` takes its place
    stop = asyncio.Event()
    loops = [asyncio.create_task(loop(stop)) for loop in (service.database.wakeups.run, *service.loops)]
    runner = web.AppRunner(service.application(), access_log=None, shutdown_timeout=2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    session = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)))
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"

    async def end() -> None:
        await runner.cleanup()
        stop.set()
        service.database.wakeups.wake_all()
        async with asyncio.timeout(10):
            await asyncio.gather(*loops)

    stack.push_async_callback(end)
    return Notifier(service, clock, issuer, postbox, directory, url, session)
