"""Supervision continues after any error and treats each component alone."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from tests.support.eventually import eventually
from tests.support.waiting import waiting

from quicksync_dev.supervision import Supervisor


class Ailing:
    """A dead component that starts at the `tries`-th attempt."""

    pid = None

    def __init__(self, name: str, tries: int) -> None:
        self.name = name
        self.tries = tries

    async def alive(self) -> bool:
        return self.tries <= 0

    async def start(self) -> None:
        self.tries -= 1
        if self.tries > 0:
            raise OSError("no room left")

    async def stop(self) -> None: ...
    async def kill(self) -> None: ...


@pytest.fixture
async def look_after(lines: list[str]) -> AsyncIterator[Callable[..., None]]:
    """Supervises components until the end of the test."""
    watches: list[asyncio.Task[None]] = []

    def begin(*components: Ailing) -> None:
        supervisor = Supervisor({component.name: component for component in components}, lines.append, lambda: None)
        watches.append(asyncio.create_task(supervisor.watch()))

    yield begin
    for watch in watches:
        watch.cancel()


async def test_a_start_that_fails_unexpectedly_is_reported_and_retried(
    look_after: Callable[..., None], lines: list[str]
) -> None:
    """No error ends the watch."""
    look_after(Ailing("orders", tries=2))

    await eventually(lambda: "orders: restarted" in lines)

    assert lines.count("orders: no room left") == 1


async def test_a_broken_component_delays_no_other(look_after: Callable[..., None], lines: list[str]) -> None:
    """A component that dies meanwhile is restarted at once."""
    catalog = Ailing("catalog", tries=0)
    look_after(Ailing("orders", tries=1000), catalog)
    await eventually(lambda: lines.count("orders: no room left") == 2)

    catalog.tries = 1
    async with waiting() as waited:
        await eventually(lambda: "catalog: restarted" in lines)
    assert waited.seconds < 0.5
