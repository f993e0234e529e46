"""Problems after the reports of the services, in any order of arrival."""

import asyncio
from datetime import timedelta
from email.message import EmailMessage

from tests.integration.notifier.conftest import MERCHANT, OTHER, Notifier
from tests.support.versions import next_version

from common.contracts.catalog import ContactChanged, MerchantDisconnected
from common.contracts.notifier import RecheckRequested
from common.contracts.problems import Affected, Code, ProblemOpened

MINUTE = timedelta(minutes=1)


async def test_a_repeat_updates_the_count_and_keeps_the_start(notifier: Notifier) -> None:
    """A repeated report belongs to the same problem and has the present count."""
    began = notifier.clock.now()
    await notifier.open(waiting=1, opened_at=began)
    notifier.clock.advance(60)
    await notifier.open(waiting=214, opened_at=began)

    [problem] = await notifier.problems()
    assert (problem["waiting"], problem["waiting_message"]) == (214, "214 orders are waiting")
    assert problem["opened_at"].startswith("2026-11-23T12:00:00")


async def test_an_overtaken_repeat_changes_nothing(notifier: Notifier) -> None:
    """Of two repeats the later revision counts, in either order of arrival."""
    began = notifier.clock.now()
    await notifier.open(waiting=5, opened_at=began, revision=3)
    await notifier.open(waiting=9, opened_at=began, revision=2)

    assert [each["waiting"] for each in await notifier.problems()] == [5]


async def test_a_late_opening_reopens_nothing(notifier: Notifier) -> None:
    """A resolved problem stays resolved when an older report arrives."""
    began = notifier.clock.now()
    await notifier.open(opened_at=began)
    await notifier.close(resumed_count=3, opened_at=began)
    await notifier.open(waiting=2, opened_at=began)

    assert await notifier.problems() == []
    [solved] = await notifier.problems("resolved")
    assert (solved["resumed_count"], solved["state"]) == (3, "resolved")


async def test_a_closing_that_overtakes_its_opening_counts(notifier: Notifier) -> None:
    """A problem whose end arrives first never opens, and causes no email."""
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
    """A cause that stops orders and stock is one problem, open until both report its end."""
    orders, stock = notifier.clock.now(), notifier.clock.now() + timedelta(seconds=1)
    await notifier.open(waiting=5, opened_at=orders, code=Code.CONNECTION_LOST)
    await notifier.open(waiting=2, opened_at=stock, code=Code.CONNECTION_LOST)
    assert [each["waiting"] for each in await notifier.problems()] == [7]

    await notifier.close(resumed_count=5, opened_at=orders, code=Code.CONNECTION_LOST)
    assert [each["waiting"] for each in await notifier.problems()] == [2]

    await notifier.close(resumed_count=2, opened_at=stock, code=Code.CONNECTION_LOST)
    assert await notifier.problems() == []
    assert [each["resumed_count"] for each in await notifier.problems("resolved")] == [7]


async def test_the_feed_has_one_entry_for_the_opening_and_one_for_the_end(notifier: Notifier) -> None:
    """Many repeats add no entries."""
    began = notifier.clock.now()
    for n in range(1, 40):
        await notifier.open(waiting=n, opened_at=began)
    await notifier.close(resumed_count=39, opened_at=began)

    found = await notifier.activity()
    assert found == [
        "The order type is there now. 39 orders were sent to Clover.",
        "Orders are waiting: Clover has no order type named “QuickSync”.",
        "Clover is connected (United States).",
    ]


async def test_concurrent_reports_of_one_cause_make_one_problem(notifier: Notifier) -> None:
    """Reports at the same moment open one problem, and each count is included."""
    began = notifier.clock.now()
    since = [began + timedelta(seconds=n) for n in range(8)]
    await asyncio.gather(*[notifier.open(waiting=2, opened_at=each, code=Code.CONNECTION_LOST) for each in since])
    assert [each["waiting"] for each in await notifier.problems()] == [16]

    await asyncio.gather(
        *[notifier.close(resumed_count=2, opened_at=each, code=Code.CONNECTION_LOST) for each in since]
    )
    assert await notifier.problems() == []
    assert [each["resumed_count"] for each in await notifier.problems("resolved")] == [16]


