"""Urgent work comes before background work, which has the turns that its budget allows."""

import asyncio
from dataclasses import dataclass, field
from uuid import uuid4

from tests.integration.engine.conftest import Engine
from tests.integration.engine.test_due import end_turn, mark, take, worker
from tests.support.eventually import eventually

from common.db.unit import Priority
from common.work.batch import Batch


async def test_urgent_work_is_found_before_a_backlog_of_background_work(engine: Engine) -> None:
    """However many merchants wait for a sweep; a sweep has its turn when nothing urgent is due."""
    for number in range(30):
        await mark(engine, "all", merchant=f"SWEPT{number:08}", priority=Priority.BULK)
    engine.clock.advance(10)
    await mark(engine, "live", merchant="LIVE000000000", priority=Priority.LIVE)
    assert (await take(engine, limit=1)) == ["LIVE000000000"]
    assert (await take(engine, limit=1)) == ["SWEPT00000000"]


async def test_urgent_work_of_a_merchant_that_waits_for_its_sweep(engine: Engine) -> None:
    """A mark makes the merchant urgent, and the end of its turn makes it an ordinary one again."""
    merchants = [f"SWEPT{number:08}" for number in range(5)]
    for each in merchants:
        await mark(engine, "all", merchant=each, priority=Priority.BULK)
    engine.clock.advance(1)
    await mark(engine, "live", merchant=merchants[3], priority=Priority.NORMAL)
    token = uuid4()
    assert (await take(engine, token, limit=1)) == [merchants[3]]
    await engine.fetch("DELETE FROM work WHERE key = 'live' RETURNING 1")
    await end_turn(engine, token, merchants[3])
    assert sorted(await take(engine, limit=5)) == merchants
    assert await engine.fetch("SELECT 1 FROM due_merchant WHERE urgent_due_at < 'infinity'") == []


async def test_background_turns_are_as_many_as_the_budget_allows(engine: Engine) -> None:
    """The rest of the turns is kept for urgent work, and the merchants that come next are named to the budget."""
    for number in range(9):
        await mark(engine, "all", merchant=f"SWEPT{number:08}", priority=Priority.BULK)
    budget, over = FewTurns(), asyncio.Event()
    started: list[str] = []

    async def function(batch: Batch, _deps: object) -> None:
        started.append(batch.merchant_id)
        await over.wait()

    working = worker(engine, function, budget=budget)
    await working.poll()
    await mark(engine, "live", merchant="LIVE000000000")
    await working.poll()
    await eventually(lambda: len(started) == budget.background_turns() + 1)
    await working.poll()
    over.set()
    await working.run_until_idle()
    assert "LIVE000000000" in started[:3]
    assert budget.expected
    assert set(budget.expected) >= {f"SWEPT{number:08}" for number in range(9)}
    assert len(started) == 10


@dataclass
class FewTurns:
    """A budget for two background turns at once."""

    expected: list[str] = field(default_factory=list)

    def background_turns(self) -> int:
        return 2

    def expect(self, merchant_ids: list[str]) -> None:
        self.expected = self.expected or merchant_ids
