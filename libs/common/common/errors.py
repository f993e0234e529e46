"""The tree of errors: the class of an exception decides the engine's next step.

AppError
  Transient   retried later:         Throttled, Unavailable, TimedOut, Conflict, FromNewerVersion
                                     OutOfService: a Throttled of our own, while the other side is down
  Permanent   never works:           Invalid, NotFound, Forbidden, Rejected, Undecodable
  Ambiguous   may have been applied: look before repeating
Held          waits for a person:    control flow, not a failure
Again         not yet:               control flow, not a failure; AllAgain for the whole batch

Any other exception is a bug: after a few attempts the message becomes a dead letter, and the work is held.
"""

import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from common.text import clean


class AppError(Exception):
    """An error that the engine knows how to treat. The class docstring is the default message."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").splitlines()[0])


class Transient(AppError):
    """It failed this time; nothing was changed and a later attempt may succeed, after `retry_after` if it is known."""

    retry_after: timedelta | None = None


class Throttled(Transient):
    """The other side asks for fewer calls. `retry_after` is its Retry-After, None when it sent none."""

    def __init__(self, message: str = "", retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class OutOfService(Throttled):
    """The other side does not respond; it is called again after `retry_after`."""


class Unavailable(Transient):
    """The other side cannot be reached or reports a failure of its own."""


class TimedOut(Transient):
    """A read was not answered in time."""


class Conflict(Transient):
    """Two transactions conflicted; this one was rolled back and may run again."""


class FromNewerVersion(Transient):
    """Only a newer version of this service can read it."""


class Permanent(AppError):
    """It never works in this form; repeating it is pointless."""


@dataclass(frozen=True)
class Problem:
    """One fault of an input: its field, the fault, and the remedy."""

    field: str
    problem: str
    remedy: str


class Invalid(Permanent):
    """The input is not acceptable. `problems` names each field, its fault and the remedy."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{each.field}: {each.problem}" for each in problems))
        self.problems = tuple(problems)

    @classmethod
    def field(cls, field: str, problem: str, remedy: str) -> "Invalid":
        """Build the error for one fault of one field."""
        return cls([Problem(field, problem, remedy)])


class NotFound(Permanent):
    """It does not exist."""


class Forbidden(Permanent):
    """The credentials do not allow this."""


class Rejected(Permanent):
    """The other side understood and refused. `status` is its HTTP status."""

    def __init__(self, message: str = "", status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class Undecodable(Permanent):
    """The input cannot be decoded as its declared type."""


class Ambiguous(AppError):
    """The call may have been applied: look before repeating it."""


class Held(Exception):
    """The work waits until the problem with this code is resolved. `reason` may be shown to the merchant."""

    def __init__(self, problem: str, reason: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.reason = reason


class Again(Exception):
    """The work is not finished: run it again after this delay, optionally reported under a problem."""

    def __init__(self, after: timedelta, problem: str | None = None) -> None:
        super().__init__(f"again in {after}")
        self.after = after
        self.problem = problem


class AllAgain(Again):
    """No key of this batch that is not done yet is finished: run them all again after this delay."""


def reason(error: Exception) -> str:
    """Describe the error for an operator; a bug is described by its place in the code, never by its values."""
    if isinstance(error, AppError):
        return clean(str(error))[:2000]
    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" at {last[0].filename.rsplit('/', 2)[-1]}:{last[0].lineno} in {last[0].name}" if last else ""
    return f"{type(error).__name__}{place}"
