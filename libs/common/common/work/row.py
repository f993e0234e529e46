"""A row of work as it was taken, and the outcomes that one can have."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from common.contracts.problems import Code
from common.db.unit import Priority


@dataclass(frozen=True)
class Row:
    """One row of work as it was taken; `releases` holds the merchant's release counts of that moment, as JSON."""

    id: int
    kind: str
    key: str
    seq: int
    attempts: int
    problem: str | None
    trace: str
    releases: str = "{}"
    reason: str | None = None
    subject: str = ""
    failing_since: datetime | None = None
    priority: int = Priority.LIVE


@dataclass(frozen=True)
class More:
    """Outcome: this slice is over and the key stays due, behind the work that is due already."""


@dataclass(frozen=True)
class NotStarted:
    """Outcome: the slice ended before this key's turn. It stays as it is, so that no later key overtakes it."""


@dataclass(frozen=True)
class Retry:
    """Outcome: not finished, to be attempted again at `due`. With `failed`, it counts as a failed attempt.

    With a `problem`, the row counts as waiting under that problem, although it is still attempted. A failure that is
    not `counted` leaves the number of attempts as it is.
    """

    due: datetime
    failed: bool = False
    reason: str = ""
    problem: Code | None = None
    subject: str = ""
    counted: bool = True


@dataclass(frozen=True)
class Repeat:
    """Outcome: done, and due again at `due`."""

    due: datetime


@dataclass(frozen=True)
class Hold:
    """Outcome: waits for a person, under this problem."""

    problem: Code
    reason: str = ""
    subject: str = ""


@dataclass(frozen=True)
class Drop:
    """Outcome: no longer wanted. The row is deleted, and does not count as gone through."""


Outcome: TypeAlias = Retry | Repeat | Hold
