"""Each message has its effect once, and only the bad one suffers."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Literal

import pytest
from tests.integration.engine.conftest import MERCHANT, Engine, Noted, message
from tests.support.eventually import eventually

from common.contracts.envelope import Event
from common.db.inbox import BUG_ATTEMPTS, LARGEST_BODY, Inbox
from common.db.unit import Unit
from common.errors import Conflict, Invalid, TimedOut, Unavailable
from common.ids import uuid7
from common.telemetry import tracing


async def test_a_message_delivered_twice_has_its_effect_once(engine: Engine) -> None:
    """The inbox skips a redelivery by its id, in the same batch and in a later one."""
    inbox, twice = engine.inbox(), message("a")
    await inbox.take([twice, twice, message("b")])
    await inbox.take([twice])

    assert await engine.noted() == ["a", "b"]


async def test_two_replicas_given_the_same_message_apply_it_once(engine: Engine) -> None:
    """Concurrent deliveries of one message have one effect."""
    same = message("a")
    await asyncio.gather(*(engine.inbox().take([same]) for _ in range(8)))

    assert await engine.noted() == ["a"]


async def test_what_a_batch_gathers_is_applied_once(engine: Engine) -> None:
    """A hundred events of one merchant cost one application, whose marks and traces are those of the batch."""
    applied: list[tuple[str, list[str], str]] = []

    async def apply(unit: Unit, merchant_id: str, given: Sequence[str]) -> None:
        applied.append((merchant_id, list(given), tracing.trace_id()))
        unit.mark("push", merchant_id, given)

    async def gather(event: Noted, unit: Unit) -> None:
        unit.gather(apply, event.merchant_id, event.text)

    engine.on_noted = gather
    trace = "0af7651916cd43dd8448eb211c80319c"
    first = replace(message("a"), trace=f"00-{trace}-b7ad6b7169203331-01")
    await engine.inbox().take([first, message("b"), message("c")])

    assert applied == [(MERCHANT, ["a", "b", "c"], trace)]
    assert [row["key"] for row in await engine.fetch("SELECT key FROM work ORDER BY key")] == ["a", "b", "c"]


async def test_one_bad_message_does_not_block_the_others(engine: Engine) -> None:
    """In a batch with a message that cannot be handled, all others have their effect at once."""
    bad = message("bad", body=b'{"merchant_id": "MRCHNT0000001", "text": 7}')
    await engine.inbox().take([message("a"), bad, message("b")])

    assert await engine.noted() == ["a", "b"]
    [parked] = await engine.fetch("SELECT id, due_at, reason FROM dead_letter")
    assert parked["id"] == bad.id
    assert parked["due_at"] is None
    assert "text (string_type)" in parked["reason"]


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        ({"body": b"{"}, "body (json_invalid)"),
        ({"body": b"\xff\xfe"}, "json_invalid"),
        ({"body": b'{"merchant_id": "x", "text": "a"}'}, "merchant_id"),
        ({"body": b" " * (LARGEST_BODY + 1)}, "more than"),
    ],
)
async def test_undecodable_message_is_a_dead_letter_with_its_reason(
    engine: Engine, part: dict[str, object], reason: str
) -> None:
    """A message that cannot be decoded waits for a person, names the field, and changes nothing."""
    await engine.inbox().take([message("a", **part)])

    [parked] = await engine.fetch("SELECT due_at, reason FROM dead_letter")
    assert reason in parked["reason"]
    assert parked["due_at"] is None
    assert await engine.noted() == []


async def test_transient_failure_is_retried_after_a_delay(engine: Engine) -> None:
    """A message whose handler fails for now is retried at its due time, and then deleted."""
    inbox, failures = engine.inbox(), [Conflict()] * 9

    async def fail_first(_: Event, __: Unit) -> None:
        if failures:
            raise failures.pop()

    engine.on_noted = fail_first
    await inbox.take([message("a")])
    assert not await inbox.retry_next()

    for _ in range(20):
        engine.clock.advance(300)
        await inbox.retry_next()
    assert await engine.noted() == ["a"]
    assert await engine.fetch("SELECT FROM dead_letter") == []


async def test_message_that_is_always_too_slow_does_not_block_the_others(engine: Engine) -> None:
    """A message whose statement always times out is postponed, in its batch and among the dead letters."""
    inbox = engine.inbox()

    async def too_slow(event: Noted, _: Unit) -> None:
        if event.text == "slow":
            raise TimedOut

    engine.on_noted = too_slow
    await inbox.take([message("a"), message("slow"), message("b")])
    assert await engine.noted() == ["a", "b"]
    engine.clock.advance(2)
    assert await inbox.retry_next()
    assert not await inbox.retry_next()
    [parked] = await engine.fetch("SELECT due_at, attempts FROM dead_letter")
    assert parked["due_at"] > engine.clock.now()
    assert parked["attempts"] == 2


async def test_waiting_retry_does_not_block_the_next(engine: Engine) -> None:
    """A dead letter with a long delay does not block one that is due."""
    inbox = engine.inbox()
    await engine.fetch("SELECT 1")
    async with engine.database.connection() as conn:
        for text, seconds in (("slow", 600), ("quick", 1)):
            parked = message(text)
            await conn.execute(
                "INSERT INTO dead_letter"
                " VALUES ($1, $2, $3, $4, '', 1, $4::timestamptz + make_interval(secs => $5), '')",
                parked.id, parked.type, parked.body, parked.at, float(seconds),
            )  # fmt: skip
    engine.clock.advance(2)

    assert await inbox.retry_next()
    assert not await inbox.retry_next()
    assert await engine.noted() == ["quick"]


async def test_bug_is_retried_a_few_times_then_waits_for_a_person(engine: Engine) -> None:
    """An unexpected error becomes a dead letter with its place in the code and none of its values."""
    inbox = engine.inbox()

    async def stumble(event: Noted, _: Unit) -> None:
        raise KeyError(f"secret {event.text}")

    engine.on_noted = stumble
    await inbox.take([message("a")])
    for _ in range(BUG_ATTEMPTS):
        engine.clock.advance(400)
        await inbox.retry_next()

    [parked] = await engine.fetch("SELECT due_at, attempts, reason FROM dead_letter")
    assert parked["due_at"] is None
    assert parked["attempts"] == BUG_ATTEMPTS
    assert "KeyError at" in parked["reason"]
    assert "secret" not in parked["reason"]


async def test_permanent_failure_is_not_retried(engine: Engine) -> None:
    """A permanent refusal becomes a dead letter that waits for a person."""
    tries = []

    async def refuse(event: Noted, _: Unit) -> None:
        tries.append(event.text)
        raise Invalid.field("text", "is not wanted", "Send another.")

    engine.on_noted = refuse
    await engine.inbox().take([message("a")])

    assert len(tries) == 2  # once in the batch, once alone
    [parked] = await engine.fetch("SELECT due_at FROM dead_letter")
    assert parked["due_at"] is None


async def test_unavailable_database_creates_no_dead_letter(engine: Engine) -> None:
    """While the database is unavailable the whole batch is returned, to be handled later."""

    async def vanish(_: Event, __: Unit) -> None:
        raise Unavailable

    engine.on_noted = vanish
    with pytest.raises(Unavailable):
        await engine.inbox().take([message("a"), message("b")])
    engine.on_noted = None

    assert await engine.fetch("SELECT FROM dead_letter") == []
    await engine.inbox().take([message("c", id=uuid7())])
    assert await engine.noted() == ["c"]


async def test_a_batch_is_handled_merchant_by_merchant(engine: Engine) -> None:
    """The batches of two replicas lock their merchants in one order, so that they do not deadlock."""
    other = "MRCHNT0000000"
    others = [message(text, body=Noted(merchant_id=other, text=text).model_dump_json().encode()) for text in "yz"]
    await engine.inbox().take([message("a"), others[0], message("b"), others[1]])

    assert engine.handled == ["y", "z", "a", "b"]


async def test_message_ids_are_kept_for_two_weeks(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The id of a message outlives every redelivery, and is deleted after that."""
    monkeypatch.setattr("common.db.inbox.FORGET_AT_ONCE", 1)
    inbox = engine.inbox()
    await inbox.take([message("old"), message("new")])
    await engine.fetch("UPDATE inbox SET received_at = $1", engine.clock.now())
    engine.clock.advance(timedelta(days=13))
    await inbox.forget_old()
    assert len(await engine.fetch("SELECT FROM inbox")) == 2
    engine.clock.advance(timedelta(days=2))
    await inbox.forget_old()
    assert await engine.fetch("SELECT FROM inbox") == []


