"""The transport against the local Clover, and the webhook receiver on a real database."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web_runner import AppRunner, BaseRunner
from pydantic import SecretStr
from tests.support.clock import FakeClock
from tests.support.clover import Clover as LocalClover
from tests.support.clover import Shop, local_clover
from tests.support.logs import collected
from tests.support.pools import open_kept
from tests.support.service import OPEN_LEASE

from common.clock import SystemClock
from common.clover.call_budget import CallBudget
from common.clover.grants import Grant, InUse, Lease, Want
from common.clover.transport import Clover
from common.contracts.clover import ObjectChanged
from common.db.database import Database
from common.http.app import build_app
from common.settings import CommonSettings
from common.telemetry.metrics import Metrics
from common.webhooks.receiver import Receiver

SCHEMA = "inventory"
APP = "APP0000000001"
MERCHANT = "MRCHNT0000001"
SECRETS = ["the secret in use", "the one before"]
SAVE = "INSERT INTO merchant (merchant_id, account_id, region, currency, timezone) VALUES ($1, 'a', 'us', 'USD', 'UTC')"


def settings(**other: Any) -> CommonSettings:
    return CommonSettings(
        env="dev",
        postgres_dsn=SecretStr("postgresql://"),
        amqp_url=SecretStr("amqp://"),
        clover_app_id=APP,
        clover_webhook_secrets=[SecretStr(each) for each in SECRETS],
        http_read_timeout=0.3,
        **other,
    )


class AsInProduction(TestServer):
    """As in service.py: a caller who goes away does not cancel the handler."""

    async def _make_runner(self, **options: Any) -> BaseRunner:
        return AppRunner(self.app, **options | {"handler_cancellation": False, "access_log": None})


@dataclass
class Receiving:
    """A receiver that listens, and the outbox behind it."""

    http: TestClient[Any, Any]
    database: Database
    clock: FakeClock
    metrics: Metrics

    async def post(self, body: object, secret: str | None = SECRETS[0]) -> ClientResponse:
        """Post this as Clover would; text goes as it is, everything else as JSON."""
        headers = {"Content-Type": "application/json"} | ({"X-Clover-Auth": secret} if secret is not None else {})
        sent = body if isinstance(body, str) else json.dumps(body)
        return await self.http.post("/webhooks/clover", data=sent.encode(), headers=headers)

    async def received(self) -> list[ObjectChanged]:
        """Return the messages in the outbox, oldest first."""
        async with self.database.connection() as conn:
            rows = await conn.fetch("SELECT body FROM outbox ORDER BY position")
        return [ObjectChanged.decode(row["body"]) for row in rows]

    def counted(self, outcome: str) -> float:
        """Changes of this outcome in the figures."""
        return self.metrics.registry.get_sample_value("quicksync_webhook_changes_total", {"outcome": outcome}) or 0


def notice(*changes: dict[str, Any], app: str = APP, merchant: str = MERCHANT) -> dict[str, Any]:
    """A webhook of one merchant."""
    return {"appId": app, "merchants": {merchant: list(changes)}}


def change(object_id: str = "I:ITEM000000001", kind: str = "UPDATE", ts: int = 1_700_000_000_000) -> dict[str, Any]:
    return {"objectId": object_id, "type": kind, "ts": ts}


@pytest.fixture
def logged() -> Iterator[Callable[[], str]]:
    """Collect the log; call it for what was written so far."""
    with collected(SCHEMA) as stream:
        yield stream.getvalue


@asynccontextmanager
async def _receiving(dsn: str) -> AsyncIterator[Receiving]:
    clock, metrics = FakeClock(), Metrics()
    database = Database(dsn, SCHEMA, clock)
    app = build_app(SCHEMA, Receiver(database, settings(), metrics).routes(), None, settings(), metrics, {})
    async with TestClient(AsInProduction(app)) as http:
        yield Receiving(http, database, clock, metrics)


@pytest.fixture
async def receiving(database_dsn: str, logged: object) -> AsyncIterator[Receiving]:
    """A receiver that knows one merchant."""
    del logged  # first of all, so that nothing is written elsewhere
    async with _receiving(database_dsn) as receiving:
        await open_kept(receiving.database)
        async with receiving.database.unit() as unit:
            await unit.conn.execute(SAVE, MERCHANT)
        yield receiving
        await receiving.database.close()


@pytest.fixture
async def door(logged: object) -> AsyncIterator[Receiving]:
    """A receiver without a database: it stores nothing, so the only honest answer to a valid webhook is 503."""
    del logged
    async with _receiving("postgresql://") as receiving:
        yield receiving


@dataclass
class OneGrant:
    """Hands out grants for one merchant and remembers what was asked for."""

    grant: Grant
    taken: list[Want] = field(default_factory=list)

    async def lease(self, want: Want) -> Lease:
        del want
        return OPEN_LEASE

    def report(self, in_use: InUse) -> None:
        """Nobody else calls."""

    def renewed(self, want: Want) -> None:
        """The lease lasts for the whole test."""

    async def take(self, merchant_id: str, want: Want, in_flight: int = 0) -> Grant:
        del in_flight
        assert merchant_id == self.grant.merchant_id
        self.taken.append(want)
        return self.grant

    def expect(self, merchant_ids: list[str]) -> None:
        """There is only one grant."""

    def forget(self, merchant_id: str) -> None:
        """There is only one grant."""


@dataclass
class Speaking:
    """The transport, open, with leave to speak to one shop of the local Clover."""

    clover: Clover
    grants: OneGrant
    local: LocalClover
    shop: Shop
    metrics: Metrics

    def fail(self, kind: str, **rule: Any) -> None:
        self.local.fail(kind, **rule)

    def seen(self, method: str) -> list[int]:
        """The status of each call of this method that Clover saw."""
        return [each.status for each in self.local.sandbox.journal.since(0) if each.method == method]


@pytest.fixture
async def speaking() -> AsyncIterator[Speaking]:
    """Grants are wide and Clover's limits are off, so that only what is tried slows a test down."""
    async with local_clover() as local:
        shop = local.open_shop()
        metrics = Metrics()
        merchant = shop.merchant.id
        grants = OneGrant(Grant(merchant, "us", shop.token, rate=1000, concurrency=5, renew_in=20, expires_in=30))
        made = settings(clover_base_urls={"us": local.url}, clover_timeout=1.0)
        clock = SystemClock()
        budget = CallBudget(grants, clock)
        async with Clover(made, grants, budget, metrics, clock, user_agent="QuickSync/0.1 (test)") as clover:
            yield Speaking(clover, grants, local, shop, metrics)
