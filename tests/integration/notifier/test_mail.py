"""The e-mails as they arrive at a real SMTP server."""

import json
from email.message import EmailMessage

import pytest
from structlog.testing import capture_logs
from tests.integration.notifier.conftest import MERCHANT, Notifier

from common import messages
from common.contracts.problems import Code
from notifier.domain.mail import MAX_ATTEMPTS, RETRY_IN_DOUBT


def text_of(message: EmailMessage, kind: str = "plain") -> str:
    part = message.get_body((kind,))
    assert isinstance(part, EmailMessage)
    return str(part.get_content())


async def test_one_when_it_opens_and_one_when_it_is_solved(notifier: Notifier) -> None:
    """However many orders wait, two e-mails are all there are."""
    began = notifier.clock.now()
    for waiting in range(1, 30):
        await notifier.open(waiting=waiting, opened_at=began)
    await notifier.run_until_idle()
    await notifier.open(waiting=214, opened_at=began)
    await notifier.run_until_idle()
    assert [m["Subject"].count("29 orders are waiting") for m in notifier.postbox.messages] == [1]

    await notifier.close(resumed_count=214, opened_at=began)
    await notifier.run_until_idle()
    assert [m["Subject"] for m in notifier.postbox.messages][1:] == ["Resumed: 214 orders sent to Clover"]


async def test_what_the_mail_says(notifier: Notifier) -> None:
    """What waits, since when where the merchant is, what to do word for word, where to look, how to get help."""
    await notifier.open(waiting=214)
    await notifier.run_until_idle()

    [message] = notifier.postbox.messages
    assert notifier.postbox.recipients == [["owner@example.com"]]
    assert message["To"] == "owner@example.com"
    assert message["From"] == "QuickSync <hello@quicksync.test>"
    for said in (text_of(message), text_of(message, "html")):
        assert "214 orders are waiting" in said
        assert "Monday 23 November 2026, 07:00 (EST)" in said
        assert "add an order type named exactly “QuickSync” and save" in said
        assert f"/dashboard/{MERCHANT}/" in said
        assert messages.for_locale().text("support") in said
        assert "Sunrise Coffee" in said


async def test_where_nothing_went_through_nothing_is_called_solved(notifier: Notifier) -> None:
    """When all that waited was cancelled, the e-mail promises nothing: the cause may still be there."""
    began = notifier.clock.now()
    await notifier.open(opened_at=began)
    await notifier.run_until_idle()
    await notifier.close(resumed_count=0, opened_at=began)
    await notifier.run_until_idle()

    message = notifier.postbox.messages[1]
    assert message["Subject"] == "Nothing is waiting at the moment"
    for said in (text_of(message), text_of(message, "html")):
        assert "If the order type is still missing" in said
        assert "was cancelled, or is now waiting for something else" in said
        assert "Resolved" not in said
        assert "need to do anything" not in said


async def test_the_mail_is_well_formed(notifier: Notifier) -> None:
    """Two parts in UTF-8, all of it in seven bits and short lines, with an id that stays the same."""
    await notifier.open()
    await notifier.run_until_idle()

    [message], [raw] = notifier.postbox.messages, notifier.postbox.raw
    [problem] = await notifier.problems()
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert {part.get_content_charset() for part in message.iter_parts()} == {"utf-8"}
    assert message["Message-ID"] == f"<{problem['id']}.opened@quicksync.test>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert raw.isascii()
    assert max(map(len, raw.splitlines())) <= 998
    assert not message.defects


async def test_none_at_all_when_it_was_over_before_anybody_was_told(notifier: Notifier) -> None:
    """A problem that closes before its e-mail is sent is written about neither then nor later."""
    began = notifier.clock.now()
    await notifier.open(opened_at=began)
    await notifier.close(opened_at=began)
    await notifier.run_until_idle()
    assert notifier.postbox.messages == []


async def test_what_only_informs_is_not_mailed(notifier: Notifier) -> None:
    """An e-mail that was refused is told on the dashboard, not by another e-mail."""
    await notifier.open(code=Code.EMAIL_REJECTED)
    await notifier.run_until_idle()
    assert notifier.postbox.messages == []
    assert len(await notifier.problems()) == 1


