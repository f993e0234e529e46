"""Long work runs in slices: it gives way to urgent work, shows how far it is, and goes on after a crash."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from tests.integration.engine.conftest import MERCHANT, Engine

from common.contracts.problems import Code
from common.db.unit import Priority
from common.errors import Again, Held, Unavailable
from common.work import run as runs
from common.work import table
from common.work.batch import Batch
from common.work.kind import Kind
from common.work.slices import SLICE_SECONDS, URGENT_SECONDS
from common.work.worker import Worker

PAGES = 6
RUNS = "SELECT cursor, done, total FROM work_run"


@dataclass
class Sweep:
    """A long sync function that reads six pages of two ids each, and notes all that is done in order."""

    engine: Engine
    version: int = 1
    log: list[str] = field(default_factory=list)
    shown: list[set[str]] = field(default_factory=list)
    on_page: Callable[[int], Awaitable[None]] | None = None

    async def __call__(self, batch: Batch, _: object) -> None:
        run = await batch.run("all", self.version)
        while (page := int(run.cursor or 0)) < PAGES:
            self.log.append(f"page {page}")
            if self.on_page is not None:
                await self.on_page(page)
            async with batch.unit() as unit:
                await run.save(unit, str(page + 1), [f"{page}-a", f"{page}-b"])
            if await batch.gives_way():
                return batch.more("all")
        everything = {f"{page}-{each}" for page in range(PAGES) for each in "ab"}
        async with batch.unit() as unit:
            self.shown.append(everything - set(await run.unshown(unit.conn, [*everything, "never shown"])))
        return None

    async def live(self, batch: Batch, _: object) -> None:
        self.log.extend(f"live {key}" for key in batch.keys)

    def worker(self) -> Worker:
        kinds = [Kind("live", self.live, refused=Code.ORDER_REJECTED), Kind("sweep", self, refused=Code.ORDER_REJECTED)]
        return Worker(self.engine.database, kinds, None, self.engine.metrics)

    async def mark(self) -> None:
        async with self.engine.database.unit() as unit:
            unit.mark("sweep", MERCHANT, "all", priority=Priority.BULK)

    async def mark_live(self, key: str) -> None:
        """Mark live work, at a time when a slice looks for it."""
        self.engine.clock.advance(URGENT_SECONDS)
        async with self.engine.database.unit() as unit:
            unit.mark("live", MERCHANT, key, priority=Priority.LIVE)

    def once(self, page: int, act: Callable[[], Awaitable[None]]) -> None:
        """Do this during the first reading of this page."""
        left = [act]

        async def on_page(reading: int) -> None:
            if reading == page and left:
                await left.pop()()

        self.on_page = on_page

    async def kill(self) -> None:
        """End this turn as a kill does: nothing more is written, and the lease expires."""
        await self.engine.fetch("UPDATE lease SET token = gen_random_uuid(), expires_at = now()")
        raise asyncio.CancelledError


@pytest.fixture
def sweep(engine: Engine) -> Sweep:
    return Sweep(engine)


def pages(*numbers: int) -> list[str]:
    return [f"page {each}" for each in numbers]


async def run_killed(worker: Worker) -> None:
    await worker.poll()
    await asyncio.gather(*worker.turns.tasks.values(), return_exceptions=True)  # the turn is cancelled


async def test_urgent_work_runs_between_two_slices(sweep: Sweep) -> None:
    """Live work that is marked during a page runs before the next page; the run then goes on where it was."""
    sweep.once(2, lambda: sweep.mark_live("sale"))
    await sweep.mark()
    await sweep.worker().run_until_idle()

    assert sweep.log == [*pages(0, 1, 2), "live sale", *pages(3, 4, 5)]
    assert await sweep.engine.fetch("SELECT FROM work") == []


async def test_a_slice_lasts_a_second(sweep: Sweep) -> None:
    """After a second the slice is over, and work of the same priority that was due already comes next."""
    engine = sweep.engine

    async def take_long(_: int) -> None:
        engine.clock.advance(SLICE_SECONDS / 2)

    sweep.on_page = take_long
    await sweep.mark()
    engine.clock.advance(0.1)
    async with engine.database.unit() as unit:
        unit.mark("live", MERCHANT, "also bulk", priority=Priority.BULK)
    await sweep.worker().run_until_idle()

    assert sweep.log == [*pages(0, 1), "live also bulk", *pages(2, 3, 4, 5)]


async def test_a_run_goes_on_from_its_cursor_after_a_crash(sweep: Sweep) -> None:
    """Only the page that was being read is read again, by another process, which knows the ids of all pages."""
    sweep.once(3, sweep.kill)
    await sweep.mark()
    await run_killed(sweep.worker())
    await sweep.worker().run_until_idle()

    assert sweep.log == pages(0, 1, 2, 3, 3, 4, 5)
    assert sweep.shown == [{f"{page}-{each}" for page in range(PAGES) for each in "ab"}]


async def test_a_run_goes_on_from_its_cursor_after_a_failure(sweep: Sweep) -> None:
    """A failure postpones the next slice; it does not start the run anew."""

    async def fail() -> None:
        raise Unavailable

    sweep.once(3, fail)
    await sweep.mark()
    for _ in range(2):
        await sweep.worker().run_until_idle()
        sweep.engine.clock.advance(60)

    assert sweep.log == pages(0, 1, 2, 3, 3, 4, 5)


async def test_a_mark_during_a_run_asks_for_another_run(sweep: Sweep) -> None:
    """The run goes on to its end, and a whole new one follows, because the change may concern pages already read."""

    async def mark() -> None:
        await sweep.mark()
        await sweep.mark_live("sale")  # so that the slice ends after the mark

    sweep.once(2, mark)
    await sweep.mark()
    await sweep.worker().run_until_idle()

    assert sweep.log == [*pages(0, 1, 2), "live sale", *pages(3, 4, 5), *pages(*range(PAGES))]
    assert [len(each) for each in sweep.shown] == [2 * PAGES, 2 * PAGES]


@pytest.mark.parametrize("stop", [Held(Code.CONNECTION_LOST), Again(timedelta(minutes=1))])
async def test_a_run_that_was_marked_can_be_held_and_postponed(sweep: Sweep, stop: Exception) -> None:
    """The mark asks for another run after this one; it does not repeat at once what was refused after the mark."""

    async def on_page(page: int) -> None:
        if page == 1 and sweep.log.count("page 1") == 1:
            await sweep.mark()
            await sweep.mark_live("sale")  # so that the slice ends after the mark
        if page == 2 and sweep.log.count("page 2") < 5:
            raise stop

    sweep.on_page = on_page
    await sweep.mark()
    await sweep.worker().run_until_idle()

    assert sweep.log == [*pages(0, 1), "live sale", *pages(2)]
    [row] = await sweep.engine.fetch("SELECT held, due_at FROM work")
    assert row["held"] == isinstance(stop, Held)


async def test_a_cursor_of_another_version_starts_the_run_anew(sweep: Sweep) -> None:
    """After an upgrade or a roll-back whose cursors have another form, the run begins at its first page."""
    sweep.once(3, sweep.kill)
    await sweep.mark()
    await run_killed(sweep.worker())
    sweep.version = 2
    await sweep.worker().run_until_idle()

    assert sweep.log == pages(0, 1, 2, 3, *range(PAGES))
    assert [len(each) for each in sweep.shown] == [2 * PAGES]


async def test_work_removed_and_requested_again_starts_anew(sweep: Sweep) -> None:
    """A cursor belongs to one row of work, so another row of the same key begins at the first page."""
    sweep.once(3, sweep.kill)
    await sweep.mark()
    await run_killed(sweep.worker())
    await sweep.engine.fetch("DELETE FROM work")
    await sweep.mark()
    await sweep.worker().run_until_idle()

    assert sweep.log == pages(0, 1, 2, 3, *range(PAGES))


async def test_a_merchant_removed_during_a_slice_is_skipped(sweep: Sweep) -> None:
    """When all rows of the merchant are deleted during a page, the slice ends without an error and leaves nothing."""
    engine = sweep.engine

    async def remove() -> None:
        for name in ("work_run", "work", "due_merchant", "merchant"):
            await engine.fetch(f"DELETE FROM {name}")  # noqa: S608 - names from above

    sweep.once(2, remove)
    await sweep.mark()
    await sweep.worker().run_until_idle()

    for name in ("work_run", "work_run_page", "work", "due_merchant"):
        assert await engine.fetch(f"SELECT FROM {name}") == [], name


async def test_runs_of_removed_work_are_forgotten(sweep: Sweep) -> None:
    """A run whose work was deleted goes with its pages; one whose work waits stays."""
    engine = sweep.engine
    sweep.once(1, sweep.kill)
    await sweep.mark()
    await run_killed(sweep.worker())
    async with engine.database.connection() as conn:
        await runs.forget(conn)
        assert len(await engine.fetch("SELECT FROM work_run_page")) == 1
        await engine.fetch("DELETE FROM work")
        await runs.forget(conn)
    assert await engine.fetch("SELECT FROM work_run_page") == []


async def test_the_next_run_estimates_its_total_by_the_last(sweep: Sweep) -> None:
    """A first run has no total; the number of things it did is the estimate for the second."""
    seen: list[tuple[Any, ...]] = []

    async def look() -> None:
        seen.extend(tuple(row) for row in await sweep.engine.fetch(RUNS))

    for _ in range(2):
        sweep.once(1, look)
        await sweep.mark()
        await sweep.worker().run_until_idle()
        await sweep.mark_live("the row of the run stays")
        sweep.engine.clock.advance(1)

    assert seen == [("1", 2, None), ("1", 2, 12)]


async def test_keys_side_by_side_end_with_the_slice(engine: Engine) -> None:
    """While other merchants wait it ends after a second; what was not started stays due, and each is done once."""
    done: list[str] = []
    batches: list[int] = []

    async def push(batch: Batch, _: object) -> None:
        async def push_one(key: str) -> None:
            engine.clock.advance(SLICE_SECONDS / 4)
            done.append(key)

        batches.append(len(batch.keys))
        await batch.for_each(batch.keys, push_one, rejected=Code.ORDER_REJECTED, concurrency=lambda: 1)

    async with engine.database.unit() as unit:
        unit.mark("push", MERCHANT, [str(each) for each in range(10)])
    working = Worker(
        engine.database, [Kind("push", push, refused=Code.ORDER_REJECTED)], None, engine.metrics, concurrency=1
    )
    while await engine.fetch("SELECT FROM work"):
        await working.run_until_idle()

    assert sorted(done, key=int) == [str(each) for each in range(10)]
    assert len(batches) > 1


@pytest.mark.parametrize("seed", range(6))
async def test_any_crashes_failures_and_marks_leave_no_page_unread(sweep: Sweep, seed: int) -> None:
    """After the last mark every page is read, and each crash or failure repeats one page at most."""
    random, troubles = Random(seed), 8
    marks = 1

    async def trouble(_: int) -> None:
        nonlocal troubles, marks
        if not troubles or random.random() < 0.6:
            return
        troubles -= 1
        match random.choice(["kill", "fail", "mark", "live"]):
            case "kill":
                await sweep.kill()
            case "fail":
                raise Unavailable
            case "mark":
                await sweep.mark()
                sweep.log.append("marked")
                marks += 1
            case "live":
                await sweep.mark_live("sale")

    sweep.on_page = trouble
    await sweep.mark()
    while await sweep.engine.fetch("SELECT FROM work"):
        await run_killed(sweep.worker())
        sweep.engine.clock.advance(120)

    last = len(sweep.log) - 1 - sweep.log[::-1].index("marked") if "marked" in sweep.log else -1
    assert set(pages(*range(PAGES))) <= set(sweep.log[last + 1 :])
    assert len([each for each in sweep.log if each.startswith("page")]) <= PAGES * marks + 8
    assert all(len(each) == 2 * PAGES for each in sweep.shown)


async def test_progress_is_listed(sweep: Sweep) -> None:
    """A list of work shows how far a run is while it is under way, and nothing before and after."""
    engine = sweep.engine

    async def listed() -> list[tuple[Any, ...]]:
        async with engine.database.connection() as conn:
            rows = await table.listed(
                conn, MERCHANT, engine.clock.now(), state=None, kind=None, problem=None, after=0, limit=9
            )
        return [(row["done"], row["total"], row["started_at"]) for row in rows]

    await sweep.mark()
    assert await listed() == [(None, None, None)]
    sweep.once(2, sweep.kill)
    await run_killed(sweep.worker())
    assert await listed() == [(4, None, engine.clock.now())]
