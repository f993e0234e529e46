"""A problem is open exactly while something waits for it, and its events are true."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from tests.integration.engine.conftest import MERCHANT, Engine

from common.contracts.problems import Code, ProblemClosed, ProblemOpened
from common.db.unit import Unit
from common.work import table
from common.work.row import Hold, Repeat, Retry, Row

T = TypeVar("T")
Happening = Callable[[Unit, str], Awaitable[object]]

KIND, KEYS = "push", "ab"
LONG = timedelta(days=1)
PROBLEMS = (Code.ORDER_TYPE_MISSING, Code.ORDER_REJECTED)


async def mark(unit: Unit, key: str) -> None:
    unit.mark(KIND, MERCHANT, key)


async def retry(unit: Unit, key: str) -> None:
    await table.retry(unit, MERCHANT, KIND, key)


async def drop(unit: Unit, key: str) -> None:
    await table.drop(unit, MERCHANT, KIND, key)


async def release(unit: Unit, key: str) -> None:
    await table.release(unit, MERCHANT, PROBLEMS[KEYS.index(key)])


keys = st.sampled_from(KEYS)
happenings = st.sampled_from([mark, retry, drop, release])
outcomes = st.lists(
    st.sampled_from([*PROBLEMS, "done", "recurs", "waits", "failed", "late", "dropped"]), min_size=2, max_size=2
)


class Waiting(RuleBasedStateMachine):
    """One merchant's work on real PostgreSQL: taken and ended in every way, while others mark, retry and drop it."""

    engine: Engine
    wait_for: Callable[[Awaitable[object]], object]

    def __init__(self) -> None:
        super().__init__()
        self.taken: Sequence[Row] = []
        self.run(self.engine.fetch("TRUNCATE work, problem, outbox, lease"))
        self.run(self.engine.fetch("INSERT INTO lease VALUES ($1, gen_random_uuid(), now())", MERCHANT))

    @initialize()
    def ask_for_all(self) -> None:
        self.change(*(partial(mark, key=key) for key in KEYS))

    def run(self, awaited: Awaitable[T]) -> T:
        return type(self).wait_for(awaited)  # type: ignore[return-value]

    def change(self, *steps: Callable[[Unit], Awaitable[object]]) -> None:
        async def unit() -> None:
            self.engine.clock.advance(1)
            async with self.engine.database.unit() as unit:
                for step in steps:
                    await step(unit)

        self.run(unit())

    @rule(said=outcomes)
    def work_undisturbed(self, said: list[str]) -> None:
        self.take()
        self.end(said)

    @rule(said=outcomes, key=keys, what=happenings)
    def work_while_something_happens(self, said: list[str], key: str, what: Happening) -> None:
        self.take()
        self.change(lambda unit: what(unit, key))
        self.end(said)
        released = PROBLEMS[KEYS.index(key)] if what is release else None
        ids = [row.id for row in self.taken]
        held = "SELECT FROM work WHERE held AND problem = $1 AND id = ANY($2)"
        assert not self.run(self.engine.fetch(held, released, ids))

    @rule(key=keys, what=happenings)
    def happen(self, key: str, what: Happening) -> None:
        self.change(lambda unit: what(unit, key))

    def take(self) -> None:
        async def due() -> list[Row]:
            async with self.engine.database.connection() as conn:
                return await table.due(conn, MERCHANT, self.engine.clock.now() + LONG, len(KEYS))

        self.taken = self.run(due())

    def end(self, said: list[str]) -> None:
        fared = list(zip(self.taken, said, strict=False))
        later = self.engine.clock.now() + LONG
        waits = {
            "waits": Retry(later),
            "failed": Retry(later, failed=True, reason="no answer"),
            "late": Retry(later, failed=True, problem=Code.CLOVER_UNREACHABLE),
        }
        done = [row for row, how in fared if how == "done"]
        recurring = [(row, Repeat(later)) for row, how in fared if how == "recurs"]
        dropped = [row for row, how in fared if how == "dropped"]
        waiting = [(row, waits[how]) for row, how in fared if how in waits]
        held = [(row, Hold(how)) for row, how in fared if isinstance(how, Code)]
        self.change(
            lambda unit: table.finish(unit, MERCHANT, KIND, done),
            lambda unit: table.drop_rows(unit, MERCHANT, KIND, dropped),
            lambda unit: table.repeat(unit, MERCHANT, KIND, recurring),
            lambda unit: table.postpone(unit, MERCHANT, KIND, waiting),
            lambda unit: table.hold(unit, MERCHANT, KIND, held),
        )

    @invariant()
    def each_problem_counts_what_waits_for_it(self) -> None:
        rows = self.run(self.engine.fetch("SELECT held, problem FROM work"))
        open_now = self.run(self.engine.fetch("SELECT code, waiting FROM problem"))

        waiting = Counter(row["problem"] for row in rows if row["problem"])
        assert {row["code"]: row["waiting"] for row in open_now} == waiting
        assert all(row["problem"] for row in rows if row["held"])

    @invariant()
    def events_add_up_to_the_open_problems(self) -> None:
        reported: dict[str, ProblemOpened] = {}
        for row in self.run(self.engine.fetch("SELECT type, body FROM outbox ORDER BY position")):
            if row["type"] == ProblemClosed.type:
                closed = ProblemClosed.decode(row["body"])
                assert reported.pop(closed.code).opened_at == closed.opened_at
                continue
            event = ProblemOpened.decode(row["body"])
            before = reported.get(event.code)
            assert before is None or (before.opened_at == event.opened_at and before.revision < event.revision)
            reported[event.code] = event
        open_now = self.run(self.engine.fetch("SELECT code, waiting, opened_at FROM problem"))
        assert {(each.code, each.waiting, each.opened_at) for each in reported.values()} == {
            tuple(row) for row in open_now
        }


@pytest.fixture
async def loop() -> asyncio.AbstractEventLoop:
    """The loop on which the engine lives; it rests while the test, which is not a coroutine, runs."""
    return asyncio.get_running_loop()


def test_problem_is_open_exactly_while_work_waits_under_it(engine: Engine, loop: asyncio.AbstractEventLoop) -> None:
    """In any sequence of outcomes, each problem counts its work, and the events add up to that count."""

    class Machine(Waiting):
        pass

    Machine.engine = engine
    Machine.wait_for = staticmethod(loop.run_until_complete)
    how = settings(stateful_step_count=12, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Machine, settings=how)
