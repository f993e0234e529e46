"""The emails as they arrive at a real SMTP server."""

import json
from email.message import EmailMessage

import pytest
from structlog.testing import capture_logs
from tests.integration.notifier.conftest import MERCHANT, Notifier

from common import messages
from common.contracts.problems import Code
from notifier.domain.mail import FIRST_RETRY, LONGEST_RETRY


def text_of(message: EmailMessage, kind: str = "plain") -> str:
    part = message.get_body((kind,))
    assert isinstance(part, EmailMessage)
    return str(part.get_content())


async def test_a_problem_has_two_emails(notifier: Notifier) -> None:
    """One email when it opens and one when it is resolved, regardless of how many orders wait."""
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


async def test_an_email_names_the_problem_and_the_remedy(notifier: Notifier) -> None:
    """It has the count, the time in the merchant's zone, the exact steps, a link and the address of support."""
    await notifier.open(waiting=214)
    await notifier.run_until_idle()

    [message] = notifier.postbox.messages
    assert notifier.postbox.recipients == [["owner@example.com"]]
    assert message["To"] == "owner@example.com"
    assert message["From"] == "QuickSync <hello@quicksync.test>"
    for text in (text_of(message), text_of(message, "html")):
        assert "214 orders are waiting" in text
        assert "Monday 23 November 2026, 07:00 (EST)" in text
        assert "add an order type named exactly “QuickSync” and save" in text
        assert f"/dashboard/{MERCHANT}/" in text
        assert messages.for_locale().text("support") in text
        assert "Sunrise Coffee" in text


async def test_an_email_without_resumed_orders_promises_nothing(notifier: Notifier) -> None:
    """When all that waited was cancelled, the cause may still exist, and the email does not call it resolved."""
    began = notifier.clock.now()
    await notifier.open(opened_at=began)
    await notifier.run_until_idle()
    await notifier.close(resumed_count=0, opened_at=began)
    await notifier.run_until_idle()

    message = notifier.postbox.messages[1]
    assert message["Subject"] == "Nothing is waiting at the moment"
    for text in (text_of(message), text_of(message, "html")):
        assert "If the order type is still missing" in text
        assert "was cancelled, or is now waiting for something else" in text
        assert "Resolved" not in text
        assert "need to do anything" not in text


async def test_an_email_is_well_formed(notifier: Notifier) -> None:
    """Two parts in UTF-8, encoded in seven bits and short lines, with a stable Message-ID."""
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


async def test_a_problem_resolved_at_once_has_no_email(notifier: Notifier) -> None:
    """A problem that closes before its email is sent gets none, then or later."""
    began = notifier.clock.now()
    await notifier.open(opened_at=began)
    await notifier.close(opened_at=began)
    await notifier.run_until_idle()
    assert notifier.postbox.messages == []


async def test_information_is_not_mailed(notifier: Notifier) -> None:
    """A refused email is shown on the dashboard and causes no other email."""
    await notifier.open(code=Code.EMAIL_REJECTED)
    await notifier.run_until_idle()
    assert notifier.postbox.messages == []
    assert len(await notifier.problems()) == 1


async def test_a_name_cannot_inject_headers_or_markup(notifier: Notifier) -> None:
    """Line breaks and markup in names are text; they add no header and no recipient."""
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


@pytest.mark.parametrize("address", ["a@b.example\r\nBcc: c@d.example", "no-address", "a@b.example,c@d.example"])
async def test_an_invalid_address_is_held(notifier: Notifier, address: str) -> None:
    """Nothing is sent, the work is held under its problem, and no text contains the address."""
    notifier.directory.email = address
    notifier.clock.advance(3600)
    await notifier.open()
    await notifier.run_until_idle()

    assert notifier.postbox.messages == []
    [row] = await notifier.fetch("SELECT problem, error FROM work WHERE held")
    assert row["problem"] == Code.EMAIL_REJECTED
    assert address not in row["error"]


async def test_a_busy_server_gets_the_email_later_once(notifier: Notifier) -> None:
    """A temporary refusal does not count as an attempt: the email arrives once, after a pause."""
    notifier.postbox.answers = ["451 try later"]
    await notifier.open()
    await notifier.run_until_idle()
    assert notifier.postbox.messages == []
    notifier.clock.advance(120)
    await notifier.run_until_idle()
    await notifier.run_until_idle()
    assert len(notifier.postbox.messages) == 1


async def test_a_refused_first_email_is_followed_by_none(notifier: Notifier) -> None:
    """A merchant who got no email about the problem gets none about its end."""
    began = notifier.clock.now()
    notifier.postbox.answers = ["451 try later"]
    await notifier.open(opened_at=began)
    await notifier.run_until_idle()
    await notifier.close(opened_at=began)
    notifier.clock.advance(120)
    await notifier.run_until_idle()
    assert notifier.postbox.messages == []


