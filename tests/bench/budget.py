"""`budget`: the part of their calls that one-call visits to thousands of merchants use, and how long live calls wait.

Three replicas of three services share Clover's real limits; the sandbox counts what it receives and refuses the rest.
"""

import asyncio
import json
import os
import time
from base64 import b64encode
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from statistics import median, quantiles
from typing import cast

import asyncpg
import structlog
from aiohttp.test_utils import TestServer
from pydantic import SecretStr
from tests.bench.database import empty_database
from tests.bench.figures import Entry, figure
from tests.support.tokens import Issuer

from catalog.app import build
from catalog.sealing import Secret, seal
from catalog.settings import LIMITS, Settings
from clover_sandbox.app import build as build_sandbox
from clover_sandbox.app import serving
from clover_sandbox.latency import Latency
from clover_sandbox.limits import Limits
from clover_sandbox.merchant_factory import MerchantSpec
from clover_sandbox.sandbox import Sandbox
from clover_sandbox.sandbox import Settings as SandboxSettings
from common import logs
from common.clock import SystemClock
from common.clover.call_budget import CallBudget
from common.clover.grants import GrantRequest, Lent
from common.clover.lent_grants import HttpGrants
from common.clover.transport import Answered, Clover
from common.db.unit import Priority
from common.errors import Transient
from common.seal import Sealer
from common.telemetry.metrics import Metrics

MERCHANTS = 2_000
WARM_UP_SECONDS = 8.0
QUIET_SECONDS = 20.0
"""Without live changes: their grants cannot be foreseen, and each is a request of its own."""

SECONDS = 40.0
EXPECT_SECONDS = 1.0
EXPECTED = 180
"""Merchants whose turns come next, as the worker names them, after those that have a turn now."""

LIVE_EVERY = 0.25
LATENCY_MS = 50
SERVICES = "catalog", "inventory", "orders"
REPLICAS = 3

FILL = """
INSERT INTO merchant (merchant_id, account_id, region, currency, timezone)
SELECT each, 'acc-1', 'us', 'USD', 'UTC' FROM unnest($1::text[]) AS each
"""
CONNECT = """
INSERT INTO connection (merchant_id, name, sealed_token, sealed_email, connected_at)
SELECT merchant_id, 'Shop', token, '', now() FROM unnest($1::text[], $2::bytea[]) AS each (merchant_id, token)
"""

log = structlog.get_logger()


class CountedGrants(HttpGrants):
    """Grants that count the requests to catalog."""

    def __init__(self, settings: Settings, service: str, counted: list[float]) -> None:
        super().__init__(settings, service)
        self._counted = counted

    async def _ask_catalog(self, request: GrantRequest) -> Lent:
        self._counted.append(time.monotonic())
        return await super()._ask_catalog(request)


@dataclass
class Fleet:
    """The common state of a service's replicas: the order of their background turns, and the merchants with a turn."""

    queue: deque[str]
    turns: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def next(self) -> str:
        """Return the merchant that waits longest and has no turn."""
        while True:
            self.queue.rotate(-1)
            if self.queue[-1] not in self.turns:
                return self.queue[-1]


@dataclass
class Process:
    """A replica of a service. It gives turns to merchants as the worker does."""

    clover: Clover
    budget: CallBudget
    fleet: Fleet
    background: list[float] = field(default_factory=list)
    expected_at: float = 0.0

    async def sweep(self) -> None:
        """Visit one merchant after another, each for one call, as many at once as the budget allows."""
        own: dict[str, asyncio.Task[None]] = {}
        while True:
            while len(own) < self.budget.background_turns():
                merchant_id = self.fleet.next()
                own[merchant_id] = asyncio.create_task(self._turn(merchant_id, Priority.BULK))
            if time.monotonic() - self.expected_at > EXPECT_SECONDS:
                self.expected_at = time.monotonic()
                self.budget.expect([*own, *(self.fleet.queue[place] for place in range(EXPECTED))])
            await asyncio.wait(own.values(), return_when=asyncio.FIRST_COMPLETED)
            own = {merchant_id: turn for merchant_id, turn in own.items() if not turn.done()}

    async def live(self, merchant_id: str) -> float:
        """Visit a merchant for a change that somebody waits for; return the milliseconds until its first call."""
        began = time.monotonic()
        while merchant_id in self.fleet.turns:
            await asyncio.wait([self.fleet.turns[merchant_id]])
        await asyncio.create_task(self._turn(merchant_id, Priority.LIVE))
        return 1000 * (time.monotonic() - began) - LATENCY_MS

    async def _turn(self, merchant_id: str, priority: Priority) -> None:
        task = asyncio.current_task()
        self.fleet.turns[merchant_id] = cast("asyncio.Task[None]", task)
        try:
            async with self.clover.session(merchant_id, priority) as api:
                await api.get("item_stocks", Answered)
        except Transient as error:  # as the worker does: it is tried again later
            log.warning("visit failed", reason=str(error), priority=priority)
            await asyncio.sleep(1)
        else:
            if priority is Priority.BULK:
                self.background.append(time.monotonic())
        finally:
            self.fleet.turns.pop(merchant_id, None)


