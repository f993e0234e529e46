"""How problems stand after what the services told, in whatever order it came."""

import asyncio
from datetime import timedelta

from tests.integration.notifier.conftest import MERCHANT, OTHER, Notifier

from common.contracts.notifier import RecheckRequested
from common.contracts.problems import Code, ProblemOpened


async def test_a_repeat_brings_the_count_up_to_date_and_keeps_the_beginning(notifier: Notifier) -> None:
    """A problem told again is the same problem, with the number that wait now."""
    began = notifier.clock.now()
    await notifier.open(waiting=1, opened_at=began)
    notifier.clock.advance(60)
    await notifier.open(waiting=214, opened_at=began)

    [problem] = await notifier.problems()
    assert (problem["waiting"], problem["waiting_message"]) == (214, "214 orders are waiting")
    assert problem["opened_at"].startswith("2026-11-23T12:00:00")


async def test_a_repeat_that_was_overtaken_changes_nothing(notifier: Notifier) -> None:
    """Of two repeats the one that was told last counts, whichever arrives last."""
    began = notifier.clock.now()
    await notifier.open(waiting=5, opened_at=began, revision=3)
    await notifier.open(waiting=9, opened_at=began, revision=2)

    assert [each["waiting"] for each in await notifier.problems()] == [5]


async def test_a_late_opening_reopens_nothing(notifier: Notifier) -> None:
    """What was closed stays closed when an older opening comes after."""
    began = notifier.clock.now()
    await notifier.open(opened_at=began)
    await notifier.close(resumed_count=3, opened_at=began)
    await notifier.open(waiting=2, opened_at=began)

    assert await notifier.problems() == []
    [solved] = await notifier.problems("resolved")
    assert (solved["resumed_count"], solved["state"]) == (3, "resolved")


async def test_a_closing_that_overtakes_its_opening_counts(notifier: Notifier) -> None:
    """A problem whose end is told first never shows, and nobody is written to."""
    began = notifier.clock.now()
    await notifier.close(resumed_count=3, opened_at=began)
    await notifier.open(waiting=3, opened_at=began)
    await notifier.run_until_idle()

    assert await notifier.problems() == []
    assert notifier.postbox.messages == []


async def test_one_message_delivered_twice_counts_once(notifier: Notifier) -> None:
    """A redelivered message changes nothing."""
    named = {"merchant_id": MERCHANT, "code": Code.TENDER_MISSING}
    event = ProblemOpened(**named, waiting=1, opened_at=notifier.clock.now(), revision=1)
    [message] = await notifier.deliver(event)
    before = await notifier.activity()
    await notifier.service.inbox.take([message])

    assert len(await notifier.problems()) == 1
    assert await notifier.activity() == before


async def test_several_services_with_one_cause_are_one_problem(notifier: Notifier) -> None:
    """A cause that stops orders and stock alike is one card, open until both say it is over."""
    orders, stock = notifier.clock.now(), notifier.clock.now() + timedelta(seconds=1)
    await notifier.open(waiting=5, opened_at=orders, code=Code.CONNECTION_LOST)
    await notifier.open(waiting=2, opened_at=stock, code=Code.CONNECTION_LOST)
    assert [each["waiting"] for each in await notifier.problems()] == [7]

    await notifier.close(resumed_count=5, opened_at=orders, code=Code.CONNECTION_LOST)
    assert [each["waiting"] for each in await notifier.problems()] == [2]

    await notifier.close(resumed_count=2, opened_at=stock, code=Code.CONNECTION_LOST)
    assert await notifier.problems() == []
    assert [each["resumed_count"] for each in await notifier.problems("resolved")] == [7]


async def test_the_feed_tells_the_opening_and_the_end_once(notifier: Notifier) -> None:
    """A thousand repeats are two lines, not a thousand."""
    began = notifier.clock.now()
    for n in range(1, 40):
        await notifier.open(waiting=n, opened_at=began)
    await notifier.close(resumed_count=39, opened_at=began)

    told = await notifier.activity()
    assert told == [
        "The order type is there now. 39 orders were sent to Clover.",
        "Orders are waiting: Clover has no order type named “QuickSync”.",
        "Clover is connected (United States).",
    ]


async def test_replicas_that_hear_of_one_cause_at_once_make_one_problem(notifier: Notifier) -> None:
    """However many are told of it at the same moment, one card opens, and each number counts."""
    began = notifier.clock.now()
    since = [began + timedelta(seconds=n) for n in range(8)]
    await asyncio.gather(*[notifier.open(waiting=2, opened_at=each, code=Code.CONNECTION_LOST) for each in since])
    assert [each["waiting"] for each in await notifier.problems()] == [16]

    await asyncio.gather(
        *[notifier.close(resumed_count=2, opened_at=each, code=Code.CONNECTION_LOST) for each in since]
    )
    assert await notifier.problems() == []
    assert [each["resumed_count"] for each in await notifier.problems("resolved")] == [16]


async def test_a_recheck_of_refused_mail_tries_it_again(notifier: Notifier) -> None:
    """E-mail that was refused is sent when somebody says that the address is right now."""
    notifier.postbox.refuses["RCPT"] = "550 no such user"
    await notifier.open()
    await notifier.run_until_idle()
    notifier.postbox.refuses.clear()
    await notifier.deliver(RecheckRequested(merchant_id=MERCHANT, code=Code.EMAIL_REJECTED))
    await notifier.run_until_idle()
    assert len(notifier.postbox.messages) == 1
    told = await notifier.fetch("SELECT type FROM outbox ORDER BY id")
    assert [row["type"] for row in told] == ["problem.opened.v1", "problem.closed.v1"]


async def test_a_problem_of_a_merchant_not_heard_of_yet_is_kept(notifier: Notifier) -> None:
    """Messages of two services may overtake one another: the problem is there once the merchant is."""
    await notifier.open(merchant_id=OTHER)
    await notifier.connect(OTHER)
    found = await notifier.get(f"/v1/merchants/{OTHER}/problems")
    assert len(found["problems"]) == 1


async def test_what_a_newer_version_wrote_stops_nobody(notifier: Notifier) -> None:
    """A problem without words here and a column more are passed over; the page, the list and the feed go on."""
    await notifier.log_in()
    await notifier.open()
    async with notifier.service.database.unit() as unit:
        await unit.conn.execute("ALTER TABLE notifier.merchant_problem ADD COLUMN tone text")
        await unit.conn.execute(
            "INSERT INTO merchant_problem "
            "(id, merchant_id, code, subject, opened_at, waiting, resumed_count, resolved_at, seq) "
            "SELECT id, $1, 'of_tomorrow', '', $2, 1, 0, resolved_at, seq FROM unnest("
            "ARRAY[gen_random_uuid(), gen_random_uuid()], ARRAY[NULL, $2::timestamptz], ARRAY[98, 99]"
            ") AS p (id, resolved_at, seq)",
            MERCHANT,
            unit.now,
        )

    assert [each["code"] for each in await notifier.problems()] == [Code.ORDER_TYPE_MISSING]
    assert await notifier.problems("resolved") == []
    assert "One thing needs your attention" in (await notifier.page(f"/dashboard/{MERCHANT}/"))[1]
    async with notifier.service.deps.hub.subscribed(MERCHANT, 0) as (_, missed):
        assert [each.kind for each in missed] == ["activity", "problem", "activity"]
