"""The harness of the services' tests: one service as production builds it, whose loops run only on request.

A test calls it over HTTP, delivers events through its inbox, moves its clock, lets it work until nothing is due, and
reads the events it emits. Each service's conftest adds the words of its own subject.
"""

import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import uuid4

import asyncpg
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web_runner import AppRunner, BaseRunner
from pydantic import SecretStr
from tests.support.clock import FakeClock, MovedClock
from tests.support.clover import Shop
from tests.support.pools import open_kept
from tests.support.tokens import Issuer

from common.clover.grants import Grant, InUse, Lease, Want
from common.contracts.envelope import Event, Message
from common.http.auth import mint_internal
from common.ids import uuid7
from common.service import Service
from common.settings import CommonSettings
from common.work.worker import Worker

INTERNAL_SECRETS = [SecretStr("between our services")]
MASTER_KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

AnySettings = TypeVar("AnySettings", bound=CommonSettings)


@dataclass
class Harness:
    """A service whose database is open and whose routes are served."""

    service: Service
    http: TestClient[Any, Any]
    issuer: Issuer
    clock: FakeClock | MovedClock

    def _repr_pretty_(self, printer: Any, _cycle: object) -> None:
        # Hypothesis warns of more than 30,000 characters, an error here, instead of naming its example.
        printer.text(self.service.name)

    @property
    def url(self) -> str:
        """The address of the service, without a slash at its end."""
        return str(self.http.make_url("")).rstrip("/")

    @property
    def worker(self) -> Worker:
        return self.service.worker

    async def call(
        self, method: str, path: str, body: object = None, *, internal: bool = False, **claims: Any
    ) -> tuple[int, Any]:
        """Send one request, as another service of ours when `internal`; return the status and the JSON."""
        token = mint_internal(INTERNAL_SECRETS, self.service.name, "test") if internal else self.issuer.token(**claims)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        sent = None if body is None else io.BytesIO(json.dumps(body).encode())
        async with self.http.request(method, path, data=sent, headers=headers, allow_redirects=False) as response:
            text = await response.text()
            return response.status, json.loads(text) if text else None

    async def deliver(self, *events: Event) -> list[Message]:
        """Deliver these events in one batch, and the same messages again: a broker may, and nothing happens twice."""
        messages = [Message(uuid7(), each.type, each.model_dump_json().encode(), self.clock.now()) for each in events]
        for _ in range(2):
            await self.service.inbox.take(messages)
        refused = "SELECT type, reason FROM dead_letter WHERE id = ANY($1)"
        assert [dict(row) for row in await self.fetch(refused, [each.id for each in messages])] == []
        return messages

    async def run_until_idle(self) -> None:
        """Do all work that is due."""
        await self.worker.run_until_idle()

    def new_worker(self, deps: Any = None) -> None:
        """Replace the worker by one that knows nothing, as a restart does."""
        service = self.service
        service.worker = Worker(service.database, service.kinds, deps or service.deps, service.metrics)

    async def emitted(self, event: type[Event]) -> list[Any]:
        """Return the events of this type in the outbox, oldest first."""
        rows = await self.fetch("SELECT body FROM outbox WHERE type = $1 ORDER BY id", event.type)
        return [event.decode(row["body"]) for row in rows]

    async def fetch(self, sql: str, *arguments: Any) -> list[asyncpg.Record]:
        async with self.service.database.connection() as conn:
            return list(await conn.fetch(sql, *arguments))


OPEN_LEASE = Lease(rate=50_000.0, background_rate=50_000.0, concurrency=100, renew_in=3600, expires_in=3600)


@dataclass
class OpenGrants:
    """Grants for the merchants of a test, without a limit worth the name unless one is set."""

    shops: dict[str, Shop] = field(default_factory=dict)
    rate: float = 5000.0
    concurrency: int = 5

    async def lease(self, want: Want) -> Lease:
        del want
        return OPEN_LEASE

    def report(self, in_use: InUse) -> None:
        """Nobody else calls."""

    def renewed(self, want: Want) -> None:
        """The lease lasts for the whole test."""

    async def take(self, merchant_id: str, want: Want, in_flight: int = 0) -> Grant:
        del want, in_flight
        shop = self.shops[merchant_id]
        region = shop.merchant.region
        return Grant(
            merchant_id,
            region,
            shop.token,
            rate=self.rate,
            concurrency=self.concurrency,
            renew_in=3600,
            expires_in=3600,
        )

    def forget(self, merchant_id: str) -> None:
        """The token of a shop is read anew each time."""

    def expect(self, merchant_ids: list[str]) -> None:
        """Every grant is there at once."""


class AsInProduction(TestServer):
    """aiohttp's test server, except that, as in service.py, a client that goes away does not cancel the handler."""

    async def _make_runner(self, **options: Any) -> BaseRunner:
        ours = {"handler_cancellation": False, "access_log": None, "shutdown_timeout": 2}
        return AppRunner(self.app, **options | ours)


@asynccontextmanager
async def serving(service: Service) -> AsyncIterator[TestClient[Any, Any]]:
    """Open the service and serve its routes on a free port."""
    await open_kept(service.database)
    async with service.opened(), TestClient(AsInProduction(service.application())) as http:
        yield http


def settings_for(kind: type[AnySettings], dsn: str, issuer: Issuer, **own: Any) -> AnySettings:
    """Make a service's settings, with a broker that does not exist; `own` are those the tests of it choose."""
    usual: dict[str, Any] = {
        "env": "dev",
        "postgres_dsn": SecretStr(dsn),
        "amqp_url": SecretStr("amqp://nowhere.invalid"),
        "bus_namespace": uuid4().hex,
        "clover_timeout": 20.0,
        "jwt_public_keys": [issuer.public_pem],
        "internal_secrets": INTERNAL_SECRETS,
        "master_keys": [SecretStr(MASTER_KEY)],
    }
    known = {name: value for name, value in usual.items() if name in kind.model_fields}
    return kind(**(known | own))
