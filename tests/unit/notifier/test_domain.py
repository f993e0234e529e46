"""The rules of notifier, one by one."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import messages
from common.contracts.problems import Code, Severity
from notifier.domain import activity, mail, stores, times
from notifier.domain.mail import MAX_ATTEMPTS, Mail, MailKind, is_wanted
from notifier.domain.problems import Cause, Change, Report, Step, apply_report
from notifier.handlers import HANDLERS

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def tell(reports: list[Report]) -> tuple[list[Change], Cause]:
    """What each report does, one after another, and what is known in the end."""
    cause, steps = Cause(None, {}), []
    for report in reports:
        after = apply_report(cause, report)
        if after is None:
            continue
        steps.append(after)
        known = {**cause.reports, report.opened_at: report}
        if after.step is Step.RESOLVED:
            cause = Cause(None, {}, cause.finished | set(known))
        else:
            cause = Cause(cause.problem_id or uuid4(), known, cause.finished)
    return steps, cause


@st.composite
def histories(draw: st.DrawFn) -> list[Report]:
    """What up to three services tell of one cause: each opens, counts and closes; doubled, and in any order."""
    told = []
    for n in range(draw(st.integers(1, 3))):
        since = NOON + timedelta(seconds=n)
        counts = enumerate(draw(st.lists(st.integers(0, 9), max_size=3)), 1)
        told += [Report(since, waiting, 0, closed=False, revision=number) for number, waiting in counts]
        told.append(Report(since, 0, draw(st.integers(0, 9)), closed=True))
    return draw(st.permutations(told + draw(st.lists(st.sampled_from(told), max_size=4))))


@given(histories())
def test_once_all_have_closed_nothing_is_open(told: list[Report]) -> None:
    """Whatever the order and however often, the end is a solved problem and every number counted once."""
    steps, cause = tell(told)

    assert cause.problem_id is None
    assert cause.finished == {report.opened_at for report in told}
    done = {report.opened_at: report.resumed_count for report in told if report.closed}
    solved = sum(step.resumed_count for step in steps if step.step is Step.RESOLVED)
    assert solved == sum(first_closing(told, since) for since in done)


def first_closing(told: list[Report], since: datetime) -> int:
    return next(report.resumed_count for report in told if report.closed and report.opened_at == since)


@given(histories())
def test_openings_and_solutions_alternate(told: list[Report]) -> None:
    """No problem opens while it is open."""
    steps, _ = tell(told)
    is_open = False
    for each in steps:
        assert each.step is not Step.OPENED or not is_open
        assert each.step is not Step.CHANGED or is_open
        is_open = each.step is not Step.RESOLVED


@given(st.permutations([Report(NOON, 10 - n, 0, closed=False, revision=n) for n in range(1, 6)]))
def test_the_last_revision_is_believed_whichever_comes_last(told: list[Report]) -> None:
    """Repeats that overtake one another leave the number that was told last."""
    steps, _ = tell(told)
    assert steps[-1].waiting == 5


def test_a_problem_began_with_its_first_report() -> None:
    """Since when is the earliest time any service tells."""
    early, late = Report(NOON, 1, 0, closed=False), Report(NOON + timedelta(hours=1), 2, 0, closed=False)
    steps, _ = tell([late, early])
    assert (steps[-1].opened_at, steps[-1].waiting) == (NOON, 3)


SENT, CLAIMED = Mail(1, sent=True), Mail(1)


@pytest.mark.parametrize(
    ("kind", "is_open", "mails", "wanted"),
    [
        (MailKind.OPENED, True, {}, True),
        (MailKind.OPENED, False, {}, False),
        (MailKind.OPENED, True, {MailKind.OPENED: SENT}, False),
        (MailKind.OPENED, True, {MailKind.OPENED: CLAIMED}, True),
        (MailKind.OPENED, True, {MailKind.OPENED: Mail(MAX_ATTEMPTS)}, False),
        (MailKind.RESOLVED, False, {}, False),
        (MailKind.RESOLVED, False, {MailKind.OPENED: Mail(0)}, False),
        (MailKind.RESOLVED, False, {MailKind.OPENED: CLAIMED}, True),
        (MailKind.RESOLVED, False, {MailKind.OPENED: SENT}, True),
        (MailKind.RESOLVED, False, {MailKind.OPENED: SENT, MailKind.RESOLVED: SENT}, False),
    ],
)
def test_which_mail_is_wanted(kind: MailKind, is_open: bool, mails: dict[MailKind, Mail], wanted: bool) -> None:
    """Once each; none of a problem that was over before anybody was told; a solution only to who was told."""
    assert is_wanted(kind, is_open=is_open, mails=mails) is wanted


def test_keys_of_mails_read_back() -> None:
    """The key of a row of work says which e-mail it is."""
    problem_id = uuid4()
    assert mail.parse_mail_key(mail.mail_key(problem_id, MailKind.RESOLVED)) == (problem_id, MailKind.RESOLVED)


@pytest.mark.parametrize("code", list(Code))
def test_mail_is_sent_unless_a_problem_only_informs(code: Code) -> None:
    """A problem of severity `information` stays on the dashboard."""
    assert mail.is_mailed(code) is (code.severity is not Severity.INFORMATION)


def test_every_activity_has_words() -> None:
    """Each event that reaches the feed has words of its own."""
    silent = {"RecheckRequested"}
    assert {event.__name__ for event in HANDLERS} - silent == {event.__name__ for event in activity._DESCRIPTIONS}  # noqa: SLF001


@given(st.text(max_size=200))
def test_one_line_is_one_line(text: str) -> None:
    """Nothing any reader takes for the end of a line is left."""
    line = stores.one_line(text)
    assert len(line.splitlines()) <= 1
    assert line.isprintable()


def test_moments_are_said_where_the_merchant_is() -> None:
    """Today and yesterday are those of the merchant's own clock."""
    berlin = times.zone("Europe/Berlin")
    late = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
    assert times.relative(late, NOON, berlin) == "today at 00:30"
    assert times.relative(late, NOON, UTC) == "yesterday at 23:30"
    assert times.relative(late - timedelta(days=400), NOON, UTC) == "Saturday 18 October 2025 at 23:30"
    assert times.absolute(late, berlin) == "Monday 23 November 2026, 00:30 (CET)"
    assert times.zone("Nowhere/At All") is UTC
    assert times.zone("../../etc/passwd") is UTC
    assert times.zone("America") is UTC


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "less than a minute"),
        (59, "less than a minute"),
        (60, "1 minute"),
        (7200, "2 hours"),
        (86400 * 3, "3 days"),
    ],
)
def test_how_long_is_said_in_the_largest_unit(seconds: int, said: str) -> None:
    """Minutes, hours or days, never negative."""
    assert times.elapsed(NOON, NOON + timedelta(seconds=seconds), messages.for_locale()) == said


def test_an_unknown_region_counts_as_europe() -> None:
    """An unknown region never promises that customer details are sent."""
    texts = messages.for_locale()
    assert stores.customer_policy("xx", texts) == stores.customer_policy("eu", texts)
    assert "without customer details" in stores.customer_policy("eu", texts)
