"""The machine's clock is set forward or back: no work waits for it, and none is done twice."""

from datetime import datetime, timedelta

from tests.integration.engine.conftest import MERCHANT, Engine, Noted
from tests.integration.engine.test_due import OTHER, mark, worker
from tests.support.eventually import eventually

from common.errors import Unavailable
from common.work.batch import Batch

DEAD_LETTER = """
INSERT INTO dead_letter (id, type, body, at, trace, attempts, due_at, reason)
VALUES (gen_random_uuid(), 'engine.noted.v1', '{}', now(), '', 1, $1, 'no reason')
"""


async def test_a_clock_that_goes_back_delays_no_new_work(engine: Engine) -> None:
    """After an hour back, what is marked runs at once, what failed before runs soon, and a cool-down lasts 30 s."""
    failing, done = [True], []

    async def push(batch: Batch, _: object) -> None:
        if failing:
            failing.clear()
            raise Unavailable
        done.extend(batch.keys)

    running = worker(engine, push)
    await mark(engine, "before")
    await engine.run(running.run, speed=1)
    await eventually(lambda: not failing)
    await eventually(lambda: engine.fetch("SELECT FROM due_merchant WHERE cools_until > '-infinity'"))
    engine.clock.correct(-timedelta(hours=1))
    await mark(engine, "after")
    await eventually(lambda: engine.fetch("SELECT FROM due_merchant WHERE cools_until < due_at + interval '31 s'"))
    engine.clock.advance(31)

    await eventually(lambda: sorted(done) == ["after", "before"])


async def test_a_clock_that_was_ahead_for_a_while_leaves_nothing_waiting(engine: Engine) -> None:
    """Rows marked, emitted or failed meanwhile are due soon, not when the clock is as late again."""
    done: list[str] = []

    async def push(batch: Batch, _: object) -> None:
        if batch.merchant_id == MERCHANT:
            done.extend(batch.keys)

    await engine.run(worker(engine, push).run, speed=1)
    await mark(engine, "before")
    await eventually(lambda: done == ["before"])
    engine.clock.correct(timedelta(days=300))
    await mark(engine, "probe", merchant=OTHER)
    await eventually(lambda: _is_done(engine, "probe"))  # the worker has seen the clock as it is now
    async with engine.database.unit() as unit:
        unit.mark("push", MERCHANT, "soon", due=unit.now + timedelta(seconds=40))
        unit.emit(Noted(merchant_id=MERCHANT, text="sent while the clock was ahead"))
    await engine.fetch(DEAD_LETTER, engine.clock.now() + timedelta(seconds=40))
    engine.clock.correct(-timedelta(days=300))
    await mark(engine, "after")

    soon = engine.clock.now() + timedelta(minutes=1)
    late = "SELECT due_at FROM work UNION ALL SELECT due_at FROM outbox UNION ALL SELECT due_at FROM dead_letter"
    await eventually(lambda: _all_before(engine, late, soon))
    engine.clock.advance(45)
    await eventually(lambda: sorted(done) == ["after", "before", "soon"])


async def _is_done(engine: Engine, key: str) -> bool:
    return not await engine.fetch("SELECT FROM work WHERE key = $1", key)


async def _all_before(engine: Engine, statement: str, moment: datetime) -> bool:
    return all(row["due_at"] < moment for row in await engine.fetch(statement))


async def test_a_clock_that_jumps_ahead_runs_everything_once(engine: Engine) -> None:
    """After a jump forward, what was to be done within that time is done, each key once."""
    done: list[str] = []

    async def push(batch: Batch, _: object) -> None:
        done.extend(batch.keys)

    for hours in range(3):
        await mark(engine, f"in {hours} hours", due=engine.clock.now() + timedelta(hours=hours))
    engine.clock.advance(timedelta(days=1))
    await worker(engine, push).run_until_idle()

    assert sorted(done) == ["in 0 hours", "in 1 hours", "in 2 hours"]
