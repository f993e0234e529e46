"""The one small tree of errors: what is raised decides what the engine does next.

AppError
  Transient   again later:          Throttled, Unavailable, TimedOut, Conflict
  Permanent   never works:          Invalid, NotFound, Forbidden, Rejected, Undecodable
  Ambiguous   may have been applied: look before repeating
Held          waits for a person:   control, not a failure
Again         not yet:              control, not a failure

Anything else that is raised is a bug: a few tries, then parked with its traceback.
"""

import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from common.text import clean


class AppError(Exception):
    """Something went wrong that the engine knows how to treat. The class docstring is the default message."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").splitlines()[0])


class Transient(AppError):
    """It did not work this time; nothing was changed and a later try may succeed."""


class Throttled(Transient):
    """The other side asks for fewer calls. `retry_after` is its wish, absent when it named none."""

    def __init__(self, message: str = "", retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(Transient):
    """The other side cannot be reached or says it is not well."""


class TimedOut(Transient):
    """No answer in time to a question that changes nothing."""


class Conflict(Transient):
    """Two writers met in the database; the transaction was rolled back and may run again."""


class Permanent(AppError):
    """It will never work as it stands; repeating it is pointless."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong with an input: where, what, and what would put it right."""

    field: str
    problem: str
    remedy: str


class Invalid(Permanent):
    """The input is not acceptable. `problems` names each field, what is wrong and the remedy."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{each.field}: {each.problem}" for each in problems))
        self.problems = tuple(problems)

    @classmethod
    def field(cls, field: str, problem: str, remedy: str) -> "Invalid":
        return cls([Problem(field, problem, remedy)])


class NotFound(Permanent):
    """There is no such thing here."""


class Forbidden(Permanent):
    """The credentials do not open this."""


class Rejected(Permanent):
    """The other side understood and refused. `status` is its HTTP status."""

    def __init__(self, message: str = "", status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class Undecodable(Permanent):
    """What arrived cannot be read as what it claims to be."""


class Ambiguous(AppError):
    """The call may have been applied: look before repeating it."""


class Held(Exception):
    """What was asked waits until the problem with this code is solved."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class Again(Exception):
    """Not finished yet: run again after this delay. It may be told under a problem that this takes long."""

    def __init__(self, after: timedelta, problem: str | None = None) -> None:
        super().__init__(f"again in {after}")
        self.after = after
        self.problem = problem


def reason(error: Exception) -> str:
    """Why it failed, in words for an operator; a bug says where, never with which values."""
    if isinstance(error, AppError):
        return clean(str(error))[:2000]
    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" at {last[0].filename.rsplit('/', 2)[-1]}:{last[0].lineno} in {last[0].name}" if last else ""
    return f"{type(error).__name__}{place}"