async def test_a_break_after_acceptance_costs_one_repeat(notifier: Notifier) -> None:
    """An email in doubt is sent again minutes later with the same Message-ID, and then no more."""
    notifier.postbox.answers = ["break"]
    await notifier.open()
    await notifier.run_until_idle()
    await notifier.run_until_idle()
    assert len(notifier.postbox.messages) == 1
    notifier.clock.advance(FIRST_RETRY)
    await notifier.run_until_idle()
    await notifier.run_until_idle()
    first, second = notifier.postbox.messages
    assert first["Message-ID"] == second["Message-ID"]


@pytest.mark.parametrize("command", ["EHLO", "MAIL", "RCPT"])
async def test_a_break_before_the_content_is_not_an_attempt(notifier: Notifier, command: str) -> None:
    """Breaks before the content never use up attempts: the email arrives once the server works."""
    notifier.postbox.refuses[command] = "break"
    await notifier.open()
    for _ in range(5):
        await notifier.run_until_idle()
        notifier.clock.advance(LONGEST_RETRY)
    notifier.postbox.refuses.clear()
    await notifier.run_until_idle()
    await notifier.run_until_idle()
    assert len(notifier.postbox.messages) == 1


async def test_a_server_that_never_confirms_gets_few_repeats(notifier: Notifier) -> None:
    """An email in doubt is never given up: it is repeated with growing pauses and with one Message-ID."""
    notifier.postbox.answers = ["break"] * 100
    await notifier.open()
    for _ in range(3 * 24 * 60 // 10):
        await notifier.run_until_idle()
        notifier.clock.advance(600)
    ids = [message["Message-ID"] for message in notifier.postbox.messages]
    assert len(set(ids)) == 1
    assert 15 <= len(ids) <= 35


async def test_a_refused_recipient_is_a_problem_on_the_dashboard(notifier: Notifier) -> None:
    """The problem has the code of the refusal but not the address."""
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
async def test_a_refused_sender_is_not_the_merchants_problem(notifier: Notifier, command: str, answer: str) -> None:
    """The log has an error, no work is held, and the email is sent later."""
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


async def test_a_corrected_address_gets_the_held_email(notifier: Notifier) -> None:
    """Held email is sent when the merchant reconnects with another address."""
    notifier.postbox.refuses["RCPT"] = "550 no such user"
    await notifier.open()
    await notifier.run_until_idle()
    notifier.postbox.refuses.clear()
    notifier.directory.email = "new@example.com"
    await notifier.connect()
    await notifier.run_until_idle()
    assert notifier.postbox.recipients == [["new@example.com"]]


async def test_a_refused_email_of_a_resolved_problem_is_dropped(notifier: Notifier) -> None:
    """It is not counted as sent."""
    began = notifier.clock.now()
    notifier.postbox.refuses["RCPT"] = "550 no such user"
    await notifier.open(opened_at=began)
    await notifier.run_until_idle()
    await notifier.close(opened_at=began)
    await notifier.run_until_idle()

    assert await notifier.fetch("SELECT 1 FROM work") == []
    *_, event = await notifier.fetch("SELECT type, body FROM outbox ORDER BY id")
    assert (event["type"], json.loads(event["body"])["resumed_count"]) == ("problem.closed.v1", 0)


async def test_a_known_address_is_used_while_catalog_is_down(notifier: Notifier) -> None:
    """An outage of catalog delays no email once the address is known."""
    notifier.clock.advance(3600)
    notifier.directory.status = 503
    await notifier.open()
    await notifier.run_until_idle()
    assert len(notifier.postbox.messages) == 1


async def test_the_address_is_stored_sealed(notifier: Notifier) -> None:
    """An address that no key of ours opens is fetched again."""
    [row] = await notifier.fetch("SELECT email FROM contact")
    assert b"example" not in row["email"]
    await notifier.execute("UPDATE contact SET email = '\\x00'")
    asked = notifier.directory.asked
    await notifier.open()
    await notifier.run_until_idle()
    assert notifier.directory.asked == asked + 1
    assert notifier.postbox.recipients == [["owner@example.com"]]


async def test_an_old_address_is_fetched_again(notifier: Notifier) -> None:
    """A changed address is used once the known one is old."""
    notifier.directory.email = "new@example.com"
    notifier.clock.advance(3600)
    await notifier.open()
    await notifier.run_until_idle()
    assert notifier.postbox.recipients == [["new@example.com"]]
