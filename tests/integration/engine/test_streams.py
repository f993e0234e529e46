"""A stream: keys side by side whose batch takes further due rows, so that calls stay in flight while there are some."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from tests.integration.engine.conftest import MERCHANT, Engine

from common.contracts.problems import Code
from common.db.unit import Priority
from common.errors import Again, Held, Unavailable
from common.work.batch import SIDE_BY_SIDE_SECONDS, Batch
from common.work.kind import Kind
from common.work.row import Hold
from common.work.slices import SLICE_SECONDS
from common.work.worker import TURN_SECONDS, Worker

BATCH = 4
OTHER = "MRCHNT0000002"


@dataclass
class Streaming:
    """A kind that pushes keys as a stream, four rows a batch, and one that runs whole batches."""

    engine: Engine
    log: list[str] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    act: dict[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)
    left_out: dict[str, Hold | None] = field(default_factory=dict)
    concurrency: int = 1

    async def push(self, batch: Batch, _: object) -> None:
        self.batches.append(batch)
        self.log.append("begin")

        async def prepare(keys: Sequence[str]) -> Sequence[str]:
            batch.outcomes |= {key: hold for key in keys if (hold := self.left_out.get(key))}
            return [key for key in keys if key not in self.left_out]

        async def push_one(key: str) -> None:
            self.log.append(key)
            if key in self.act:
                await self.act.pop(key)()

        keys = await prepare(batch.keys)
        await batch.for_each(
            keys, push_one, rejected=Code.ORDER_REJECTED, concurrency=lambda: self.concurrency, prepare=prepare
        )

    async def other(self, batch: Batch, _: object) -> None:
        self.log.extend(batch.keys)

    def worker(self, *, concurrency: int = 2) -> Worker:
        kinds = [
            Kind("push", self.push, refused=Code.ORDER_REJECTED, batch=BATCH),
            Kind("other", self.other, refused=Code.ORDER_REJECTED),
        ]
        return Worker(self.engine.database, kinds, None, self.engine.metrics, concurrency=concurrency)

    async def mark(self, *keys: str, kind: str = "push", priority: Priority = Priority.NORMAL) -> None:
        async with self.engine.database.unit() as unit:
            unit.mark(kind, MERCHANT, list(keys), priority=priority)

    async def left(self) -> list[Any]:
        return [(row["key"], row["held"]) for row in await self.engine.fetch("SELECT key, held FROM work ORDER BY key")]


@pytest.fixture
def stream(engine: Engine) -> Streaming:
    return Streaming(engine)


def keys(count: int) -> list[str]:
    return [f"{number:02}" for number in range(count)]


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_a_backlog_is_one_stream_in_its_sequence(stream: Streaming, concurrency: int) -> None:
    """Rows beyond the batch join it: the function runs once, each key once and in order, and nothing is left."""
    stream.concurrency = concurrency
    await stream.mark(*keys(30))
    await stream.worker().run_until_idle()

    assert stream.log == ["begin", *keys(30)]
    assert await stream.left() == []


async def test_outcomes_are_written_while_the_stream_goes_on(stream: Streaming) -> None:
    """When a later key runs, the first ones are done in the database: a crash repeats few of them."""
    seen: list[Any] = []

    async def look() -> None:
        seen.extend(await stream.left())

    await stream.mark(*keys(30))
    stream.act["15"] = look
    await stream.worker().run_until_idle()

    assert {("15", False), ("29", False)} <= set(seen)
    assert len(seen) <= 30 - 15 + BATCH
    assert stream.log.count("begin") == 1


async def test_outcomes_of_slow_keys_are_written_at_times(stream: Streaming) -> None:
    """A batch that has all its rows writes the outcomes of those that ended too, and what was marked since joins."""

    async def slow() -> None:
        await stream.mark("new")
        stream.engine.clock.advance(SIDE_BY_SIDE_SECONDS)

    seen: list[Any] = []

    async def look() -> None:
        seen.extend(await stream.left())

    await stream.mark("00", "01", "02", "03")
    stream.act = {"00": slow, "new": look}
    await stream.worker().run_until_idle()

    assert (stream.log, seen[-1]) == (["begin", "00", "01", "02", "03", "new"], ("new", False))
    assert ("00", False) not in seen


async def test_a_key_marked_during_its_push_is_pushed_again(stream: Streaming) -> None:
    """It joins the same stream once more."""
    await stream.mark(*keys(12))

    async def mark() -> None:
        await stream.mark("00")

    stream.act["00"] = mark
    await stream.worker().run_until_idle()

    assert stream.log.count("00") == 2
    assert await stream.left() == []


async def test_each_row_that_joins_gets_its_outcome(stream: Streaming) -> None:
    """One that `prepare` leaves out is done or has the outcome it gave; one that is refused is held alone."""

    async def refuse() -> None:
        raise Held(Code.TENDER_MISSING, "why")

    await stream.mark(*keys(12))
    stream.left_out = {"06": None, "07": Hold(Code.SKU_UNLINKED, "why")}
    stream.act["08"] = refuse
    await stream.worker().run_until_idle()

    assert stream.log == ["begin", *(key for key in keys(12) if key not in stream.left_out)]
    assert await stream.left() == [("07", True), ("08", True)]


async def test_a_stream_ends_for_the_kind_that_is_next(stream: Streaming) -> None:
    """Work of another kind that came first is not overtaken by what came later."""
    await stream.mark(*keys(6))
    stream.engine.clock.advance(1)
    await stream.mark("other", kind="other")
    stream.engine.clock.advance(1)
    await stream.mark("later", "latest")
    await stream.worker().run_until_idle()

    assert stream.log == ["begin", *keys(6), "other", "begin", "later", "latest"]


async def test_a_stream_ends_for_urgent_work_and_for_other_merchants(stream: Streaming) -> None:
    """Live work runs before the rest of the backlog; where merchants wait, the stream is over after a second."""

    async def urgent() -> None:
        stream.engine.clock.advance(SLICE_SECONDS)
        await stream.mark("live", kind="other", priority=Priority.LIVE)

    await stream.mark(*keys(20))
    stream.act["09"] = urgent
    await stream.worker().run_until_idle()
    assert stream.log.index("live") < stream.log.index("15")

    await stream.mark(*keys(20))
    async with stream.engine.database.unit() as unit:
        unit.mark("other", OTHER, "neighbour")

    async def long() -> None:
        stream.engine.clock.advance(TURN_SECONDS)

    stream.log.clear()
    stream.act["09"] = long
    working = stream.worker(concurrency=1)
    while await stream.engine.fetch("SELECT FROM work"):
        await working.run_until_idle()
    assert stream.log.index("neighbour") < stream.log.index("19")


@pytest.mark.parametrize("error", [Unavailable("down"), ZeroDivisionError("bug")])
async def test_after_a_failure_no_further_row_is_taken(stream: Streaming, error: Exception) -> None:
    """The next batch begins anew, with all that the function knows; what ended is not run again."""

    async def fail() -> None:
        raise error

    await stream.mark(*keys(30))
    stream.act["09"] = fail
    working = stream.worker()
    while await stream.left():
        await working.run_until_idle()
        stream.engine.clock.advance(60)

    assert stream.log.index("begin", 1) < stream.log.index("29")
    assert all(stream.log.count(key) == 1 for key in keys(6))
    assert set(keys(30)) <= set(stream.log)


async def test_a_key_that_asks_to_go_again_at_once_does(stream: Streaming) -> None:
    """Its outcome is written, and its row joins anew."""

    async def again() -> None:
        raise Again(timedelta(0))

    await stream.mark(*keys(12))
    stream.act["00"] = again
    await stream.worker().run_until_idle()

    assert stream.log.count("00") == 2
    assert stream.log.count("begin") == 1
