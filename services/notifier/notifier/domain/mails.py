"""Which e-mail about a problem is wanted, and how far each got."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from common.contracts.problems import Code, Severity

SEND_MAIL = "send_mail"
"""The kind of work: one e-mail about one problem."""

LEARN_CONTACT = "learn_contact"
"""The kind of work: ask catalog for the merchant's name and address."""

CONTACT_KEPT = timedelta(minutes=10)
"""How long an address is written to before catalog is asked again."""

SETTLE = timedelta(seconds=2)
"""How long a problem is left to gather its count before it is written about."""

MOST_CLAIMS = 3
"""How often one e-mail is tried while it is in doubt whether the relay took it; then it counts as sent."""

DOUBT = timedelta(minutes=5)
"""The pause between such tries: a relay that hangs for a minute must not use them all up."""


class MailKind(StrEnum):
    """The e-mails there are; the name of the folder of their templates."""

    OPENED = "opened"
    SOLVED = "solved"


@dataclass(frozen=True)
class Mail:
    """How far an e-mail got: how often it was handed to the relay without a refusal, and whether it was taken."""

    claims: int = 0
    sent: bool = False


def mail_key(problem_id: UUID, kind: MailKind) -> str:
    return f"{problem_id}:{kind}"


def mail_of(key: str) -> tuple[UUID, MailKind]:
    problem_id, _, kind = key.partition(":")
    return UUID(problem_id), MailKind(kind)


def is_mailed(code: Code) -> bool:
    """Whether a problem is worth an e-mail; what only informs stays on the dashboard."""
    return code.severity is not Severity.INFORMATION


def is_in_doubt(mail: Mail) -> bool:
    """Whether it was tried so often without an answer that it counts as sent."""
    return not mail.sent and mail.claims >= MOST_CLAIMS


def is_wanted(kind: MailKind, *, is_open: bool, mails: Mapping[MailKind, Mail]) -> bool:
    """Whether this e-mail is still to be sent: once each, and of a solved problem only to who was told of it."""
    mail = mails.get(kind, Mail())
    if mail.sent or is_in_doubt(mail):
        return False
    return is_open if kind is MailKind.OPENED else mails.get(MailKind.OPENED, Mail()).claims > 0
