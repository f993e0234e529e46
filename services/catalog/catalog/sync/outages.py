"""Finds outages of Clover by region, so that a merchant without due work learns of them as well.

A region costs a call each quarter of a minute, and none while other calls of catalog are answered.
"""

import asyncio
from uuid import uuid4

import structlog

from catalog.clover import connections as clover
from catalog.deps import Deps
from catalog.domain.outages import QUIET, RegionHealth
from catalog.store import outages
from common.backoff import sleep_until
from common.clover.transport import MerchantApi
from common.contracts.problems import Code
from common.db import lease
from common.db.unit import Priority
from common.errors import AppError, OutOfService, TimedOut, Transient, Unavailable
from common.work.reports import report, withdraw

log = structlog.get_logger()

LEASE = 2 * QUIET
LOOK_SECONDS = 1.0

PORTION = 500
"""Merchants that are informed in one transaction, with an event for each."""

PROBE_SECONDS = 5.0
"""An answer that takes longer counts as none: a small one takes a tenth of that."""


class OutageWatch:
    """The watch over Clover's regions. One process of catalog at a time keeps it, by lease."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._clock = deps.database.clock
        self._token = uuid4()
        self._regions: dict[str, RegionHealth] = {}
        self._probed: dict[str, str] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until `stop`."""
        while not stop.is_set():
            try:
                await self.look()
            except Transient as error:
                log.warning("outages not looked for", reason=str(error))
            await sleep_until(stop, LOOK_SECONDS, self._clock)

    async def look(self) -> None:
        """Probe the regions whose time has come, and report the changes."""
        async with self._deps.database.connection() as conn:
            if not await lease.take(conn, ["outage watch"], self._token, LEASE):
                self._regions.clear()
                return
        await self._inform_all()
        async with self._deps.database.connection() as conn:
            regions, ongoing = await outages.regions(conn), await outages.ongoing(conn)
        for region in regions:
            health = await self._probed_if_due(region)
            self._regions[region] = health
            if health.is_out and region not in ongoing:
                await self._report(region, health)
            elif region in ongoing and health.is_answering:
                await self._end(region)

    async def _probed_if_due(self, region: str) -> RegionHealth:
        now = self._clock.now()
        health = self._regions.get(region, RegionHealth(now))
        if now < health.next_probe_at:
            return health
        silent_for = self._deps.clover.silent_for(region)
        if silent_for is not None and silent_for < QUIET.total_seconds() and not health.failures:
            return health.answered(now)
        return await self._probe(region, health)

    async def _probe(self, region: str, health: RegionHealth) -> RegionHealth:
        async with self._deps.database.connection() as conn:
            merchant_id = await outages.next_merchant(conn, region, self._probed.get(region, ""))
        if merchant_id is None:
            return health.unknown(self._clock.now())
        self._probed[region] = merchant_id
        try:
            async with self._deps.clover.session(merchant_id, Priority.LIVE) as api:
                return await self._ask(api, health)
        except OutOfService:
            return health.failed(self._clock.now())
        except AppError as error:
            log.warning("Clover not probed", region=region, reason=str(error))
            return health.unknown(self._clock.now())

    async def _ask(self, api: MerchantApi, health: RegionHealth) -> RegionHealth:
        try:
            async with self._clock.timeout(PROBE_SECONDS):
                await clover.ping(api)
        except (OutOfService, Unavailable, TimedOut, TimeoutError):
            return health.failed(self._clock.now())
        except AppError as error:  # a refusal is an answer too
            log.info("Clover refused a probe", reason=str(error))
        return health.answered(self._clock.now())

    async def _report(self, region: str, health: RegionHealth) -> None:
        since = health.failing_since or self._clock.now()
        async with self._deps.database.unit() as unit:
            if not await outages.begin(unit, region, since):
                return
        log.warning("Clover is out of service", region=region, since=since.isoformat())
        await self._inform_all()

    async def _end(self, region: str) -> None:
        async with self._deps.database.unit() as unit:
            if not await outages.end(unit, region):
                return
        log.info("Clover is in service again", region=region)
        await self._inform_all()

    async def _inform_all(self) -> None:
        """Inform all merchants that have not heard, also after a process that ended in between."""
        while await self._inform_portion():
            pass

    async def _inform_portion(self) -> bool:
        """Inform the next merchants of one region; return whether there may be more."""
        async with self._deps.database.unit() as unit:
            informing = await outages.unfinished(unit)
            if informing is None:
                return False
            merchants = await outages.portion(unit, informing, PORTION)
            inform = withdraw if informing.is_over else report
            inform(unit, merchants, Code.CLOVER_UNREACHABLE, informing.began_at)
            await outages.save_informed(unit, informing, merchants[-1] if len(merchants) == PORTION else None)
        return True
