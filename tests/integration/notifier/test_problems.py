"""How problems stand after what the services told, in whatever order it came."""

from datetime import timedelta

from tests.integration.notifier.conftest import MERCHANT, Notifier

from common.contracts.problems import Code, ProblemOpened


async def test_a_repeat_brings_the_count_up_to_date_and_keeps_the_beginning(notifier: Notifier) -> None:
    """A problem told again is the same problem, with the number that wait now."""
    began = notifier.clock.now()
    await notifier.open(waiting=1, since=began)
    notifier.clock.advance(60)
    await notifier.open(waiting=214, since=began)

    [problem] = await notifier.problems()
    assert (problem["waiting"], problem["waiting_words"]) == (214, "214 orders wait")
    assert problem["since"].startswith("2026-11-23T12:00:00")


async def test_a_late_opening_reopens_nothing(notifier: Notifier) -> None:
    """What was closed stays closed when an older opening comes after."""
    began = notifier.clock.now()
    await notifier.open(since=began)
    await notifier.close(done=3, since=began)
    await notifier.open(waiting=2, since=began)

    assert await notifier.problems() == []
    [solved] = await notifier.problems("solved")
    assert (solved["done"], solved["state"]) == (3, "solved")


async def test_a_closing_that_overtakes_its_opening_counts(notifier: Notifier) -> None:
    """A problem whose end is told first never shows, and nobody is written to."""
    began = notifier.clock.now()
    await notifier.close(done=3, since=began)
    await notifier.open(waiting=3, since=began)
    await notifier.settle()

    assert await notifier.problems() == []
    assert notifier.postbox.messages == []


async def test_one_message_delivered_twice_counts_once(notifier: Notifier) -> None:
    """A redelivered message changes nothing."""
    event = ProblemOpened(merchant_id=MERCHANT, code=Code.TENDER_MISSING, waiting=1, since=notifier.clock.now())
    [message] = await notifier.deliver(event)
    before = await notifier.activity()
    await notifier.service.inbox.take([message])

    assert len(await notifier.problems()) == 1
    assert await notifier.activity() == before


async def test_several_services_with_one_cause_are_one_problem(notifier: Notifier) -> None:
    """A cause that stops orders and stock alike is one card, open until both say it is over."""
    orders, stock = notifier.clock.now(), notifier.clock.now() + timedelta(seconds=1)
    await notifier.open(waiting=5, since=orders, code=Code.CONNECTION_LOST)
    await notifier.open(waiting=2, since=stock, code=Code.CONNECTION_LOST)
    assert [each["waiting"] for each in await notifier.problems()] == [7]

    await notifier.close(done=5, since=orders, code=Code.CONNECTION_LOST)
    assert [each["waiting"] for each in await notifier.problems()] == [2]

    await notifier.close(done=2, since=stock, code=Code.CONNECTION_LOST)
    assert await notifier.problems() == []
    assert [each["done"] for each in await notifier.problems("solved")] == [7]


async def test_the_feed_tells_the_opening_and_the_end_once(notifier: Notifier) -> None:
    """A thousand repeats are two lines, not a thousand."""
    began = notifier.clock.now()
    for n in range(1, 40):
        await notifier.open(waiting=n, since=began)
    await notifier.close(done=39, since=began)

    told = await notifier.activity()
    assert told == [
        "The order type exists now. 39 orders sent to Clover.",
        "Orders are waiting: Clover has no order type named “QuickSync”.",
        "Clover is connected (United States).",
    ]
