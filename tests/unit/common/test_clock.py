"""The tests' clock wakes sleepers when their moment has come, and not before."""

import asyncio

import pytest
from tests.support.clock import FakeClock

from common.clock import Clock, SystemClock


async def test_a_sleeper_wakes_when_its_moment_has_come() -> None:
    """Advancing short of the moment changes nothing; reaching it ends the sleep."""
    clock = FakeClock()
    sleeper = asyncio.create_task(clock.sleep(10))
    await asyncio.sleep(0)

    clock.advance(9)
    await asyncio.sleep(0)
    assert not sleeper.done()

    clock.advance(1)
    await sleeper
    assert clock.sleepers == 0


async def test_a_timeout_ends_its_block_when_the_clock_passes_it() -> None:
    """The block is cancelled and raises TimeoutError, as with asyncio.timeout."""
    clock = FakeClock()

    async def wait() -> None:
        async with clock.timeout(5):
            await asyncio.Event().wait()

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    clock.advance(5)

    with pytest.raises(TimeoutError):
        await waiting
    assert clock.sleepers == 0


async def test_a_block_that_ends_in_time_is_left_alone() -> None:
    """Time that passes afterwards does not reach it."""
    clock = FakeClock()
    async with clock.timeout(5):
        clock.advance(4)
    assert clock.sleepers == 0
    clock.advance(4)
    await asyncio.sleep(0)


@pytest.mark.parametrize("clock", [FakeClock(), SystemClock()])
async def test_no_time_left_ends_the_block_at_its_first_wait(clock: Clock) -> None:
    """A timeout of zero seconds does not wait for the clock to be advanced."""
    with pytest.raises(TimeoutError):
        async with clock.timeout(0):
            await asyncio.Event().wait()