async def test_a_name_cannot_write_headers(notifier: Notifier) -> None:
    """Names with line breaks and markup show as text; no header and no recipient comes of them."""
    notifier.directory.name = "x\r\nBcc: a@b.example\r\n\r\n<script>alert(1)</script>\u2028\x85"
    await notifier.open(code=Code.ORDER_REJECTED, subject="9\r\nBcc: c@d.example <img src=x onerror=alert(1)>")
    notifier.clock.advance(3600)
    await notifier.run_until_idle()

    [message] = notifier.postbox.messages
    assert notifier.postbox.recipients == [["owner@example.com"]]
    assert message["Bcc"] is None
    assert {name.lower() for name in message} <= {
        *("from", "to", "subject", "date", "message-id", "auto-submitted", "mime-version", "content-type"),
        *("x-peer", "x-mailfrom", "x-rcptto"),
    }
    html = text_of(message, "html")
    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


@pytest.mark.parametrize("address", ["a@b.example\r\nBcc: c@d.example", "nobody", "a@b.example,c@d.example"])
async def test_an_address_that_is_none_waits_for_a_person(notifier: Notifier, address: str) -> None:
    """Nothing is sent, the row is held where it is seen, and the address is in none of it."""
    notifier.directory.email = address
    notifier.clock.advance(3600)
    await notifier.open()
    await notifier.run_until_idle()

    assert notifier.postbox.messages == []
    [row] = await notifier.fetch("SELECT problem, error FROM work WHERE held")
    assert row["problem"] == Code.EMAIL_REJECTED
    assert address not in row["error"]


async def test_a_busy_relay_gets_it_later_once(notifier: Notifier) -> None:
    """A refusal for now is no sending: the mail comes once, after a pause."""
    notifier.postbox.answers = ["451 try later"]
    await notifier.open()
    await notifier.run_until_idle()
    assert notifier.postbox.messages == []
    notifier.clock.advance(120)
    await notifier.run_until_idle()
    await notifier.run_until_idle()
    assert len(notifier.postbox.messages) == 1


async def test_a_refused_first_mail_is_followed_by_none(notifier: Notifier) -> None:
    """Who was never told of the problem is not told that it is solved."""
    began = notifier.clock.now()
    notifier.postbox.answers = ["451 try later"]
    await notifier.open(opened_at=began)
    await notifier.run_until_idle()
    await notifier.close(opened_at=began)
    notifier.clock.advance(120)
    await notifier.run_until_idle()
    assert notifier.postbox.messages == []


async def test_a_break_after_the_relay_took_it_costs_one_repeat(notifier: Notifier) -> None:
    """What may have been taken is sent again under the same id, some minutes later, and no more after that."""
    notifier.postbox.answers = ["break"]
    await notifier.open()
    await notifier.run_until_idle()
    notifier.clock.advance(120)
    await notifier.run_until_idle()
    assert len(notifier.postbox.messages) == 1
    notifier.clock.advance(RETRY_IN_DOUBT)
    await notifier.run_until_idle()
    await notifier.run_until_idle()
    first, second = notifier.postbox.messages
    assert first["Message-ID"] == second["Message-ID"]


@pytest.mark.parametrize("command", ["EHLO", "MAIL", "RCPT"])
async def test_a_break_before_the_message_is_no_sending(notifier: Notifier, command: str) -> None:
    """However often the relay breaks off before it has the message, the e-mail comes once it is well, and once."""
    notifier.postbox.refuses[command] = "break"
    await notifier.open()
    for _ in range(MAX_ATTEMPTS + 1):
        await notifier.run_until_idle()
        notifier.clock.advance(3600)
    notifier.postbox.refuses.clear()
    await notifier.run_until_idle()
    await notifier.run_until_idle()
    assert len(notifier.postbox.messages) == 1


async def test_a_relay_that_never_answers_is_given_up(notifier: Notifier) -> None:
    """A relay that takes and breaks off each time gets an e-mail three times, not for ever, and the log says so."""
    notifier.postbox.answers = ["break"] * 10
    await notifier.open()
    with capture_logs() as logged:
        for _ in range(6):
            await notifier.run_until_idle()
            notifier.clock.advance(RETRY_IN_DOUBT)
    assert len(notifier.postbox.messages) == MAX_ATTEMPTS
    assert [line["event"] for line in logged if line["log_level"] == "error"] == [
        "an email is given up: the mail server may have it"
    ]


