"""Requests that arrive at chosen moments of other work: around each call to Clover, and inside its transactions."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.integration.catalog.conftest import Catalog
from tests.integration.catalog.deaths import CALLS
from tests.support.eventually import eventually

from catalog.store import changes, former_items, item_groups, links, masters, products, undos, variants
from common.db.unit import Unit
from common.work.batch import Batch

STATEMENTS = {
    changes: ("changes",),
    former_items: ("adopted", "end", "find", "forget"),
    item_groups: ("parents_of_items",),
    links: ("end",),
    masters: ("as_stated",),
    products: ("find_all", "delete", "remove", "start_removal"),
    undos: ("save",),
    variants: ("lock",),
}
"""The statements of each module between which another request may come."""

BLOCKED = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


class Intrusion:
    """A request that is sent once, at the moment chosen. The work goes on when it is over, or waits for a lock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, catalog: Catalog) -> None:
        self._catalog = catalog
        self._left: int | None = None
        self._request: Callable[[], Awaitable[object]] | None = None
        self._sent: asyncio.Future[object] | None = None
        for module, names in (CALLS | STATEMENTS).items():
            for name in names:
                monkeypatch.setattr(module, name, self._around(getattr(module, name)))
        unit = Batch.unit

        @asynccontextmanager
        async def committed(batch: Batch) -> AsyncIterator[Unit]:
            async with unit(batch) as opened:
                yield opened
            await self._pass()

        monkeypatch.setattr(Batch, "unit", committed)

    def _around(self, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def stepped(*arguments: Any, **named: Any) -> Any:
            await self._pass()
            answer = await call(*arguments, **named)
            await self._pass()
            return answer

        return stepped

    def at(self, moment: int, request: Callable[[], Awaitable[object]]) -> None:
        """Send the request at this moment of what is done from now on."""
        self._left, self._request = moment, request

    async def over(self) -> None:
        """Send the request now if its moment did not come, and wait for its answer."""
        if self._request:
            await self._send()
        if self._sent:
            await self._sent

    async def _pass(self) -> None:
        if self._request is None or self._left is None:
            return
        self._left -= 1
        if self._left < 0:
            sent = await self._send()
            await eventually(lambda: self._is_over(sent), within=60)

    async def _send(self) -> "asyncio.Future[object]":
        assert self._request is not None
        request, self._request = self._request, None
        self._sent = asyncio.ensure_future(request())
        return self._sent

    async def _is_over(self, sent: "asyncio.Future[object]") -> bool:
        return sent.done() or bool(await self._catalog.fetch(BLOCKED))
