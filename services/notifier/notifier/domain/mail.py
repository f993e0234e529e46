"""Which emails about a problem are wanted, and how far each one got."""

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

MAX_ATTEMPTS = 3
"""How often one email is sent while it is unknown whether the mail server accepted it. Then it counts as sent."""

RETRY_IN_DOUBT = timedelta(minutes=5)
"""The pause between those attempts, so that a server that hangs for a minute does not use up all of them."""


class MailKind(StrEnum):
    """The kinds of email. Each is also the name of the folder of its templates."""

    OPENED = "opened"
    RESOLVED = "resolved"


@dataclass(frozen=True)
class Mail:
    """How far an email got. `attempts` counts those that the server did not refuse; `sent` means it accepted one."""

    attempts: int = 0
    sent: bool = False

    @property
    def is_given_up(self) -> bool:
        """Whether it was attempted so often without an answer that it counts as sent."""
        return not self.sent and self.attempts >= MAX_ATTEMPTS


NOT_ATTEMPTED = Mail()


def mail_key(problem_id: UUID, kind: MailKind) -> str:
    """The key of the work that sends this email."""
    return f"{problem_id}:{kind}"


def parse_mail_key(key: str) -> tuple[UUID, MailKind]:
    problem_id, _, kind = key.partition(":")
    return UUID(problem_id), MailKind(kind)


def is_mailed(code: Code) -> bool:
    """Whether problems of this code are sent by email; those that only inform are shown on the dashboard alone."""
    return code.severity is not Severity.INFORMATION


def is_wanted(kind: MailKind, *, is_open: bool, mails: Mapping[MailKind, Mail]) -> bool:
    """Whether this email still has to be sent. The end of a problem is mailed only if its beginning was."""
    mail = mails.get(kind, NOT_ATTEMPTED)
    if mail.sent or mail.is_given_up:
        return False
    return is_open if kind is MailKind.OPENED else mails.get(MailKind.OPENED, NOT_ATTEMPTED).attempts > 0