async def measure(dsn: str, seconds: float = SECONDS) -> list[Entry]:
    """Return the figures, one dictionary each as `make bench` writes them. `dsn` may create databases."""
    logs.configure("catalog", "warning")
    built = build_sandbox(SandboxSettings(limits=Limits()))
    built.sandbox.pipeline.latency = Latency(LATENCY_MS, LATENCY_MS)
    tokens = dict(_add_merchant(built.sandbox) for _ in range(MERCHANTS))
    asked: list[float] = []
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serving(built))
        settings = await stack.enter_async_context(_catalog(dsn, url, tokens))
        processes = [each for service in SERVICES for each in await _replicas(stack, settings, service, asked, tokens)]
        began_at, waits = await _run(processes, list(tokens), seconds)
    refused = sum(built.sandbox.limiter.over_limit.values())
    if refused:
        raise RuntimeError(f"Clover refused {refused} calls: {dict(built.sandbox.limiter.over_limit)}")
    made = sum(at >= began_at for process in processes for at in process.background)
    quiet_from = began_at - QUIET_SECONDS
    quiet = sum(quiet_from <= at < began_at for process in processes for at in process.background)
    given = settings.background_share * LIMITS["app"]
    return [
        figure("budget", made / seconds / given, "share"),
        figure("budget, live p50", median(waits), "ms"),
        figure("budget, live p99", quantiles(waits, n=100)[98], "ms"),
        figure("budget, calls per request", quiet / max(1, sum(quiet_from <= at < began_at for at in asked)), "calls"),
    ]


async def _run(processes: list[Process], merchants: list[str], seconds: float) -> tuple[float, list[float]]:
    """Let every process sweep, then add live changes to random merchants; return the begin of these and their waits."""
    sweeping = [asyncio.create_task(process.sweep()) for process in processes]
    await asyncio.sleep(WARM_UP_SECONDS + QUIET_SECONDS)
    began_at, choice = time.monotonic(), Random(1)
    live = []
    while time.monotonic() < began_at + seconds:
        live.append(asyncio.create_task(choice.choice(processes).live(choice.choice(merchants))))
        await asyncio.sleep(LIVE_EVERY)
    ended_at = time.monotonic()
    waits = await asyncio.gather(*live)
    for process in processes:
        process.background = [at for at in process.background if at <= ended_at]
    sweeping += [turn for process in processes for turn in process.fleet.turns.values()]
    for each in sweeping:
        each.cancel()
    failed = [each for each in await asyncio.gather(*sweeping, return_exceptions=True) if isinstance(each, Exception)]
    if failed:
        raise failed[0]
    return began_at, waits


async def _replicas(
    stack: AsyncExitStack, settings: Settings, service: str, asked: list[float], tokens: dict[str, str]
) -> list[Process]:
    fleet, replicas = Fleet(deque(Random(service).sample(list(tokens), len(tokens)))), []
    for _ in range(REPLICAS):
        clock, grants = SystemClock(), CountedGrants(settings, service, asked)
        budget = CallBudget(grants, clock)
        clover = Clover(settings, grants, budget, Metrics(), clock, user_agent="QuickSync bench")
        replicas.append(Process(await stack.enter_async_context(clover), budget, fleet))
    return replicas


def _add_merchant(sandbox: Sandbox) -> tuple[str, str]:
    merchant, token = sandbox.world.add_merchant(MerchantSpec(region="us"), None)
    return merchant.id, token


@asynccontextmanager
async def _catalog(dsn: str, clover_url: str, tokens: dict[str, str]) -> AsyncIterator[Settings]:
    """Run a catalog that knows these merchants; yield the settings of a service that asks it."""
    async with empty_database(dsn, "catalog") as own:
        settings = Settings(
            env="dev",
            postgres_dsn=SecretStr(own),
            amqp_url=SecretStr("amqp://nowhere.invalid"),
            clover_base_urls={"us": clover_url},
            jwt_public_keys=[Issuer().public_pem],
            internal_secrets=[SecretStr("between our services")],
            master_keys=[SecretStr(b64encode(bytes(32)).decode())],
        )
        await _connect(own, Sealer.of(settings.master_keys), tokens)
        service = build(settings)
        async with service.opened(), TestServer(service.application(), access_log=None) as server:
            yield settings.model_copy(update={"catalog_url": str(server.make_url(""))})


async def _connect(dsn: str, sealer: Sealer, tokens: dict[str, str]) -> None:
    connection = await asyncpg.connect(dsn, server_settings={"search_path": "catalog"})
    try:
        await connection.execute(FILL, list(tokens))
        sealed = [seal(sealer, Secret.TOKEN, merchant_id, token) for merchant_id, token in tokens.items()]
        await connection.execute(CONNECT, list(tokens), sealed)
    finally:
        await connection.close()


if __name__ == "__main__":
    for entry in asyncio.run(measure(os.environ["QS_POSTGRES_DSN"])):
        print(json.dumps(entry))  # noqa: T201 - this is its output
