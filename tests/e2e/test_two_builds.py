"""Two releases side by side on one queue, and a roll-back, lose no event, double none, and leave none to a person."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import aio_pika
import aiohttp
import asyncpg
import pytest
from tests.support import publish_events
from tests.support.builds import new_build, old_build
from tests.support.eventually import eventually

from common.bus.topology import Topology
from quicksync_dev import environment, identity
from quicksync_dev.database import SERVICES
from quicksync_dev.datadir import DataDir
from quicksync_dev.environment import Addresses
from quicksync_dev.ports import free_port

MERCHANT = "MRCHNT0000001"
ORDER = {"merchant_id": MERCHANT, "channel": "web", "store": "", "clover_order_id": "4KZ0MDNQ7R8VA"}
PROBLEM = {"merchant_id": MERCHANT, "waiting": 1, "opened_at": "2026-11-23T12:00:00Z", "revision": 1, "affected": []}
EACH = 40

Events = Sequence[tuple[str, dict[str, Any]]]

pytestmark = pytest.mark.timeout(300)


def synced(prefix: str, **more: str) -> Events:
    kind, money = "orders.order_synced.v1", {"currency": "USD", "total": 100}
    return [(kind, ORDER | money | more | {"source_id": f"{prefix}-{number}"}) for number in range(EACH)]


def tagged(prefix: str) -> Events:
    kind = "orders.order_tagged.v1"
    return [(kind, {"merchant_id": MERCHANT, "source_id": f"{prefix}-{number}"}) for number in range(EACH)]


def opened(code: str) -> Events:
    return [("problem.opened.v1", PROBLEM | {"code": code})]


@dataclass
class Builds:
    """One database and one namespace on the broker, which both builds use."""

    dsn: str
    amqp_url: str
    bus: Topology
    new: Sequence[Path]
    data_dir: DataDir
    connection: "asyncpg.Connection[asyncpg.Record]"

    @property
    def old(self) -> Sequence[Path]:
        return old_build()

    @asynccontextmanager
    async def notifier(self, build: Sequence[Path]) -> AsyncIterator[str]:
        """Run a replica of notifier of this build, ready; yield its address."""
        nowhere, port = "http://127.0.0.1:1", free_port()
        dsns, smtp = dict.fromkeys(SERVICES, self.dsn), "smtp://127.0.0.1:1"
        addresses = Addresses(
            dict.fromkeys(SERVICES, port), dsns, self.amqp_url, {"us": nowhere}, smtp, nowhere, self.bus.namespace
        )
        variables = environment.of_service("notifier", addresses, identity.of(self.data_dir))
        variables |= {"QS_LOG_LEVEL": "error", "QS_CATALOG_URL": nowhere}
        process = await start(build, ["-m", "notifier"], variables)
        try:
            await eventually(lambda: answers(f"http://127.0.0.1:{port}/readyz"), within=40)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            await asyncio.wait_for(process.wait(), 30)

    async def emit(self, build: Sequence[Path], events: Events, *, publish: bool = True) -> None:
        """Emit these events as orders of this build."""
        given = {"dsn": self.dsn, "amqp_url": self.amqp_url, "namespace": self.bus.namespace}
        process = await start(build, [publish_events.__file__], {})
        body = json.dumps(given | {"events": events, "publish": publish}).encode()
        await asyncio.wait_for(process.communicate(body), 60)
        assert process.returncode == 0

    async def activity(self) -> list[tuple[str, str]]:
        """The type and source id of each order event in the feed, sorted."""
        rows = await self.connection.fetch(
            "SELECT type, event ->> 'source_id' AS id FROM activity WHERE type LIKE 'orders.%' ORDER BY 1, 2"
        )
        return [(row["type"], row["id"]) for row in rows]

    async def has(self, *expected: Events) -> bool:
        """Whether the feed has exactly the events of these lists; fail if one waits for a person."""
        parked = await self.connection.fetch("SELECT type, reason FROM dead_letter WHERE due_at IS NULL")
        if parked:
            pytest.fail(f"left to a person: {[dict(row) for row in parked]}")
        return await self.activity() == sorted(
            (kind, fields["source_id"]) for each in expected for kind, fields in each
        )

    async def waiting(self) -> tuple[int, int]:
        """How many events are not published, and how many are retried for a newer replica."""
        row = await self.connection.fetchrow(
            """SELECT (SELECT count(*) FROM orders.outbox),
                (SELECT count(*) FROM dead_letter WHERE unreadable_by <> '{}')"""
        )
        return tuple(row or ())

    async def is_quiet(self) -> bool:
        return await self.waiting() == (0, 0)


async def start(build: Sequence[Path], command: Sequence[str], variables: dict[str, str]) -> Process:
    paths = {"PYTHONPATH": os.pathsep.join(map(str, build))}
    env = {name: value for name, value in os.environ.items() if not name.startswith("QS_")} | variables | paths
    return await asyncio.create_subprocess_exec(sys.executable, *command, env=env, stdin=PIPE, cwd="/")


async def answers(url: str) -> bool:
    try:
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def consumed(url: str) -> bool:
    """Whether this replica has handled messages."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as answer:
        return "quicksync_events_consumed_total{" in await answer.text()


