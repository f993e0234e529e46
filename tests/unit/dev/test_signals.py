"""Tests that a signal ends the running work."""

import asyncio
import os
import signal

from quicksync_dev.signals import until_signalled
from quicksync_dev.waiting import together


async def fail() -> None:
    raise LookupError("the port is taken")


async def test_a_signal_ends_work_that_survived_a_failure() -> None:
    """A start that was repeated after a failed component can still be stopped."""

    async def work() -> None:
        try:
            await together(fail(), asyncio.Event().wait())
        except LookupError:
            os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.Event().wait()

    async with asyncio.timeout(5):
        assert not await until_signalled(work())


async def test_a_second_signal_does_not_interrupt_the_stop() -> None:
    """The cleanup runs to its end."""
    stopped = False

    async def work() -> None:
        nonlocal stopped
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.Event().wait()
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.to_thread(lambda: None))
            stopped = True

    async with asyncio.timeout(5):
        assert not await until_signalled(work())
    assert stopped
