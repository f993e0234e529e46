"""Compares a service's merchants and links with catalog's rows: events are fast, and rows are the truth.

A row that an event failed to bring is handled like its event. So a service with an empty database fills itself.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import structlog

from common.backoff import Backoff, sleep_until
from common.catalog_client import CatalogClient, ItemLink, MerchantState
from common.contracts.catalog import MerchantConnected, MerchantDisconnected
from common.db import links, merchants
from common.db.database import Database
from common.db.inbox import Handlers
from common.db.unit import Priority, Unit
from common.errors import AppError, NotFound, Transient
from common.work.batch import Batch

log = structlog.get_logger()

LINKS = "links"
"""The only key of the work that compares a merchant's links."""

RETRY = timedelta(minutes=1)

PORTION = 50
"""Merchants that are handled in one transaction. After a restore all are news, and each costs about five milliseconds:
a page of them at once would hold its locks for seconds."""

ApplyLinks = Callable[[Unit, str, Sequence[ItemLink]], Awaitable[None]]


class MerchantComparison:
    """Compares all merchants every `interval` seconds, in every replica, as a page costs one call for 500 merchants.

    `handlers` are the service's own. Merchants whose links changed since they were last compared are marked for
    `compare_links`, the service's kind of work for it; None for a service that keeps no links.
    """

    def __init__(
        self,
        database: Database,
        catalog: CatalogClient,
        handlers: Handlers,
        interval: float,
        compare_links: str | None = None,
    ) -> None:
        self._database = database
        self._catalog = catalog
        self._on_connected = handlers[MerchantConnected]
        self._on_disconnected = handlers[MerchantDisconnected]
        self._interval = interval
        self._compare_links = compare_links

    async def run(self, stop: asyncio.Event) -> None:
        """Compare at the start and then again and again, until `stop`."""
        backoff = Backoff(self._database.clock, first=1.0, most=60.0)
        while not stop.is_set():
            try:
                await self.compare()
            except AppError as error:
                log.warning("merchants not compared with catalog", reason=str(error))
                await backoff.wait(stop)
            except Exception:  # a bug in a handler must not end the service: the events go on
                log.exception("merchants not compared with catalog")
                await backoff.wait(stop)
            else:
                backoff.reset()
                await sleep_until(stop, self._interval, self._database.clock)

    async def compare(self) -> None:
        """Handle every merchant whose row here is older than catalog's, page by page."""
        after: str | None = ""
        while after is not None:
            page = await self._catalog.merchants_after(after)
            await self._handle(page.merchants)
            after = page.next

    async def _handle(self, states: Sequence[MerchantState]) -> None:
        async with self._database.connection() as conn:
            outdated = await merchants.outdated(conn, {each.merchant_id: each.version for each in states})
        news = [each for each in states if each.merchant_id in outdated]
        for start in range(0, len(news), PORTION):
            async with self._database.unit() as unit:
                # sorted by merchant, as in the inbox, so that the two do not deadlock
                for state in news[start : start + PORTION]:
                    await self._handle_as_event(unit, state)
        if self._compare_links is not None:
            await self._mark_behind(states, self._compare_links)

    async def _mark_behind(self, states: Sequence[MerchantState], kind: str) -> None:
        async with self._database.unit() as unit:
            behind = await links.behind(unit.conn, {each.merchant_id: each.links_version for each in states})
            for merchant_id in sorted(behind):
                unit.mark(kind, merchant_id, LINKS, priority=Priority.BULK)

    async def _handle_as_event(self, unit: Unit, state: MerchantState) -> None:
        values = state.model_dump(include=set(MerchantConnected.model_fields))
        if state.connected:
            await self._on_connected(MerchantConnected(**values), unit)
        else:
            await self._on_disconnected(MerchantDisconnected(**values), unit)


async def compare_links(batch: Batch, catalog: CatalogClient, apply: ApplyLinks) -> None:
    """Apply the merchant's links that changed since the last comparison, page by page.

    The position is saved with each page, so a slice continues where the last one ended, and after a crash at most one
    page is fetched again.
    """
    merchant_id = batch.merchant_id
    try:
        while await _compare_page(batch, catalog, apply):
            if await batch.gives_way():
                return batch.more(LINKS)
    except NotFound:
        log.warning("links not compared, catalog does not know the merchant", merchant_id=merchant_id)
    except Transient as error:  # the events go on, so this opens no problem
        log.warning("links not compared yet", merchant_id=merchant_id, reason=str(error))
        batch.retry(LINKS, RETRY)
    return None


async def _compare_page(batch: Batch, catalog: CatalogClient, apply: ApplyLinks) -> bool:
    """Apply one page; return whether another follows."""
    async with batch.database.connection() as conn:
        after = await links.position(conn, batch.merchant_id)
    page = await catalog.links_after(batch.merchant_id, after)
    if page.links:
        async with batch.unit() as unit:
            await apply(unit, batch.merchant_id, page.links)
            await links.save_position(unit, batch.merchant_id, page.links[-1].version)
    return page.next is not None
