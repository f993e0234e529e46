"""Writes the emails: about problems, and those with a login link."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any
from uuid import UUID

from jinja2 import Environment

from common import messages
from common.catalog_client import Contact
from common.contracts.problems import Code
from common.errors import Rejected
from common.ids import uuid7
from notifier.domain import times
from notifier.domain.mail import MailKind
from notifier.domain.problems import Problem
from notifier.domain.stores import masked, one_line, region_name
from notifier.mail.headers import POLICY
from notifier.settings import parse_address


@dataclass(frozen=True)
class Recipient:
    """The store an email is about, and the contact it goes to."""

    merchant_id: str
    region: str
    timezone: str
    contact: Contact


@dataclass(frozen=True)
class MailComposer:
    """Writes emails with these templates, from this sender, with links to `public_url`."""

    templates: Environment
    sender: Address
    public_url: str

    def problem_mail(self, kind: MailKind, problem: Problem, to: Recipient, at: datetime) -> EmailMessage:
        """Write an email about this problem in its present state. Its Message-ID depends on the problem and kind only.

        Raises Rejected for a bad address.
        """
        where, texts = times.zone(to.timezone), messages.for_locale()
        values = {
            "title": texts.title(problem.code),
            "explanation": texts.explanation(problem.code),
            "remedy": texts.remedy(problem.code),
            "waiting": texts.waiting(problem.code, problem.waiting),
            "opened_at": times.absolute(problem.began_at, where, texts),
            "affected": [one_line(f"{each.subject}: {each.reason}".removesuffix(": ")) for each in problem.affected],
            "unnamed": problem.unnamed,
            "resumed_count": problem.resumed_count,
            "resumed": texts.resumed(problem.code, problem.resumed_count),
            "resolved": texts.resolved(problem.code, problem.resumed_count),
            "resolved_at": times.absolute(problem.resolved_at, where, texts) if problem.resolved_at else "",
            "subject": one_line(problem.subject),
            "link": f"{self.public_url}/dashboard/{problem.merchant_id}/",
            "reconnect": self._reconnect_link(problem),
        }
        message = self._message(kind, to, self._problem_id(problem.id, kind), at, values)
        if kind is MailKind.RESOLVED:  # mail programs then show both as one conversation
            message["In-Reply-To"] = message["References"] = self._problem_id(problem.id, MailKind.OPENED)
        return message

    def _reconnect_link(self, problem: Problem) -> str:
        """Return the address at which catalog sends a person to Clover to connect the store again."""
        if problem.code is not Code.CONNECTION_LOST:
            return ""
        return f"{self.public_url}/oauth/clover/launch?merchant_id={problem.merchant_id}"

    def link_mail(self, token: str, expires_at: datetime, to: Recipient, at: datetime) -> EmailMessage:
        """Write an email with a login link. Raises Rejected for a bad address."""
        values = {
            "link": f"{self.public_url}/dashboard/login?token={token}",
            "expires_at": times.absolute(expires_at, times.zone(to.timezone), messages.for_locale()),
        }
        return self._message("link", to, f"<{uuid7()}.link@{self.sender.domain}>", at, values)

    def _message(
        self, template: str, to: Recipient, message_id: str, at: datetime, values: Mapping[str, Any]
    ) -> EmailMessage:
        message = EmailMessage(policy=POLICY)
        message["From"] = self.sender
        message["To"] = _address(to.contact)
        message["Date"] = at
        message["Message-ID"] = message_id
        message["Auto-Submitted"] = "auto-generated"
        values = {**values, **_store(to)}
        message["Subject"] = one_line(self._render(template, "subject.txt", values))
        message.set_content(self._render(template, "body.txt", values), cte="quoted-printable")
        html = self._render(template, "body.html", values)
        message.add_alternative(html, subtype="html", cte="quoted-printable")
        return message

    def _problem_id(self, problem_id: UUID, kind: MailKind) -> str:
        return f"<{problem_id}.{kind}@{self.sender.domain}>"

    def _render(self, template: str, part: str, values: Mapping[str, Any]) -> str:
        return self.templates.get_template(f"email/{template}/{part}").render(values)


def _store(to: Recipient) -> dict[str, str]:
    return {
        "store_name": one_line(to.contact.name),
        "store_id": masked(to.merchant_id),
        "region": region_name(to.region, messages.for_locale()),
    }


def _address(contact: Contact) -> Address:
    try:
        return parse_address(contact.account_email)
    except ValueError:
        raise Rejected("The address of the account is not an email address.") from None
