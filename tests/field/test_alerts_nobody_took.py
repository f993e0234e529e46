"""Users met: a relay answered 421 in the middle of a message, and after three of those the alert counted as sent.

An alert is given up only when a server took it. Until then it is retried for days and shown on the dashboard.
"""

from collections.abc import AsyncIterator
from email import message_from_bytes, policy

import pytest
from tests.integration.notifier.conftest import Notifier, directory, notifier, postbox
from tests.support.relay import STAGES, Relay, relaying

from common.contracts.problems import Code
from notifier.domain.mail import LONGEST_RETRY
from notifier.mail.smtp import SmtpClient
from notifier.settings import parse_smtp_url

__all__ = ["directory", "notifier", "postbox"]

TWO_DAYS = 2 * 24 * 3600


@pytest.fixture
async def relay(notifier: Notifier) -> AsyncIterator[Relay]:
    """The relay through which the service sends."""
    async with relaying() as made:
        client = SmtpClient(parse_smtp_url(made.url), timeout=2)
        object.__setattr__(notifier.service.deps, "smtp", client)
        yield made


async def pass_time(notifier: Notifier, seconds: int, step: int = 600) -> None:
    for _ in range(seconds // step):
        await notifier.run_until_idle()
        notifier.clock.advance(step)


@pytest.mark.parametrize("says", ["421 try later", ""], ids=["421", "disconnect"])
@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "confirmation"])
async def test_it_is_retried_for_days_and_then_arrives_once(
    notifier: Notifier, relay: Relay, stage: str, says: str
) -> None:
    """The relay breaks at any one stage for days; the alert arrives once, as soon as the relay accepts it."""
    relay.breaks_at, relay.says = stage, says
    await notifier.open()
    await pass_time(notifier, TWO_DAYS, step=1800)
    assert 8 <= relay.broken <= 40
    assert relay.taken == []
    assert await notifier.fetch("SELECT 1 FROM work WHERE held") == []

    relay.breaks_at = ""
    await pass_time(notifier, int(LONGEST_RETRY.total_seconds()) + 600)
    assert len(relay.taken) == 1


async def test_the_dashboard_shows_that_it_is_delayed(notifier: Notifier, relay: Relay) -> None:
    """The problem email_delayed opens while no server takes the alert, and closes when one did."""
    relay.breaks_at, relay.says = "content", "421 try later"
    await notifier.open()
    await pass_time(notifier, 3600)
    opened = await notifier.emitted_problems()
    assert opened[0] == ("problem.opened.v1", Code.EMAIL_DELAYED)

    relay.breaks_at = ""
    await pass_time(notifier, int(LONGEST_RETRY.total_seconds()))
    assert (await notifier.emitted_problems())[-1] == ("problem.closed.v1", Code.EMAIL_DELAYED)


async def test_check_again_sends_it_now(notifier: Notifier, relay: Relay) -> None:
    """The button under the delayed email does what it says."""
    relay.breaks_at = "DATA"
    await notifier.open()
    await pass_time(notifier, 12 * 3600)
    relay.breaks_at = ""
    await notifier.recheck(Code.EMAIL_DELAYED)
    await notifier.run_until_idle()
    assert len(relay.taken) == 1


async def test_an_alert_about_nothing_is_not_counted_as_sent(notifier: Notifier, relay: Relay) -> None:
    """The problem is resolved before a server took its alert: nothing is sent, and nobody reads that it was."""
    began = notifier.clock.now()
    relay.breaks_at = "EHLO"
    await notifier.open(opened_at=began)
    await pass_time(notifier, 3600)
    await notifier.close(opened_at=began)
    relay.breaks_at = ""
    await pass_time(notifier, int(LONGEST_RETRY.total_seconds()))
    assert relay.taken == []
    assert await notifier.closed_counts() == [0]


async def test_a_lost_confirmation_costs_duplicates_that_mail_programs_join(notifier: Notifier, relay: Relay) -> None:
    """A duplicate is better than a lost alert; all copies have one Message-ID."""
    relay.breaks_at = "confirmation"
    await notifier.open()
    await notifier.run_until_idle()
    relay.breaks_at = ""
    await pass_time(notifier, 1800)
    ids = [message_from_bytes(each, policy=policy.default)["Message-ID"] for each in relay.taken]
    assert (len(ids), len(set(ids))) == (2, 1)
