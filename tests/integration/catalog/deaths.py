"""Deaths of the process at chosen moments: before and after each commit and each call to Clover."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from tests.integration.catalog.conftest import Catalog

from catalog.clover import item_groups, items
from common.db.unit import Unit
from common.work import batch as work_batch

CALLS = {
    items: (
        *("create_item", "create_items", "update_item", "update_items", "find_item", "find_items"),
        *("delete_item", "delete_items"),
    ),
    item_groups: (
        *("create_group", "create_attribute", "create_option", "rename_group"),
        *("read_group", "groups_named", "options_of_items", "tie_options", "untie_options"),
    ),
}
"""The calls of each module that products need."""


class Killed(BaseException):
    """The process died."""


class Moments:
    """The moments at which a process may die: before and after each commit and each call. It dies at one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left: int | None = None
        for module, names in CALLS.items():
            for name in names:
                monkeypatch.setattr(module, name, self._around(getattr(module, name)))
        unit = work_batch.Batch.unit

        @asynccontextmanager
        async def committed(batch: work_batch.Batch) -> AsyncIterator[Unit]:
            self._pass()
            async with unit(batch) as opened:
                yield opened
            self._pass()

        monkeypatch.setattr(work_batch.Batch, "unit", committed)

    def _around(self, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def stepped(*arguments: Any) -> Any:
            self._pass()
            answer = await call(*arguments)
            self._pass()
            return answer

        return stepped

    def _pass(self) -> None:
        """Die at the moment chosen, and at every later one, as nothing of a dead process goes on."""
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Killed


async def die_at(catalog: Catalog, moments: Moments, left: int) -> None:
    """Work until the process dies at this moment, or until nothing is due; then a new process takes over."""
    moments.left = left
    with suppress(Killed, BaseExceptionGroup):
        await catalog.run_until_idle()
    turns = [task for task in asyncio.all_tasks() if task.get_name().startswith("work for ")]
    for turn in turns:
        turn.cancel()
    await asyncio.gather(*turns, return_exceptions=True)
    moments.left = None
    catalog.new_worker()
