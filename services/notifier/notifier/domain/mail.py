"""Decides which emails about a problem are wanted, and when a failed one is sent again."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from common.contracts.problems import Code, Severity

CONTACT_LIFETIME = timedelta(minutes=10)
"""How long a contact is used before catalog is asked again."""

FIRST_MAIL_DELAY = timedelta(seconds=2)
"""How long a problem collects its count before the first email: one cause stops many orders at once."""

OUTAGE_MAIL_DELAY = timedelta(minutes=5)
"""The same for an outage of Clover. The dashboard shows it within a minute, and most are over before this."""

FIRST_RETRY = timedelta(seconds=20)
LONGEST_RETRY = timedelta(hours=6)
"""A server that takes every email and loses every confirmation gets few duplicates, and one that was down for days is
used soon after it is back."""


class MailKind(StrEnum):
    """The kinds of email about a problem. Each is also the name of the folder of its templates."""

    OPENED = "opened"
    RESOLVED = "resolved"


@dataclass(frozen=True)
class Mail:
    """How far an email got. `attempts` counts those that the server did not refuse; `sent` means it accepted one."""

    attempts: int = 0
    sent: bool = False


NOT_ATTEMPTED = Mail()


def mail_key(problem_id: UUID, kind: MailKind) -> str:
    """Return the key of the work that sends this email."""
    return f"{problem_id}:{kind}"


def parse_mail_key(key: str) -> tuple[UUID, MailKind]:
    problem_id, _, kind = key.partition(":")
    return UUID(problem_id), MailKind(kind)


def is_mailed(code: Code) -> bool:
    """Return whether problems of this code are sent by email; those that only inform are on the dashboard alone."""
    return code.severity is not Severity.INFORMATION


def first_mail_delay(code: Code) -> timedelta:
    """Return how long after its problem opened the first email is sent."""
    return OUTAGE_MAIL_DELAY if code is Code.CLOVER_UNREACHABLE else FIRST_MAIL_DELAY


def is_wanted(kind: MailKind, *, is_open: bool, mails: Mapping[MailKind, Mail]) -> bool:
    """Return whether this email still has to be sent. The end of a problem is mailed only if its beginning was."""
    if mails.get(kind, NOT_ATTEMPTED).sent:
        return False
    return is_open if kind is MailKind.OPENED else mails.get(MailKind.OPENED, NOT_ATTEMPTED).attempts > 0


def retry_delay(attempts: int) -> timedelta:
    """Return the pause after this many failures in a row: it doubles up to six hours, with up to half as jitter."""
    whole = min(LONGEST_RETRY, FIRST_RETRY * (1 << min(attempts - 1, 20)))
    return whole * random.uniform(0.5, 1)