async def test_a_refused_recipient_is_a_problem_on_the_dashboard(notifier: Notifier) -> None:
    """The refusal is told by code, without the address, and checking again sends the mail."""
    notifier.postbox.refuses["RCPT"] = "550 no such user owner@example.com"
    await notifier.open()
    await notifier.run_until_idle()
    [row] = await notifier.fetch("SELECT problem, error FROM work WHERE held")
    assert (row["problem"], row["error"]) == (Code.EMAIL_REJECTED, "The mail server refused the message (550).")
    [event] = await notifier.fetch("SELECT type, body FROM outbox")
    assert event["type"] == "problem.opened.v1"
    assert b"owner" not in bytes(event["body"])


@pytest.mark.parametrize(
    ("command", "answer"),
    [("EHLO", "501 bad name"), ("MAIL", "553 not yours"), ("DATA", "552 too large"), ("DATA", "554 no")],
)
async def test_a_relay_that_refuses_us_is_no_fault_of_the_merchant(
    notifier: Notifier, command: str, answer: str
) -> None:
    """The log says so, nobody is asked for another address, and the e-mail comes later."""
    notifier.postbox.refuses |= {} if command == "DATA" else {command: answer}
    notifier.postbox.answers = [answer] if command == "DATA" else []
    await notifier.open()
    with capture_logs() as logged:
        await notifier.run_until_idle()
    assert [line["event"][:34] for line in logged if line["log_level"] == "error"] == [
        "the mail server refuses us: check "
    ]
    assert await notifier.fetch("SELECT 1 FROM work WHERE held") == []

    notifier.postbox.refuses.clear()
    notifier.clock.advance(120)
    await notifier.run_until_idle()
    assert len(notifier.postbox.messages) == 1


async def test_a_corrected_address_is_written_to(notifier: Notifier) -> None:
    """What was refused for its address is sent when the merchant is connected anew with another."""
    notifier.postbox.refuses["RCPT"] = "550 no such user"
    await notifier.open()
    await notifier.run_until_idle()
    notifier.postbox.refuses.clear()
    notifier.directory.email = "new@example.com"
    await notifier.connect()
    await notifier.run_until_idle()
    assert notifier.postbox.recipients == [["new@example.com"]]


async def test_a_refused_mail_that_came_too_late_is_not_told_as_sent(notifier: Notifier) -> None:
    """When the problem is over, its refused e-mail is dropped, and none is counted as having gone out."""
    began = notifier.clock.now()
    notifier.postbox.refuses["RCPT"] = "550 no such user"
    await notifier.open(opened_at=began)
    await notifier.run_until_idle()
    await notifier.close(opened_at=began)
    await notifier.run_until_idle()

    assert await notifier.fetch("SELECT 1 FROM work") == []
    *_, event = await notifier.fetch("SELECT type, body FROM outbox ORDER BY id")
    assert (event["type"], json.loads(event["body"])["resumed_count"]) == ("problem.closed.v1", 0)


async def test_the_known_address_serves_while_catalog_is_away(notifier: Notifier) -> None:
    """Catalog being down delays no e-mail once the address is known; an older one is asked for again."""
    notifier.clock.advance(3600)
    notifier.directory.status = 503
    await notifier.open()
    await notifier.run_until_idle()
    assert len(notifier.postbox.messages) == 1


async def test_the_address_is_kept_sealed(notifier: Notifier) -> None:
    """What is kept opens for its merchant alone; what no key of ours opens is asked for again."""
    [row] = await notifier.fetch("SELECT email FROM contact")
    assert b"example" not in row["email"]
    await notifier.execute("UPDATE contact SET email = '\\x00'")
    asked = notifier.directory.asked
    await notifier.open()
    await notifier.run_until_idle()
    assert notifier.directory.asked == asked + 1
    assert notifier.postbox.recipients == [["owner@example.com"]]


async def test_a_new_address_is_used_soon(notifier: Notifier) -> None:
    """The address is asked for again when what is known is old."""
    notifier.directory.email = "new@example.com"
    notifier.clock.advance(3600)
    await notifier.open()
    await notifier.run_until_idle()
    assert notifier.postbox.recipients == [["new@example.com"]]
