"""Group commit."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from common.db import group_commit
from common.db.group_commit import LARGEST_GROUP, MOST_GROUPS, GroupCommit
from common.errors import Unavailable


class Writer:
    """Writes each group once the test allows it; fails groups that hold `bad`."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.go_on = asyncio.Event()
        self.given_back = asyncio.Event()
        self.given_back.set()
        self.grouped = GroupCommit(self.connection, self.write)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[None]:
        yield
        await self.given_back.wait()

    async def write(self, _: None, items: Sequence[str]) -> None:
        self.groups.append(list(items))
        await self.go_on.wait()
        if "bad" in items:
            raise Unavailable("no")

    async def add(self, *items: str) -> asyncio.Task[None]:
        """Begin to add, as far as it goes by itself."""
        task = asyncio.create_task(self.grouped.add(items))
        for _ in range(3):
            await asyncio.sleep(0)
        return task


async def test_items_during_a_write_share_the_next_group() -> None:
    """The first item is written at once; the following ones are written together."""
    writer = Writer()
    tasks = [await writer.add(each) for each in "abc"]
    writer.go_on.set()
    await asyncio.gather(*tasks)

    assert writer.groups == [["a"], ["b", "c"]]


async def test_add_returns_after_the_write() -> None:
    """An item that is not written yet is not reported as written."""
    writer = Writer()
    task = await writer.add("a")

    assert not task.done()
    writer.go_on.set()
    await task


async def test_no_caller_waits_until_the_connection_is_given_back() -> None:
    """The items are committed by then, and the next group waits instead."""
    writer = Writer()
    writer.given_back.clear()
    writer.go_on.set()
    await (await writer.add("a"))
    behind = await writer.add("b")

    assert not behind.done()
    writer.given_back.set()
    await behind


async def test_failure_affects_its_own_group_only() -> None:
    """The callers of a failed group get its error; later callers do not."""
    writer = Writer()
    first, bad, beside = [await writer.add(each) for each in ("a", "bad", "b")]
    writer.go_on.set()
    results = await asyncio.gather(first, bad, beside, return_exceptions=True)
    await (await writer.add("c"))

    assert [type(each) for each in results] == [type(None), Unavailable, Unavailable]


async def test_cancelled_caller_does_not_affect_its_group() -> None:
    """A caller that is cancelled while it waits changes nothing for the others."""
    writer = Writer()
    _, leaving, staying = [await writer.add(each) for each in "abc"]
    leaving.cancel()
    writer.go_on.set()
    await staying

    assert writer.groups[1] == ["b", "c"]


async def test_an_interrupted_write_is_no_success() -> None:
    """When the write itself is cancelled, no caller gets a success."""
    writer = Writer()
    task = await writer.add("a")
    [writing] = [each for each in asyncio.all_tasks() if each.get_name() == "group commit"]
    writing.cancel()

    with pytest.raises(Unavailable):
        await task


async def test_waiting_items_are_bounded() -> None:
    """Beyond four full groups callers get Unavailable at once."""
    writer = Writer()
    full = ["x"] * LARGEST_GROUP
    tasks = [await writer.add(*full) for _ in range(MOST_GROUPS + 1)]
    with pytest.raises(Unavailable):
        await writer.grouped.add(["one more"])

    writer.go_on.set()
    await asyncio.gather(*tasks)


async def test_callers_of_every_group_are_refused_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """While nothing can be written, neither the group being written nor the one behind it waits without end."""
    monkeypatch.setattr(group_commit, "WRITE_SECONDS", 0.01)
    writer = Writer()
    first, behind = [await writer.add(each) for each in "ab"]
    results = await asyncio.gather(first, behind, return_exceptions=True)

    assert [type(each) for each in results] == [Unavailable, Unavailable]
