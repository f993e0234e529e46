"""Writes the emails about problems."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from typing import Any
from uuid import UUID

from jinja2 import Environment

from common import messages
from common.errors import Rejected
from notifier.domain import times
from notifier.domain.mail import MailKind
from notifier.domain.problems import Problem
from notifier.domain.stores import masked, one_line, region_name
from notifier.mail.contacts import Contact
from notifier.settings import parse_address


@dataclass(frozen=True)
class ProblemMail:
    """One email about one problem, in the state the problem has when the email is written."""

    kind: MailKind
    problem: Problem
    timezone: str
    region: str


@dataclass(frozen=True)
class MailComposer:
    """Writes emails with these templates, from this sender, with links to `public_url`."""

    templates: Environment
    sender: Address
    public_url: str

    def compose(self, mail: ProblemMail, to: Contact, at: datetime) -> EmailMessage:
        """The message. Its Message-ID depends only on the problem and the kind. Raises Rejected for a bad address."""
        message = EmailMessage(policy=SMTP_POLICY)
        message["From"] = self.sender
        message["To"] = _recipient(to)
        message["Date"] = at
        message["Message-ID"] = self._message_id(mail.problem.id, mail.kind)
        if mail.kind is MailKind.RESOLVED:  # mail programs then show both as one conversation
            message["In-Reply-To"] = message["References"] = self._message_id(mail.problem.id, MailKind.OPENED)
        message["Auto-Submitted"] = "auto-generated"
        values = self._values(mail, one_line(to.name))
        message["Subject"] = one_line(self._render(mail.kind, "subject.txt", values))
        message.set_content(self._render(mail.kind, "body.txt", values), cte="quoted-printable")
        message.add_alternative(self._render(mail.kind, "body.html", values), subtype="html", cte="quoted-printable")
        return message

    def _message_id(self, problem_id: UUID, kind: MailKind) -> str:
        return f"<{problem_id}.{kind}@{self.sender.domain}>"

    def _render(self, kind: MailKind, part: str, values: Mapping[str, Any]) -> str:
        return self.templates.get_template(f"email/{kind}/{part}").render(values)

    def _values(self, mail: ProblemMail, store_name: str) -> dict[str, Any]:
        problem, where, texts = mail.problem, times.zone(mail.timezone), messages.for_locale()
        return {
            "title": texts.title(problem.code),
            "explanation": texts.explanation(problem.code),
            "remedy": texts.remedy(problem.code),
            "waiting": texts.waiting(problem.code, problem.waiting),
            "opened_at": times.absolute(problem.opened_at, where),
            "resumed_count": problem.resumed_count,
            "resumed": texts.resumed(problem.code, problem.resumed_count),
            "resolved": texts.resolved(problem.code, problem.resumed_count),
            "resolved_at": times.absolute(problem.resolved_at, where) if problem.resolved_at else "",
            "subject": one_line(problem.subject),
            "store_name": store_name,
            "store_id": masked(problem.merchant_id),
            "region": region_name(mail.region, texts),
            "link": f"{self.public_url}/dashboard/{problem.merchant_id}/",
        }


def _recipient(contact: Contact) -> Address:
    try:
        return parse_address(contact.account_email)
    except ValueError:
        raise Rejected("The address of the account is not an email address.") from None
