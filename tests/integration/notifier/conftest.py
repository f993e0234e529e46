"""Notifier as production builds it, on its own database, with a catalog that has contacts and a mail server."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from tests.support import pools
from tests.support.clock import FakeClock
from tests.support.postbox import Postbox, listening
from tests.support.service import INTERNAL_SECRETS, Harness, serving, settings_for
from tests.support.tokens import Issuer
from tests.support.versions import next_version

from common.contracts.catalog import MerchantConnected
from common.contracts.notifier import RecheckRequested
from common.contracts.problems import Code, ProblemClosed, ProblemOpened
from common.http.auth import Keys
from common.service import Service
from notifier.app import build
from notifier.settings import Settings

MERCHANT = "MRCHNT0000001"
OTHER = "MRCHNT0000002"
JUST_CONNECTED = "MRCHNT0000003"
"""A merchant that catalog knows and whose event has not arrived."""


@dataclass
class Directory:
    """A catalog that answers with one contact."""

    url: str = ""
    email: str = "owner@example.com"
    name: str = "Sunrise Coffee"
    status: int = 200
    asked: int = 0

    async def answer(self, request: web.Request) -> web.Response:
        Keys([], INTERNAL_SECRETS, "catalog").internal(request.headers.get("Authorization"))
        self.asked += 1
        body = {"account_id": "acc-1", "account_email": self.email, "name": self.name, "region": "us"}
        return web.json_response(body | {"timezone": "America/New_York", "currency": "USD"}, status=self.status)

    async def profile(self, request: web.Request) -> web.Response:
        """Answer with the merchant that just connected."""
        if request.match_info["merchant_id"] != JUST_CONNECTED:
            raise web.HTTPNotFound
        profile = {"account_id": "acc-3", "region": "us", "timezone": "UTC", "currency": "USD"}
        return web.json_response({"merchant_id": JUST_CONNECTED, "version": 1} | profile)


@dataclass(repr=False)
class Notifier(Harness):
    """The service. Its HTTP server, its wake-ups and its feed run; events and work are driven by the test."""

    clock: FakeClock
    postbox: Postbox
    directory: Directory
    revisions: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def session(self) -> aiohttp.ClientSession:
        """A session that keeps cookies, as a browser does."""
        return self.http.session

    async def run_until_idle(self) -> None:
        """Advance past the delay of the first email, and do all work that is due."""
        self.clock.advance(timedelta(seconds=3))
        await super().run_until_idle()

    async def connect(
        self, merchant_id: str = MERCHANT, region: str = "us", timezone: str = "America/New_York"
    ) -> None:
        await self.deliver(
            MerchantConnected(
                version=next_version(),
                merchant_id=merchant_id,
                account_id="acc-1",
                region=region,
                currency="USD",
                timezone=timezone,
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

    async def recheck(self, code: Code) -> None:
        """Report that a person pressed Check again."""
        await self.deliver(RecheckRequested(merchant_id=MERCHANT, code=code))

    async def emitted_problems(self) -> list[tuple[str, str]]:
        """The problem events of notifier itself, by type and code."""
        rows = await self.fetch("SELECT type, body FROM outbox WHERE type LIKE 'problem.%' ORDER BY id")
        return [(row["type"], json.loads(row["body"])["code"]) for row in rows]

    async def closed_counts(self) -> list[int]:
        """How much went through, as notifier's closed problems say."""
        return [each.resumed_count for each in await self.emitted(ProblemClosed)]

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
        """Follow a login link in this session and press its button. Returns the page it ends on."""
        return await self.use_link(f"{self.url}/dashboard/login?token={self.issuer.token(scope, merchants)}")

    async def use_link(self, link: str) -> tuple[int, str]:
        """Open a login link and press its button, if it has one."""
        async with self.session.get(link) as response:
            status, page = response.status, await response.text()
        token = field_in(page, "token")
        if not token:
            return status, page
        return await self.submit("/dashboard/login", {"csrf": field_in(page, "csrf"), "token": token})

    async def submit(self, path: str, form: dict[str, str], **other: Any) -> tuple[int, str]:
        async with self.session.post(self.url + path, data=form, **other) as response:
            return response.status, await response.text()

    async def page(self, path: str, **other: Any) -> tuple[int, str]:
        async with self.session.get(self.url + path, **other) as response:
            return response.status, await response.text()

    async def execute(self, sql: str, *arguments: Any) -> None:
        async with self.service.database.unit() as unit:
            await unit.conn.execute(sql, *arguments)

    @asynccontextmanager
    async def altered(self, change: str, undo: str) -> AsyncIterator[None]:
        """Change the schema during the block. Other tests use the same database, so a failure undoes it, too."""
        database = self.service.deps.database
        await self.execute(change)
        await pools.expire(database)
        try:
            yield
        finally:
            await self.execute(undo)
            await pools.expire(database)


def field_in(page: str, name: str) -> str:
    """The value of this hidden field on the page; empty if there is none."""
    return page.partition(f'name="{name}" value="')[2].partition('"')[0]


@pytest.fixture
async def directory() -> AsyncIterator[Directory]:
    """A catalog that only has contacts."""
    catalog = Directory()
    app = web.Application()
    app.router.add_get("/internal/merchants/{merchant_id}/contact", catalog.answer)
    app.router.add_get("/internal/merchants/{merchant_id}", catalog.profile)
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
async def notifier(database_dsn: str, directory: Directory, postbox: Postbox) -> AsyncIterator[Notifier]:
    """Notifier, with one connected merchant."""
    issuer, clock = Issuer(), FakeClock()
    settings = settings_for(
        Settings,
        database_dsn,
        issuer,
        catalog_url=directory.url,
        smtp_url=postbox.url,
        smtp_timeout=2,
        mail_from="QuickSync <hello@quicksync.test>",
        public_url="http://127.0.0.1:9",
    )
    service = build(settings, clock=clock)
    async with serving(service) as http, _feeding(service):
        made = Notifier(service, http, issuer, clock, postbox, directory)
        await made.connect()
        await made.worker.run_until_idle()
        yield made


@asynccontextmanager
async def _feeding(service: Service) -> AsyncIterator[None]:
    """Run the wake-ups and the feed."""
    service.consumer.ready.set()  # as if it consumed: `deliver` takes its place
    stop = asyncio.Event()
    loops = [asyncio.create_task(loop(stop)) for loop in (service.database.wakeups.run, *service.loops)]
    yield
    stop.set()
    service.database.wakeups.wake_all()
    async with asyncio.timeout(10):
        await asyncio.gather(*loops)