class Painted(Event):
    """An event with a closed list."""

    type = "engine.painted.v1"

    colour: Literal["red", "green"]


async def test_unknown_field_is_ignored(engine: Engine) -> None:
    """A field that a newer version added, also inside a part of the event, does not stop the message."""
    await engine.inbox().take([message("a", body=b'{"merchant_id": "MRCHNT0000001", "text": "a", "more": {"b": 1}}')])

    assert await engine.noted() == ["a"]
    assert await engine.fetch("SELECT FROM dead_letter") == []


def test_event_is_built_with_known_fields_only() -> None:
    """A field that the version does not have is a mistake of the code that builds the event."""
    with pytest.raises(ValueError, match="extra_forbidden"):
        Noted(merchant_id="MRCHNT0000001", text="a", more=1)  # type: ignore[call-arg]


NEWER = [
    {"type": "engine.unheard_of.v1"},
    {"type": "\x00\ud800"},
    {"type": Painted.type, "body": b'{"merchant_id": "MRCHNT0000001", "colour": "blue"}'},
]


@pytest.mark.parametrize("part", NEWER, ids=["type", "odd type", "member"])
async def test_message_from_a_newer_version_waits_for_a_newer_replica(engine: Engine, part: dict[str, object]) -> None:
    """An unknown type or member is retried with growing pauses, and waits for a person after an hour."""
    inbox = Inbox(engine.database, {Noted: engine.handle, Painted: engine.handle}, engine.metrics)
    began, attempts = engine.clock.now(), []
    await inbox.take([message("a", **part), message("b")])
    while (await engine.fetch("SELECT due_at FROM dead_letter"))[0]["due_at"]:
        [row] = await engine.fetch("SELECT due_at FROM dead_letter")
        attempts.append((row["due_at"] - engine.clock.now()).total_seconds())
        engine.clock.advance(attempts[-1])
        assert await inbox.retry_next()

    assert await engine.noted() == ["b"]
    assert attempts[0] <= 1
    assert 150 <= attempts[-1] <= 300
    assert timedelta(hours=1) <= engine.clock.now() - began <= timedelta(hours=1, minutes=5)


