"""The rules of notifier, one by one."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import messages
from common.contracts.orders import OrderSynced
from common.contracts.problems import Code, Severity
from notifier.domain import activity, mail, stores, times
from notifier.domain.mail import FIRST_RETRY, LONGEST_RETRY, Mail, MailKind, is_wanted, retry_delay
from notifier.domain.problems import Cause, Change, Report, Step, apply_report
from notifier.handlers import HANDLERS

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def apply_all(reports: list[Report]) -> tuple[list[Change], Cause]:
    """Apply the reports one after another. Returns the changes, and the reports known in the end."""
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
    """Reports of up to three services about one cause: each opens, counts and closes; repeated, in any order."""
    reports = []
    for n in range(draw(st.integers(1, 3))):
        opened_at = NOON + timedelta(seconds=n)
        counts = enumerate(draw(st.lists(st.integers(0, 9), max_size=3)), 1)
        reports += [Report(opened_at, waiting, 0, closed=False, revision=number) for number, waiting in counts]
        reports.append(Report(opened_at, 0, draw(st.integers(0, 9)), closed=True))
    return draw(st.permutations(reports + draw(st.lists(st.sampled_from(reports), max_size=4))))


@given(histories())
def test_a_problem_resolves_once_all_reports_have_closed(reports: list[Report]) -> None:
    """In any order and with any repeats, the problem ends resolved and each number counts once."""
    steps, cause = apply_all(reports)

    assert cause.problem_id is None
    assert cause.finished == {report.opened_at for report in reports}
    closed = {report.opened_at: report.resumed_count for report in reports if report.closed}
    resumed = sum(step.resumed_count for step in steps if step.step is Step.RESOLVED)
    assert resumed == sum(first_closing(reports, opened_at) for opened_at in closed)


def first_closing(reports: list[Report], opened_at: datetime) -> int:
    return next(report.resumed_count for report in reports if report.closed and report.opened_at == opened_at)


@given(histories())
def test_openings_and_resolutions_alternate(reports: list[Report]) -> None:
    """No problem opens while it is open."""
    steps, _ = apply_all(reports)
    is_open = False
    for each in steps:
        assert each.step is not Step.OPENED or not is_open
        assert each.step is not Step.CHANGED or is_open
        is_open = each.step is not Step.RESOLVED


@given(st.permutations([Report(NOON, 10 - n, 0, closed=False, revision=n) for n in range(1, 6)]))
def test_the_highest_revision_wins(reports: list[Report]) -> None:
    """Repeats that overtake one another leave the count of the latest revision."""
    steps, _ = apply_all(reports)
    assert steps[-1].waiting == 5


def test_a_problem_starts_with_its_earliest_report() -> None:
    """`opened_at` is the earliest time that any service reports."""
    early, late = Report(NOON, 1, 0, closed=False), Report(NOON + timedelta(hours=1), 2, 0, closed=False)
    steps, _ = apply_all([late, early])
    assert (steps[-1].opened_at, steps[-1].waiting) == (NOON, 3)


SENT, ATTEMPTED = Mail(1, sent=True), Mail(1)


@pytest.mark.parametrize(
    ("kind", "is_open", "mails", "wanted"),
    [
        (MailKind.OPENED, True, {}, True),
        (MailKind.OPENED, False, {}, False),
        (MailKind.OPENED, True, {MailKind.OPENED: SENT}, False),
        (MailKind.OPENED, True, {MailKind.OPENED: ATTEMPTED}, True),
        (MailKind.OPENED, True, {MailKind.OPENED: Mail(100)}, True),
        (MailKind.RESOLVED, False, {}, False),
        (MailKind.RESOLVED, False, {MailKind.OPENED: Mail(0)}, False),
        (MailKind.RESOLVED, False, {MailKind.OPENED: ATTEMPTED}, True),
        (MailKind.RESOLVED, False, {MailKind.OPENED: SENT}, True),
        (MailKind.RESOLVED, False, {MailKind.OPENED: SENT, MailKind.RESOLVED: SENT}, False),
    ],
)
def test_which_email_is_wanted(kind: MailKind, is_open: bool, mails: dict[MailKind, Mail], wanted: bool) -> None:
    """Each kind once; none for a problem resolved before its first email; the end only after a first email."""
    assert is_wanted(kind, is_open=is_open, mails=mails) is wanted


def test_a_mail_key_names_its_email() -> None:
    """The key of the work gives the problem and the kind of email."""
    problem_id = uuid4()
    assert mail.parse_mail_key(mail.mail_key(problem_id, MailKind.RESOLVED)) == (problem_id, MailKind.RESOLVED)


@pytest.mark.parametrize("code", list(Code))
def test_mail_is_sent_unless_a_problem_only_informs(code: Code) -> None:
    """A problem of severity `information` stays on the dashboard."""
    assert mail.is_mailed(code) is (code.severity is not Severity.INFORMATION)


def test_every_activity_has_a_description() -> None:
    """Each event that reaches the feed has a text of its own."""
    silent = {"ContactChanged", "RecheckRequested"}
    assert {event.__name__ for event in HANDLERS} - silent == {event.__name__ for event in activity._DESCRIPTIONS}  # noqa: SLF001


def test_an_order_that_is_not_paid_is_not_called_paid() -> None:
    """The feed names what is due, as with cash on delivery."""
    synced = OrderSynced(
        merchant_id="MRCHNT0000001",
        channel="woo",
        store="s",
        source_id="7",
        clover_order_id="0RDER00000001",
        currency="USD",
        total=3499,
    )
    texts = messages.for_locale()
    assert [activity.describe(each, texts).message for each in (synced, synced.model_copy(update={"due": 1000}))] == [
        "Order 7 is in Clover, $34.99, paid.",
        "Order 7 is in Clover, $34.99. $10.00 of it is not paid yet.",
    ]


@given(st.text(max_size=200))
def test_one_line_is_one_line(text: str) -> None:
    """No character that a reader could take for a line break is left."""
    line = stores.one_line(text)
    assert len(line.splitlines()) <= 1
    assert line.isprintable()


def test_times_are_in_the_merchants_zone() -> None:
    """Today and yesterday are those of the merchant's own clock."""
    berlin, texts = times.zone("Europe/Berlin"), messages.for_locale()
    late = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
    assert times.relative(late, NOON, berlin, texts) == "today at 00:30"
    assert times.relative(late, NOON, UTC, texts) == "yesterday at 23:30"
    assert times.relative(late - timedelta(days=400), NOON, UTC, texts) == "Saturday 18 October 2025 at 23:30"
    assert times.absolute(late, berlin, texts) == "Monday 23 November 2026, 00:30 (CET)"
    assert times.zone("Nowhere/At All") is UTC
    assert times.zone("../../etc/passwd") is UTC
    assert times.zone("America") is UTC


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-5, "less than a minute"),
        (59, "less than a minute"),
        (60, "1 minute"),
        (7200, "2 hours"),
        (86400 * 3, "3 days"),
    ],
)
def test_elapsed_time_has_its_largest_unit(seconds: int, expected: str) -> None:
    """Minutes, hours or days, never negative."""
    assert times.elapsed(NOON, NOON + timedelta(seconds=seconds), messages.for_locale()) == expected


def test_an_unknown_region_counts_as_europe() -> None:
    """An unknown region never promises that customer details are sent."""
    texts = messages.for_locale()
    assert stores.customer_policy("xx", texts) == stores.customer_policy("eu", texts)
    assert "without customer details" in stores.customer_policy("eu", texts)


@given(st.integers(1, 10**6))
def test_the_pauses_between_attempts_grow_and_are_bounded(attempts: int) -> None:
    """Each pause is at least half of its bound, which doubles up to six hours."""
    bound = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(attempts - 1, 12))
    assert bound / 2 <= retry_delay(attempts) <= bound