async def test_a_recheck_of_refused_email_sends_it_again(notifier: Notifier) -> None:
    """Refused email is sent when the merchant asks to check again."""
    notifier.postbox.refuses["RCPT"] = "550 no such user"
    await notifier.open()
    await notifier.run_until_idle()
    notifier.postbox.refuses.clear()
    await notifier.deliver(RecheckRequested(merchant_id=MERCHANT, code=Code.EMAIL_REJECTED))
    await notifier.run_until_idle()
    assert len(notifier.postbox.messages) == 1
    found = await notifier.fetch("SELECT type FROM outbox ORDER BY id")
    assert [row["type"] for row in found] == ["problem.opened.v1", "problem.closed.v1"]


async def test_a_problem_that_arrives_before_its_merchant_is_kept(notifier: Notifier) -> None:
    """Messages of two services may overtake one another: the problem shows once the merchant is known."""
    await notifier.open(merchant_id=OTHER)
    await notifier.connect(OTHER)
    found = await notifier.get(f"/v1/merchants/{OTHER}/problems")
    assert len(found["problems"]) == 1


async def test_rows_of_a_newer_version_are_ignored(notifier: Notifier) -> None:
    """An unknown code and an unknown column break neither the page nor the list nor the feed."""
    await notifier.log_in()
    await notifier.open()
    table = "ALTER TABLE merchant_problem"
    async with notifier.altered(f"{table} ADD COLUMN tone text", f"{table} DROP COLUMN tone"):
        await notifier.execute(
            "INSERT INTO merchant_problem "
            "(id, merchant_id, code, subject, opened_at, waiting, resumed_count, resolved_at, seq) "
            "SELECT id, $1, 'of_tomorrow', '', $2, 1, 0, resolved_at, seq FROM unnest("
            "ARRAY[gen_random_uuid(), gen_random_uuid()], ARRAY[NULL, $2::timestamptz], ARRAY[98, 99]"
            ") AS p (id, resolved_at, seq)",
            MERCHANT,
            notifier.clock.now(),
        )

        assert [each["code"] for each in await notifier.problems()] == [Code.ORDER_TYPE_MISSING]
        assert await notifier.problems("resolved") == []
        assert "One thing needs your attention" in (await notifier.page(f"/dashboard/{MERCHANT}/"))[1]
        async with notifier.service.deps.hub.subscribed(MERCHANT, 0) as (_, missed):
            assert [each.kind for each in missed] == ["activity", "problem", "activity"]


async def test_a_problem_names_what_it_affects(notifier: Notifier) -> None:
    """The API, the page and the email name the things that wait, with their reasons, and count the others."""
    named = [Affected(subject=f"#10{n:02}", reason="Clover answered: <bad> “total”") for n in range(10)]
    await notifier.open(code=Code.ORDER_REJECTED, waiting=12, affected=named)
    await notifier.run_until_idle()

    [problem] = await notifier.problems()
    assert problem["affected"] == [each.model_dump() for each in named]
    _, page = await notifier.log_in()
    [message] = notifier.postbox.messages
    text, html = (str(part.get_content()) for part in message.iter_parts() if isinstance(part, EmailMessage))
    for shown in (page, text, html):
        assert "#1000" in shown
        assert "#1009" in shown
        assert "and 2 more" in shown
    assert "Clover answered: <bad>" in text
    assert "<bad>" not in page + html


