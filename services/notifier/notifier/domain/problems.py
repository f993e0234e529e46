"""Decides when a merchant's problem opens, changes and is resolved, from the reports of the services."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from common.contracts.problems import MAX_AFFECTED, Affected, Code

RECHECK_INTERVAL = timedelta(seconds=5)
"""A recheck requested sooner than this after the last one is ignored: it is a double click."""


@dataclass(frozen=True)
class Problem:
    """A problem as the merchant sees it. `resolved_at` is None while it is open; `seq` is its number in the feed.

    `affected` names the first of the things that wait; `failing_since` is the time of the first failure, for a cause
    that is retried.
    """

    id: UUID
    merchant_id: str
    code: Code
    subject: str
    opened_at: datetime
    waiting: int
    resumed_count: int
    resolved_at: datetime | None
    rechecked_at: datetime | None
    seq: int
    affected: tuple[Affected, ...] = ()
    failing_since: datetime | None = None

    @property
    def began_at(self) -> datetime:
        """When the cause began, as far as known: a problem opens only after some failures."""
        return min(self.opened_at, self.failing_since or self.opened_at)

    @property
    def unnamed(self) -> int:
        """How many more wait than `affected` names; zero if it names none."""
        return max(self.waiting - len(self.affected), 0) if self.affected else 0


@dataclass(frozen=True)
class Report:
    """The state of a cause as one service reports it. Reports with the same `opened_at` are about one occurrence."""

    opened_at: datetime
    waiting: int
    resumed_count: int
    closed: bool
    revision: int = 0
    affected: tuple[Affected, ...] = ()
    failing_since: datetime | None = None

    def is_outdated_by(self, known: "Report") -> bool:
        """Return whether the known report is the later one, or the same. Nothing follows a closed report."""
        return known.closed or (not self.closed and self.revision <= known.revision)


@dataclass(frozen=True)
class Cause:
    """The reports about one cause.

    `reports` are those of the open problem, by `opened_at`; `finished` names the occurrences of problems that were
    resolved before. `problem_id` is None while no problem is open.
    """

    problem_id: UUID | None
    reports: Mapping[datetime, Report]
    finished: frozenset[datetime] = frozenset()


class Step(StrEnum):
    """The effect of a report on the merchant's problem."""

    OPENED = "opened"
    CHANGED = "changed"
    RESOLVED = "resolved"


@dataclass(frozen=True)
class Change:
    """The merchant's problem after a report."""

    step: Step
    opened_at: datetime
    waiting: int
    resumed_count: int
    affected: tuple[Affected, ...] = ()
    failing_since: datetime | None = None


def apply_report(cause: Cause, report: Report) -> Change | None:
    """Return the problem after this report, or None if the report is outdated.

    Reports may arrive in any order: each service's events are delivered at least once and may overtake one another.
    """
    known = cause.reports.get(report.opened_at)
    if report.opened_at in cause.finished or (known and report.is_outdated_by(known)):
        return None
    reports = {**cause.reports, report.opened_at: report}.values()
    resolved = all(each.closed for each in reports)
    step = Step.RESOLVED if resolved else Step.CHANGED if cause.problem_id else Step.OPENED
    return Change(
        step,
        opened_at=min(each.opened_at for each in reports),
        waiting=sum(each.waiting for each in reports),
        resumed_count=sum(each.resumed_count for each in reports),
        affected=tuple(named for each in reports if not each.closed for named in each.affected)[:MAX_AFFECTED],
        failing_since=min((each.failing_since for each in reports if each.failing_since), default=None),
    )
