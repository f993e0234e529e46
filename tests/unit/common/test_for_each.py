"""The keys of a batch side by side, and the outcome that each error gives its key."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, cast
from uuid import uuid4

import pytest
from tests.support.clock import FakeClock, breathe

from common.contracts.problems import Code
from common.db.database import Database
from common.db.lease import LeaseLost
from common.errors import Again, AllAgain, Ambiguous, Forbidden, Held, Rejected, Throttled, Unavailable
from common.work.batch import KEYS_A_CALL, SIDE_BY_SIDE_SECONDS, Batch
from common.work.row import Hold, NotStarted, Retry, Row


def batch_of(*keys: str) -> Batch:
    rows = [Row(number, "push", key, 1, 0, None, "") for number, key in enumerate(keys)]
    database = cast("Database", type("Timed", (), {"clock": FakeClock()})())
    return Batch("MRCHNT0000001", rows, database, uuid4())


def failing(errors: dict[str, Exception]) -> Callable[[str], Awaitable[None]]:
    async def push_one(key: str) -> None:
        if key in errors:
            raise errors[key]

    return push_one


async def run(batch: Batch, push_one: Callable[[str], Awaitable[None]], concurrency: int = 1) -> None:
    await batch.for_each(batch.keys, push_one, rejected=Code.ORDER_REJECTED, concurrency=lambda: concurrency)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Held(Code.TENDER_MISSING, "why"), Hold(Code.TENDER_MISSING, "why")),
        (Rejected("no"), Hold(Code.ORDER_REJECTED, "no")),
        (Again(timedelta(seconds=3)), Retry(FakeClock().now() + timedelta(seconds=3))),
    ],
    ids=["held", "rejected", "again"],
)
async def test_an_error_becomes_the_outcome_of_its_key(error: Exception, outcome: Any) -> None:
    """The other keys are done."""
    batch = batch_of("a", "bad", "c")
    await run(batch, failing({"bad": error}))

    assert batch.outcomes == {"bad": outcome}


@pytest.mark.parametrize("error", [Unavailable("down"), Ambiguous("lost")])
async def test_a_failed_key_is_retried(error: Exception) -> None:
    """It counts as a failed attempt with its reason."""
    batch = batch_of("a", "bad")
    await run(batch, failing({"bad": error}))

    [(key, outcome)] = batch.outcomes.items()
    assert isinstance(outcome, Retry)
    assert (key, outcome.failed, outcome.reason) == ("bad", True, str(error))


@pytest.mark.parametrize(
    "error",
    [LeaseLost("lost"), Throttled("slow"), Forbidden("no"), AllAgain(timedelta(0)), ZeroDivisionError("bug")],
)
async def test_an_error_of_all_keys_starts_no_further_key(error: Exception) -> None:
    """The keys under way end, as a call that is cancelled would be in doubt; then the error is raised."""
    batch, began, ended, go = (
        batch_of("bad", *["slow"] * (KEYS_A_CALL - 1), "never"),
        list[str](),
        list[str](),
        asyncio.Event(),
    )

    async def push_one(key: str) -> None:
        began.append(key)
        await asyncio.sleep(0)
        if key == "bad":
            raise error
        await go.wait()
        ended.append(key)

    running = asyncio.create_task(run(batch, push_one))
    await breathe()
    go.set()
    with pytest.raises(type(error)) as raised:
        await running

    assert raised.value is error
    assert (began, ended) == (["bad", *["slow"] * (KEYS_A_CALL - 1)], ["slow"] * (KEYS_A_CALL - 1))


async def test_keys_that_succeeded_are_done_although_another_key_stops_the_batch() -> None:
    """Their calls are not repeated."""
    batch = batch_of(*"abc")
    with pytest.raises(Throttled):
        await run(batch, failing({"c": Throttled()}))

    assert batch.done == {"a", "b"}


async def test_keys_start_in_order_and_side_by_side() -> None:
    """A key that takes long holds up none but the place it has."""
    keys = [str(number) for number in range(20)]
    batch, began, go = batch_of(*keys), list[str](), asyncio.Event()

    async def push_one(key: str) -> None:
        began.append(key)
        if key == "0":
            await go.wait()
        await asyncio.sleep(0)
        if key == "19":
            go.set()

    await run(batch, push_one, concurrency=2)

    assert began == keys


async def test_no_more_keys_are_under_way_than_the_calls_allow() -> None:
    """Some more keys than calls: while some write to the database, others call."""
    batch, under_way, most = batch_of(*map(str, range(50))), 0, 0

    async def push_one(_: str) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1

    await run(batch, push_one, concurrency=3)

    assert most == KEYS_A_CALL * 3


async def test_a_cancelled_batch_leaves_no_task_behind() -> None:
    """When the turn is cancelled, the keys under way are cancelled with it."""
    batch, cancelled = batch_of(*"abcd"), list[str]()

    async def push_one(key: str) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(key)
            raise

    running = asyncio.create_task(run(batch, push_one, concurrency=2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert sorted(cancelled) == list("abcd")


async def test_keys_that_were_not_started_keep_their_place() -> None:
    """A slice that is over starts no further key and moves none behind those that came later."""
    batch = batch_of("a", "b", "c", "d")
    batch.is_crowded = lambda: True

    async def push_one(_key: str) -> None:
        batch.database.clock.advance(2)  # type: ignore[attr-defined]
        await asyncio.sleep(0)

    await run(batch, push_one)
    assert batch.outcomes == dict.fromkeys("bcd", NotStarted())


async def test_a_stream_ends_after_a_failure_like_a_batch() -> None:
    """It lasts no longer than keys that are no stream, so that the next batch begins with fresh knowledge."""
    batch = batch_of("bad", *(str(number) for number in range(10)))

    async def push_one(key: str) -> None:
        if key == "bad":
            raise Unavailable("down")
        batch.database.clock.advance(SIDE_BY_SIDE_SECONDS)  # type: ignore[attr-defined]

    async def prepare(keys: Sequence[str]) -> Sequence[str]:
        return keys

    await batch.for_each(batch.keys, push_one, rejected=Code.ORDER_REJECTED, concurrency=lambda: 1, prepare=prepare)

    assert batch.outcomes["9"] == NotStarted()


async def test_a_slice_that_was_spent_on_reading_makes_one_write() -> None:
    """Where calls are scarce, one read lasts longer than a slice; it would be made again for ever."""
    batch = batch_of("a", "b")
    clock = cast("FakeClock", batch.database.clock)
    batch.is_crowded = lambda: True
    clock.advance(SIDE_BY_SIDE_SECONDS)
    await run(batch, failing({}))
    assert batch.done == {"a"}
    assert batch.outcomes == {"b": NotStarted()}