async def test_newer_version_takes_at_once_what_an_older_one_could_not_read(engine: Engine) -> None:
    """A replica of the newer version waits for no due time; one of the same version, or of another old one, does."""
    old = Inbox(engine.database, {}, engine.metrics)
    await old.take([message("a")])
    assert not await old.retry_next()
    other = Inbox(engine.database, {Painted: engine.handle}, engine.metrics)
    assert [await other.retry_next() for _ in range(3)] == [True, False, False]
    assert not await old.retry_next()

    assert await engine.inbox().retry_next()
    assert engine.handled == ["a"]
    assert await engine.fetch("SELECT FROM dead_letter") == []


async def test_message_of_a_version_that_comes_after_a_week_is_handled(engine: Engine) -> None:
    """A message that waits for a person is taken by a replica that knows it; one with a mistake keeps waiting."""
    old = Inbox(engine.database, {}, engine.metrics)
    await old.take([message("a"), message("bad", body=b"{")])
    engine.clock.advance(timedelta(days=7))
    while await old.retry_next():
        pass
    assert await engine.fetch("SELECT FROM dead_letter WHERE due_at IS NOT NULL") == []

    await engine.run(engine.inbox().run)
    await eventually(lambda: engine.handled == ["a"])
    await eventually(lambda: _waiting_for_a_person(engine))


async def _waiting_for_a_person(engine: Engine) -> bool:
    rows = await engine.fetch("SELECT reason, due_at FROM dead_letter")
    return [(row["reason"], row["due_at"]) for row in rows] == [
        ("engine.noted.v1 does not fit its schema: body (json_invalid)", None)
    ]


async def test_retired_type_is_skipped(engine: Engine) -> None:
    """A type that this release no longer handles changes nothing and is no dead letter, not even an earlier one."""
    earlier = Inbox(engine.database, {}, engine.metrics)
    await earlier.take([message("a", type="engine.retired.v1")])
    inbox = Inbox(engine.database, {Noted: engine.handle}, engine.metrics, retired=["engine.retired.v1"])
    await inbox.take([message("b", type="engine.retired.v1"), message("c")])
    assert await inbox.retry_next()

    assert await engine.noted() == ["c"]
    assert await engine.fetch("SELECT FROM dead_letter") == []
    assert len(await engine.fetch("SELECT FROM inbox")) == 3
