"""Users met: with a sender's domain of 32 or more characters the second email did not find the first.

In-Reply-To and References were encoded words, in which mail programs find no id.
"""

from email.headerregistry import Address
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.integration.notifier.conftest import Notifier, directory, notifier, postbox

from common.text import MAILBOX
from notifier.mail.composer import MailComposer
from notifier.mail.headers import POLICY

__all__ = ["directory", "notifier", "postbox"]

DOMAINS = ["q.example", f"{'d' * 24}.example", f"{'d' * 25}.example", f"{'d' * 60}.{'e' * 60}.{'f' * 60}.example"]


@pytest.mark.parametrize("domain", DOMAINS, ids=lambda each: str(len(each)))
async def test_the_second_email_names_the_first(notifier: Notifier, domain: str) -> None:
    """As received, In-Reply-To and References hold the Message-ID of the first email, on one line and unencoded."""
    sender = Address("QuickSync", addr_spec=f"hello@{domain}")
    composer = MailComposer(notifier.service.deps.templates, sender, "http://127.0.0.1:9")
    object.__setattr__(notifier.service.deps, "composer", composer)
    began = notifier.clock.now()
    await notifier.open(opened_at=began)
    await notifier.run_until_idle()
    await notifier.close(opened_at=began)
    await notifier.run_until_idle()

    first, second = (raw.split(b"\r\n") for raw in notifier.postbox.raw)
    [own] = [line.partition(b": ")[2] for line in first if line.startswith(b"Message-ID:")]
    assert own.startswith(b"<")
    assert own.endswith(f"@{domain}>".encode())
    assert b"In-Reply-To: " + own in second
    assert b"References: " + own in second


@given(st.from_regex(MAILBOX, fullmatch=True).filter(lambda text: len(text) <= 254))
def test_ids_of_any_sender_are_sent_as_they_are(mailbox: str) -> None:
    """No domain that a setting may name is encoded or folded."""
    domain = mailbox.rpartition("@")[2]
    identifier = f"<{uuid4()}.opened@{domain}>"
    for name in ("Message-ID", "In-Reply-To", "References"):
        _, header = POLICY.header_store_parse(name, identifier)
        assert POLICY.fold_binary(name, header) == f"{name}: {identifier}\r\n".encode()