@pytest.fixture
async def builds(database_dsn: str, amqp_url: str, tmp_path: Path) -> AsyncIterator[Builds]:
    connection = await asyncpg.connect(database_dsn, server_settings={"search_path": "notifier"})
    bus = Topology(f"{uuid4().hex[:12]}.")
    new = await asyncio.to_thread(new_build, tmp_path / "new")
    yield Builds(database_dsn, amqp_url, bus, new, DataDir(tmp_path / "data"), connection)
    await connection.close()
    async with await aio_pika.connect(amqp_url, timeout=10) as broker:
        channel = await broker.channel()
        for each in SERVICES:
            await channel.queue_delete(bus.queue(each))
            await channel.exchange_delete(bus.settled_mark(each))
        await channel.exchange_delete(bus.exchange)


async def test_two_builds_share_a_queue(builds: Builds) -> None:
    """Events that only the new build knows reach it, even when the old one receives them first."""
    old, new, tags = synced("old"), synced("new", note="from the next release"), tagged("tag")
    async with builds.notifier(builds.old) as old_url, builds.notifier(builds.new) as new_url:
        await asyncio.gather(
            builds.emit(builds.old, [*old, *opened("tender_missing")]),
            builds.emit(builds.new, [*new, *tags, *opened("tax_missing")]),
        )
        await eventually(lambda: builds.has(old, new, tags), within=90)
        await eventually(lambda: _has_problems(builds, "tax_missing", "tender_missing"), within=60)
        await eventually(builds.is_quiet, within=60)
        assert await consumed(old_url)
        assert await consumed(new_url)


async def _has_problems(builds: Builds, *codes: str) -> bool:
    rows = await builds.connection.fetch("SELECT code FROM merchant_problem ORDER BY code")
    return [row["code"] for row in rows] == list(codes)


async def test_roll_back_keeps_what_the_new_build_left(builds: Builds) -> None:
    """The old build handles what it knows of the new build's outbox, and the rest waits until the new one is back."""
    first, left, old = synced("first", note="seen"), synced("left", note="unseen"), synced("old")
    tags, left_tags = tagged("tag"), tagged("left-tag")
    async with AsyncExitStack() as replicas:
        await replicas.enter_async_context(builds.notifier(builds.new))
        await builds.emit(builds.new, [*first, *tags, *opened("tax_missing")])
        await eventually(lambda: builds.has(first, tags), within=60)
    await builds.emit(builds.new, [*left, *left_tags], publish=False)

    async with builds.notifier(builds.old):
        await builds.emit(builds.old, old)
        await eventually(lambda: builds.has(first, tags, left, old), within=60)
        await eventually(lambda: _all_waiting(builds, EACH), within=30)
    async with builds.notifier(builds.new):
        await eventually(lambda: builds.has(first, tags, left, old, left_tags), within=60)
        await eventually(builds.is_quiet, within=30)


async def _all_waiting(builds: Builds, count: int) -> bool:
    """Whether the outbox is empty and this many messages are retried for a newer replica."""
    return await builds.waiting() == (0, count)
