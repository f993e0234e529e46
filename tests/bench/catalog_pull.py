"""`catalog: pull 100k share`: the part of the granted calls that the first sync of 100,000 items uses.

It is the time that the pages of 1,000 need at the granted rate, over the time of the sync from the connection to the
last page. The sandbox is a process of its own with Clover's real limits, and counts the calls.
"""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime

from tests.bench.catalog_shop import catalog_for, connect, control, merchant_with, print_figures, sandbox
from tests.bench.figures import Entry, figure
from tests.support.eventually import eventually
from tests.support.service import Harness

from common import logs
from common.clover.paging import LARGEST_PAGE

ITEMS = 100_000
LATENCY = 100
"""Milliseconds of an answer of Clover."""


async def measure(dsn: str, items: int = ITEMS) -> list[Entry]:
    """Return the figures, one dictionary each as `make bench` writes them. `dsn` may create databases."""
    logs.configure("catalog", "error")
    async with AsyncExitStack() as stack:
        clover = await stack.enter_async_context(sandbox())
        await control(clover, "PATCH", "latency", {"ms": LATENCY})
        merchant = await merchant_with(clover, items)
        catalog = await stack.enter_async_context(catalog_for(dsn, clover))
        seconds, rate = await _pulled(catalog, merchant)
        log = await control(clover, "GET", "requests?path=items&limit=100000")
    calls = [each["in"] for each in log["requests"]]
    needed = items / LARGEST_PAGE
    return [
        figure("catalog: pull 100k share", needed / rate / seconds, "share"),
        figure("catalog: pull 100k calls", len(calls), "calls"),
        figure("catalog: pull 100k", seconds, "s"),
    ]


async def _pulled(catalog: Harness, merchant: dict[str, str]) -> tuple[float, float]:
    """Connect the merchant; return the seconds until all its items are read, and the calls a second granted most."""
    service, stop, rates = catalog.service, asyncio.Event(), [0.0]
    running = [asyncio.create_task(loop(stop)) for loop in (service.worker.run, service.database.wakeups.run)]

    async def completed_at() -> datetime | None:
        granted = await catalog.fetch("SELECT max(rate) AS rate FROM grants WHERE subject = $1", merchant["id"])
        rates.append(granted[0]["rate"] or 0.0)
        state = await catalog.fetch("SELECT completed_at FROM item_mirror")
        return state[0]["completed_at"] if state else None

    try:
        await connect(catalog, merchant)
        began = datetime.now(UTC)
        completed: datetime = await eventually(completed_at, within=300)
        return (completed - began).total_seconds(), max(rates)
    finally:
        stop.set()
        service.database.wakeups.wake_all()
        await asyncio.gather(*running)


if __name__ == "__main__":
    print_figures(measure)
