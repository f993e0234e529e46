"""When a merchant's problem opens, changes and is solved, from what the services report of its cause."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

RECHECK_PAUSE = timedelta(seconds=5)
"""Asking again sooner than this is the same question."""


@dataclass(frozen=True)
class Report:
    """What one service says of a cause. `since` tells one such cause from the next; a closing is the last of it."""

    since: datetime
    waiting: int
    done: int
    closed: bool
    revision: int = 0

    def is_overtaken_by(self, known: "Report") -> bool:
        """Whether what is known came after this, or says the same."""
        return known.closed or (not self.closed and self.revision <= known.revision)


@dataclass(frozen=True)
class Cause:
    """What is known of one cause: its open problem, if there is one, with the reports it is made of."""

    problem_id: UUID | None
    reports: Mapping[datetime, Report]
    over: frozenset[datetime] = frozenset()


class Step(StrEnum):
    """What a report does to the merchant's problem."""

    OPENED = "opened"
    CHANGED = "changed"
    SOLVED = "solved"


@dataclass(frozen=True)
class Followed:
    """The merchant's problem after a report."""

    step: Step
    since: datetime
    waiting: int
    done: int


def follow(cause: Cause, report: Report) -> Followed | None:
    """The problem after this report, whatever came before it; None for one that tells nothing new."""
    known = cause.reports.get(report.since)
    if report.since in cause.over or (known and report.is_overtaken_by(known)):
        return None
    reports = [each for since, each in cause.reports.items() if since != report.since] + [report]
    solved = all(each.closed for each in reports)
    step = Step.SOLVED if solved else Step.CHANGED if cause.problem_id else Step.OPENED
    return Followed(
        step,
        min(each.since for each in reports),
        sum(each.waiting for each in reports),
        sum(each.done for each in reports),
    )
