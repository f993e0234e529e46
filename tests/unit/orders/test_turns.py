"""Orders that are pushed side by side take turns."""

import asyncio

import pytest
from tests.support.clock import breathe

from common.errors import Throttled
from orders.sync.turns import InOrder, Turns


async def test_blocks_of_one_name_run_one_at_a_time() -> None:
    """Blocks that share no name run side by side; those that share one of several wait."""
    turns, running, go = Turns(), list[str](), asyncio.Event()

    async def block(name: str, *names: str) -> None:
        async with turns.of(names):
            running.append(name)
            await go.wait()

    blocks = [
        asyncio.create_task(each)
        for each in (block("a", "mail", "phone"), block("b", "phone"), block("c", "phone", "mail"), block("d", "other"))
    ]
    await breathe()
    assert running == ["a", "d"]
    go.set()
    await asyncio.gather(*blocks)

    assert sorted(running) == ["a", "b", "c", "d"]


async def test_after_an_error_none_overtakes() -> None:
    """The later ones end with the same error, without running."""
    order, ran = InOrder(Throttled), list[int]()

    async def block(number: int) -> None:
        async with order.turn():
            ran.append(number)
            await asyncio.sleep(0)
            if number == 1:
                raise Throttled("slow")

    results = await asyncio.gather(*(block(number) for number in range(4)), return_exceptions=True)

    assert ran == [0, 1]
    assert results[0] is None
    assert [str(each) for each in results[1:]] == ["slow"] * 3


@pytest.mark.parametrize(("leaves", "ran"), [(False, [0]), (True, [0, 1, 2])])
async def test_a_head_start_bounds_the_wait(leaves: bool, ran: list[int]) -> None:
    """Once it is over the next block begins although the one before has not ended, still in order."""
    order, began, go = InOrder(), list[int](), asyncio.Event()

    async def block(number: int) -> None:
        async with order.turn() as turn:
            began.append(number)
            if leaves:
                turn.begin_head_start()
            await go.wait()

    blocks = [asyncio.create_task(block(number)) for number in range(3)]
    await breathe()
    assert began == ran
    go.set()
    await asyncio.gather(*blocks)

    assert began == [0, 1, 2]
