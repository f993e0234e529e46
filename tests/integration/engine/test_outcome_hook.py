"""The hook of a kind writes with the outcomes of its work, or not at all."""

from collections.abc import Mapping

from tests.integration.engine.conftest import MERCHANT, Engine
from tests.integration.engine.work import mark, rows
from tests.support.eventually import eventually

from common.contracts.problems import Code
from common.db.unit import Unit
from common.errors import Unavailable
from common.work.batch import Batch
from common.work.kind import Kind
from common.work.row import Hold, Outcome
from common.work.worker import Worker


async def test_the_outcome_hook_writes_with_the_outcomes(engine: Engine) -> None:
    """The hook is called once per batch, for every key; what it writes commits with the outcomes."""
    calls: list[dict[str, Outcome | None]] = []

    async def push(batch: Batch, _: object) -> None:
        batch.hold("b", Code.ORDER_REJECTED, "no")

    async def note(unit: Unit, merchant_id: str, outcomes: Mapping[str, Outcome | None]) -> None:
        calls.append(dict(outcomes))
        keys = [f"{merchant_id} {key}" for key, outcome in outcomes.items() if isinstance(outcome, Hold)]
        await unit.conn.execute("INSERT INTO noted (text) SELECT unnest($1::text[])", keys)

    await mark(engine, "a", "b", "c")
    kind = Kind("push", push, refused=Code.ORDER_REJECTED, on_outcomes=note)
    await Worker(engine.database, [kind], None, engine.metrics).run_until_idle()

    assert calls == [{"a": None, "b": Hold(Code.ORDER_REJECTED, "no"), "c": None}]
    assert await engine.noted() == [f"{MERCHANT} b"]
    assert [row["key"] for row in await rows(engine)] == ["b"]


async def test_a_failed_outcome_hook_leaves_no_outcome(engine: Engine) -> None:
    """When the hook's transaction is rolled back, neither its writes nor the outcomes remain."""

    async def push(_batch: Batch, _: object) -> None: ...

    async def note(unit: Unit, _merchant_id: str, _outcomes: Mapping[str, Outcome | None]) -> None:
        await unit.conn.execute("INSERT INTO noted (text) VALUES ('written')")
        raise Unavailable

    await mark(engine, "a")
    kind = Kind("push", push, refused=Code.ORDER_REJECTED, on_outcomes=note)
    running = Worker(engine.database, [kind], None, engine.metrics)
    await running.poll()
    await eventually(lambda: all(turn.done() for turn in running.turns.tasks.values()))  # one turn only

    assert await engine.noted() == []
    assert [row["key"] for row in await rows(engine)] == ["a"]


async def test_a_lost_lease_writes_neither_outcome_nor_hook(engine: Engine) -> None:
    """The hook of a worker whose lease went to another is not committed."""
    called = []

    async def push(batch: Batch, _: object) -> None:
        await engine.fetch("UPDATE lease SET token = gen_random_uuid() WHERE name = $1", batch.merchant_id)

    async def note(unit: Unit, _merchant_id: str, outcomes: Mapping[str, Outcome | None]) -> None:
        called.append(outcomes)
        await unit.conn.execute("INSERT INTO noted (text) VALUES ('written')")

    await mark(engine, "a")
    kind = Kind("push", push, refused=Code.ORDER_REJECTED, on_outcomes=note)
    running = Worker(engine.database, [kind], None, engine.metrics)
    await running.poll()
    await eventually(lambda: all(turn.done() for turn in running.turns.tasks.values()))  # one turn only

    assert called == []
    assert await engine.noted() == []
    assert [row["key"] for row in await rows(engine)] == ["a"]