async def test_what_two_services_report_is_listed_together(notifier: Notifier) -> None:
    """The list holds the things of all open reports; those of a closed one are left out."""
    first = notifier.clock.now()
    second = first + timedelta(seconds=1)
    for at, name in ((first, "A"), (second, "B")):
        await notifier.open(
            code=Code.CLOVER_UNREACHABLE, opened_at=at, affected=[Affected(subject=name)], failing_since=at - MINUTE
        )
    [problem] = await notifier.problems()
    assert [each["subject"] for each in problem["affected"]] == ["A", "B"]
    assert problem["failing_since"] == "2026-11-23T11:59:00Z"
    await notifier.close(code=Code.CLOVER_UNREACHABLE, opened_at=first)
    [problem] = await notifier.problems()
    assert [each["subject"] for each in problem["affected"]] == ["B"]


async def test_an_outage_is_shown_since_it_began_and_mailed_when_it_lasts(notifier: Notifier) -> None:
    """The page shows the first failure's time and that nothing is lost; the email waits for five minutes."""
    began = notifier.clock.now()
    notifier.clock.advance(40)
    await notifier.open(code=Code.CLOVER_UNREACHABLE, waiting=3, failing_since=began)
    await notifier.run_until_idle()
    _, page = await notifier.log_in()
    assert "One thing needs your attention" in page
    assert "Nothing is lost" in page
    assert 'datetime="2026-11-23T12:00:00+00:00"' in page
    assert notifier.postbox.messages == []
    notifier.clock.advance(5 * 60)
    await notifier.run_until_idle()
    assert len(notifier.postbox.messages) == 1


async def test_a_note_is_not_called_well(notifier: Notifier) -> None:
    """An open problem that only informs needs nobody, but the page does not say that all is well."""
    await notifier.open(code=Code.EMAIL_DELAYED)
    _, page = await notifier.log_in()
    assert "Sync is working, with a note for you" in page
    assert "All is well" not in page


async def test_a_disconnected_merchant_leaves_no_address(notifier: Notifier) -> None:
    """The address is erased as in catalog, the feed says what happened, and the next connection fetches it again."""
    assert len(await notifier.fetch("SELECT FROM contact")) == 1
    values = {"merchant_id": MERCHANT, "account_id": "acc-1", "region": "us", "currency": "USD", "timezone": "UTC"}
    gone = MerchantDisconnected(version=next_version(), **values)

    await notifier.deliver(gone, gone)
    assert await notifier.fetch("SELECT FROM contact") == []
    assert sum("disconnected" in message for message in await notifier.activity()) == 1

    notifier.directory.status = 404
    await notifier.open(code=Code.CONNECTION_LOST)
    await notifier.run_until_idle()
    assert (notifier.postbox.messages, await notifier.emitted_problems()) == ([], [])

    notifier.directory.status = 200
    await notifier.connect()
    await notifier.run_until_idle()
    assert len(await notifier.fetch("SELECT FROM contact")) == 1


async def test_a_disconnected_store_is_not_called_well(notifier: Notifier) -> None:
    """Its page and the list of stores say so, until it is connected again."""
    await notifier.connect(OTHER)
    values = {"merchant_id": MERCHANT, "account_id": "acc-1", "region": "us", "currency": "USD", "timezone": "UTC"}
    await notifier.deliver(MerchantDisconnected(version=next_version(), **values))
    await notifier.log_in()
    _, stores = await notifier.page("/dashboard/")
    assert (stores.count("Clover is disconnected"), stores.count("All is well")) == (1, 1)
    _, page = await notifier.page(f"/dashboard/{MERCHANT}/")
    assert "Connect this store again" in page
    assert "All is well" not in page
    await notifier.connect()
    assert "All is well" in (await notifier.page(f"/dashboard/{MERCHANT}/"))[1]


async def test_a_changed_address_is_fetched(notifier: Notifier) -> None:
    """The next email goes to the new address."""
    notifier.directory.email = "new@example.com"
    await notifier.deliver(ContactChanged(merchant_id=MERCHANT))
    await notifier.run_until_idle()
    await notifier.open()
    await notifier.run_until_idle()
    assert notifier.postbox.recipients == [["new@example.com"]]
